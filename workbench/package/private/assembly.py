"""Puts a private package together: the public one's code, a catalog, and a tool for each function of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from faas_toolkit.catalog.document import read_document
from faas_toolkit.wiring import PACKAGED_CATALOG
from workbench import catalog_file
from workbench.package.contents import Package
from workbench.package.private import texts
from workbench.package.private.tool import TypedTool, same_in_all, title

KEPT_TOOL = "diagnose"
"""Stays beside the typed ones: without it nobody could see what is wrong with the catalog."""
_LEFT_OUT = ("tools/", "provider/", "endpoints/", "readme/")


class CannotBuild(ValueError):
    """The catalog or a name cannot become a package; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the private plugin is called."""

    name: str
    author: str = ""
    """Empty: as the public one."""
    version: str = ""
    """Empty: as the public one."""


def private_files(public: Mapping[str, bytes], catalog: str, identity: Identity) -> dict[str, bytes]:
    """The files of the private package.

    Raises:
        CannotBuild: the catalog has errors or no functions, or the name is the public plugin's.
    """
    base = Package(public)
    author, version = identity.author or base.manifest["author"], identity.version or base.manifest["version"]
    if (author, identity.name) == (base.manifest["author"], base.manifest["name"]):
        raise CannotBuild(
            f"{author}/{identity.name} is the public plugin, which this package would replace. Choose another name."
        )
    tools = typed_tools(catalog, base)
    secrets = catalog_file.secrets_of(catalog)
    files = {name: content for name, content in public.items() if not name.startswith(_LEFT_OUT)}
    files[PACKAGED_CATALOG] = catalog.encode()
    files["README.md"] = texts.readme(identity.name, tools, secrets, base.manifest["repo"]).encode()
    files["manifest.yaml"] = _yaml(_manifest(base, identity.name, author, version, tools))
    files[f"provider/{identity.name}.yaml"] = _yaml(_provider(base, identity.name, author, tools, secrets))
    files[f"provider/{identity.name}.py"] = public[base.provider["extra"]["python"]["source"]]
    files[f"tools/{KEPT_TOOL}.yaml"] = _yaml(_kept(base, author))
    files[f"tools/{KEPT_TOOL}.py"] = public[f"tools/{KEPT_TOOL}.py"]
    for tool in tools:
        files[f"tools/{tool.name}.yaml"] = _yaml(tool.declaration(author))
        files[f"tools/{tool.name}.py"] = tool.code().encode()
    return files


def typed_tools(catalog: str, base: Package) -> list[TypedTool]:
    """A tool for each function of the catalog, in its order; raises `CannotBuild`."""
    errors = [finding for finding in catalog_file.findings(catalog) if finding.severity == "error"]
    if errors:
        raise CannotBuild("The catalog cannot be used:\n" + "\n".join(str(error) for error in errors))
    document = read_document(catalog).value
    if isinstance(document, str):
        raise CannotBuild("The file holds a catalog in one line for Dify's form. Give the YAML or JSON that it was made from.")
    functions = document.get("functions") if isinstance(document, Mapping) else None
    if not functions:
        raise CannotBuild(
            "The catalog has no functions, so there would be no tools. Add some under `functions` (docs/catalog.md)."
        )
    general, tools = base.tools["tools/function_call.yaml"], []
    taken = {KEPT_TOOL, *(function for function in functions if _keeps_its_name(function))}
    for function, section in functions.items():
        name = function if _keeps_its_name(function) else _tool_name(function, taken)
        taken.add(name)
        tools.append(TypedTool(name=name, function=function, section=section, general=general))
    return tools


def _keeps_its_name(function: str) -> bool:
    """Whether the function's name can be a tool's and a file's; lower case, since some file systems know no other."""
    return re.fullmatch(r"[a-z0-9_-]{1,60}", function) is not None and not function.startswith("__") and function != KEPT_TOOL


def _tool_name(function: str, taken: set[str]) -> str:
    name = re.sub(r"[^a-z0-9_-]", "_", function.lower()).lstrip("_")[:40] or "function"
    name = f"function_{name}" if name == KEPT_TOOL else name
    return next(each for each in (name, *(f"{name}_{number}" for number in range(2, 10_000))) if each not in taken)


def _manifest(base: Package, name: str, author: str, version: str, tools: Sequence[TypedTool]) -> dict[str, Any]:
    manifest = dict(base.manifest)
    permission = {kind: asked for kind, asked in manifest["resource"]["permission"].items() if kind != "endpoint"}
    return {
        **manifest,
        "version": version,
        "author": author,
        "name": name,
        "label": same_in_all(title(name)),
        "description": texts.description(tools),
        "resource": {**manifest["resource"], "permission": permission},
        "plugins": {"tools": [f"provider/{name}.yaml"]},
    }


def _provider(base: Package, name: str, author: str, tools: Sequence[TypedTool], secrets: Sequence[str]) -> dict[str, Any]:
    settings = {setting: dict(form) for setting, form in base.provider["credentials_for_provider"].items()}
    settings["catalog"]["help"] = texts.CATALOG_HELP
    settings["secrets"].update(texts.secrets_form(secrets))
    identity = {"author": author, "name": name, "label": same_in_all(title(name)), "description": texts.description(tools)}
    return {
        "identity": {**base.provider["identity"], **identity},
        "credentials_for_provider": settings,
        "tools": [f"tools/{tool.name}.yaml" for tool in tools] + [f"tools/{KEPT_TOOL}.yaml"],
        "extra": {"python": {"source": f"provider/{name}.py"}},
    }


def _kept(base: Package, author: str) -> dict[str, Any]:
    """`diagnose`, without the sentences that send a model to a tool that is not there."""
    declaration = dict(base.tools[f"tools/{KEPT_TOOL}.yaml"])
    others = {tool["identity"]["name"] for tool in base.tools.values()} - {KEPT_TOOL}
    sentences = re.split(r"(?<=\.) ", declaration["description"]["llm"])
    said = " ".join(sentence for sentence in sentences if not any(other in sentence for other in others))
    return {
        **declaration,
        "identity": {**declaration["identity"], "author": author},
        "description": {**declaration["description"], "llm": said},
    }


class _Written(yaml.SafeDumper):
    """No aliases: Dify's daemon drops them in silence."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _yaml(document: Mapping[str, Any]) -> bytes:
    written: str = yaml.dump(document, Dumper=_Written, allow_unicode=True, sort_keys=False, width=130)
    return written.encode()
