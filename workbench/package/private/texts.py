"""What people read in a private package."""

import json
from collections.abc import Sequence
from typing import Any

from workbench.package.private.tool import TypedTool

_MOST_NAMED = 20

CATALOG_HELP = {
    "en_US": "A catalog instead of the packaged one: JSON, flow YAML, base64:…, https://… or file:name. The tools stay.",
    "zh_Hans": "替代内置目录的另一个目录:JSON、流式 YAML、base64:…、https://… 或 file:文件名。工具不变。",
    "ja_JP": "内蔵カタログに代わる別のカタログ: JSON、フロー YAML、base64:…、https://… または file:名前。ツールは変わりません。",
    "pt_BR": "Outro catálogo em vez do incluído: JSON, YAML flow, base64:…, https://… ou file:nome. As ferramentas não mudam.",
}


def description(tools: Sequence[TypedTool]) -> dict[str, str]:
    """One sentence about the plugin, for each language."""
    more = ", …" if len(tools) > _MOST_NAMED else ""
    names = ", ".join(tool.name for tool in tools[:_MOST_NAMED])[:600] + more
    return {
        "en_US": f"Your own functions as typed tools, with roles, limits, caching, masking and audit: {names}.",
        "zh_Hans": f"将您自己的函数作为类型化工具使用,内置角色权限、限流、缓存、脱敏与审计:{names}。",
        "ja_JP": f"自社の関数を型付きツールとして使えます。ロール、制限、キャッシュ、マスキング、監査を備えています: {names}。",
        "pt_BR": f"Suas funções como ferramentas tipadas, com papéis, limites, cache, mascaramento e auditoria: {names}.",
    }


def secrets_form(secrets: Sequence[str]) -> dict[str, Any]:
    """The form's field for what the catalog names as `${secret:name}`; required where there is one."""
    if not secrets:
        return {"required": False}
    names = ", ".join(secrets)[:600]
    example = json.dumps(dict.fromkeys(secrets[:8], "…"), ensure_ascii=False)
    return {
        "required": True,
        "help": {
            "en_US": f"What the packaged catalog needs, as one JSON object of texts: {names}.",
            "zh_Hans": f"内置目录所需的密钥,写成一个 JSON 对象,值为文本:{names}。",
            "ja_JP": f"パッケージのカタログが必要とする秘密情報を、文字列だけの JSON オブジェクト 1 つで指定します: {names}。",
            "pt_BR": f"O que o catálogo do pacote precisa, como um único objeto JSON de textos: {names}.",
        },
        "placeholder": dict.fromkeys(("en_US", "zh_Hans", "ja_JP", "pt_BR"), example[:1_000]),
    }


def readme(name: str, tools: Sequence[TypedTool], secrets: Sequence[str], source: str) -> str:
    """README.md of the package."""
    rows = "\n".join(f"| `{tool.name}` | {' '.join(tool.describe.split()).replace('|', '/')} |" for tool in tools)
    listed = ", ".join(f"`{secret}`" for secret in secrets)
    needed = f"fill in the credential `secrets`: {listed}" if secrets else "no credentials are needed"
    return f"""# {name}

A private plugin for Dify, made with FaaS Toolkit ({source}): each function of the catalog in `packaged_catalog.yaml` is a tool.

| tool | what |
|---|---|
{rows}

**Setup.** Install the package in Dify (Plugins, Install, Local package); {needed}.
What the functions connect to stands in the catalog.

**Usage.** Add the tools to an agent or a workflow. `diagnose` says what is set up and what to repair.
"""
