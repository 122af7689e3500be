"""A package as who receives it sees it: files, and the declarations among them."""

import ast
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what would be right."""

    place: str
    """A file, with the key in it, e.g. `manifest.yaml: contact`."""
    text: str
    right: str

    def __str__(self) -> str:
        """`place: text right`."""
        return f"{self.place}: {self.text} {self.right}"


class Package:
    """The files of a package. What cannot be read is empty here, and the rule `files_can_be_read` says so.

    Args:
        files: contents by name.
        executable: the names that have an executable bit.
        packed_bytes: the size of the zip; 0: not known.
    """

    def __init__(self, files: Mapping[str, bytes], *, executable: frozenset[str] = frozenset(), packed_bytes: int = 0) -> None:
        self.files = files
        self.executable = executable
        self.packed_bytes = packed_bytes

    @classmethod
    def open(cls, path: Path) -> "Package":
        """The package in this zip."""
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            return cls(
                {entry.filename: archive.read(entry) for entry in entries},
                executable=frozenset(entry.filename for entry in entries if entry.external_attr >> 16 & 0o111),
                packed_bytes=path.stat().st_size,
            )

    def text(self, name: str) -> str:
        """A file as text; empty where it is not there or is no text."""
        try:
            return self.files.get(name, b"").decode()
        except UnicodeDecodeError:
            return ""

    def yaml(self, name: str) -> dict[str, Any]:
        """A YAML file; empty where it is not there or holds something else."""
        try:
            loaded = yaml.load(self.text(name), Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            return {}
        return loaded if isinstance(loaded, dict) else {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """`manifest.yaml`."""
        return self.yaml("manifest.yaml")

    @cached_property
    def provider_path(self) -> str:
        """The name of the first tool provider's file; empty where the manifest names none."""
        named = at(self.manifest, "plugins.tools")
        return str(named[0]) if isinstance(named, list) and named else ""

    @cached_property
    def provider(self) -> dict[str, Any]:
        """The first tool provider."""
        return self.yaml(self.provider_path)

    @cached_property
    def tools(self) -> dict[str, dict[str, Any]]:
        """Every tool that the provider names, by its file's name."""
        named = self.provider.get("tools")
        return {str(path): self.yaml(str(path)) for path in named} if isinstance(named, list) else {}

    @cached_property
    def group_path(self) -> str:
        """The name of the endpoint group's file; empty where the manifest names none."""
        named = at(self.manifest, "plugins.endpoints")
        return str(named[0]) if isinstance(named, list) and named else ""

    @cached_property
    def group(self) -> dict[str, Any]:
        """The endpoint group."""
        return self.yaml(self.group_path)

    @cached_property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        """Every endpoint that the group names, by its file's name."""
        named = self.group.get("endpoints")
        return {str(path): self.yaml(str(path)) for path in named} if isinstance(named, list) else {}

    @cached_property
    def project(self) -> dict[str, Any]:
        """`pyproject.toml`."""
        try:
            return tomllib.loads(self.text("pyproject.toml"))
        except tomllib.TOMLDecodeError:
            return {}

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Every Python file that can be parsed."""
        return dict(self._parsed())

    def _parsed(self) -> Iterator[tuple[str, ast.Module]]:
        for name in self.files:
            if name.endswith(".py"):
                try:
                    yield name, ast.parse(self.files[name])
                except (SyntaxError, ValueError):
                    continue


def at(document: object, path: str) -> Any:  # noqa: ANN401 - what stands in a YAML file
    """The value at a path such as `meta.runner.language`; None where there is none."""
    value = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def parameters_of(tool: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The parameters of a tool's YAML."""
    given = tool.get("parameters")
    return [parameter for parameter in given if isinstance(parameter, dict)] if isinstance(given, list) else []
