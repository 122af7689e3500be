"""What a plugin declares in its YAML files, as Dify reads it: permissions, provider, tools, parameters."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a tool."""

    name: str
    type: str
    form: str
    """`llm`: the model fills it; `form`: the builder of the app does."""
    required: bool = False
    default: Any = None
    options: tuple[str, ...] = ()
    llm_description: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool."""

    name: str
    label: str
    description: str
    """For people."""
    llm_description: str
    """For the model; Dify sends this one."""
    parameters: tuple[Parameter, ...]
    variables: tuple[str, ...]
    """The output variables of `output_schema`."""

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name, if there is one."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One plugin."""

    author: str
    name: str
    version: str
    entrypoint: str
    provider: str
    tools: tuple[Tool, ...]
    permission: Mapping[str, Any] = field(default_factory=dict)
    credentials: tuple[str, ...] = ()
    """The names of the provider's settings."""

    @property
    def provider_id(self) -> str:
        """The provider as Dify names it in its messages: author/plugin/provider."""
        return f"{self.author}/{self.name}/{self.provider}"

    @property
    def storage_quota(self) -> int:
        """Bytes that one workspace may store; -1 where the manifest has no `storage` key."""
        storage = self.permission.get("storage")
        return int(storage.get("size", 1_048_576)) if storage else -1

    def tool(self, name: str) -> Tool:
        """The tool of that name.

        Raises:
            LookupError: naming the tools that there are.
        """
        for tool in self.tools:
            if tool.name == name:
                return tool
        raise LookupError(f"There is no tool {name!r}; the tools are {', '.join(tool.name for tool in self.tools)}.")


def read_declaration(root: Path) -> Declaration:
    """What the plugin in this folder declares.

    Raises:
        FileNotFoundError: a YAML that the manifest names is not there.
    """
    manifest = _yaml(root / "manifest.yaml")
    provider = _yaml(root / manifest["plugins"]["tools"][0])
    return declared(manifest, provider, [_yaml(root / path) for path in provider["tools"]])


def declared(manifest: Mapping[str, Any], provider: Mapping[str, Any], tools: Iterable[Mapping[str, Any]]) -> Declaration:
    """What these documents declare: of the YAML files, or as the SDK sends them to a debug server."""
    return Declaration(
        author=manifest["author"],
        name=manifest["name"],
        version=str(manifest["version"]),
        entrypoint=manifest["meta"]["runner"]["entrypoint"],
        provider=provider["identity"]["name"],
        tools=tuple(_tool(tool) for tool in tools),
        permission=manifest["resource"].get("permission") or {},
        credentials=tuple(_settings(provider)),
    )


def _settings(provider: Mapping[str, Any]) -> Iterator[str]:
    yield from provider.get("credentials_for_provider") or ()
    yield from (setting["name"] for setting in provider.get("credentials_schema") or ())


def _yaml(path: Path) -> dict[str, Any]:
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return loaded if isinstance(loaded, dict) else {}


def _tool(document: Mapping[str, Any]) -> Tool:
    description = document["description"]
    return Tool(
        name=document["identity"]["name"],
        label=_english(document["identity"].get("label")),
        description=_english(description.get("human")),
        llm_description=str(description.get("llm") or ""),
        parameters=tuple(_parameters(document.get("parameters") or ())),
        variables=tuple((document.get("output_schema") or {}).get("properties") or ()),
    )


def _parameters(documents: Iterable[Mapping[str, Any]]) -> Iterator[Parameter]:
    for document in documents:
        yield Parameter(
            name=document["name"],
            type=document["type"],
            form=document["form"],
            required=bool(document.get("required")),
            default=document.get("default"),
            options=tuple(str(option["value"]) for option in document.get("options") or ()),
            llm_description=str(document.get("llm_description") or ""),
            label=_english(document.get("label")),
        )


def _english(text: Mapping[str, str] | None) -> str:
    return str((text or {}).get("en_US") or "")
