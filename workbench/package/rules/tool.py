"""The tools' YAML: names, parameters, variables, and what a model reads (dify-runtime.md §1.3, marketplace.md §5)."""

import re
from collections.abc import Iterator
from typing import Any

from workbench.package.contents import Package, Problem, at, parameters_of

SHARED_PARAMETERS = ("identity_token", "on_error")
SHARED_VARIABLES = ("ok", "error", "source", "meta", "added")
RESERVED_VARIABLES = ("text", "json", "files")
"""Dify's own outputs: a variable of such a name raises there."""

_FOR_MODELS = frozenset(["string", "number", "boolean", "select", "file", "files"])
_FOR_BUILDERS = _FOR_MODELS | {"model-selector", "app-selector", "dynamic-select", "secret-input"}
_SELECTORS = frozenset(["model-selector", "app-selector"])
_DATES = frozenset(["date", "date-range", "date-picker"])
_LONGEST_DESCRIPTION = 1_024
"""Of a function's description at the model providers that bound it."""


def tools_have_names_that_dify_and_models_take(package: Package) -> Iterator[Problem]:
    """Unique, up to 64 letters, digits, `_` and `-`; file, source and author as the others."""
    if not package.tools:
        yield Problem(package.provider_path, "names no tool.", "A provider without tools cannot be installed.")
    seen: set[str] = set()
    for path, tool in package.tools.items():
        name = str(at(tool, "identity.name"))
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
            yield Problem(f"{path}: identity.name", f"{name!r} is refused.", "1 to 64 letters, digits, _ and -.")
        if name in seen:
            yield Problem(f"{path}: identity.name", f"{name!r} is there twice.", "Dify would list it twice and call one.")
        seen.add(name)
        if path != f"tools/{name}.yaml" or at(tool, "extra.python.source") != f"tools/{name}.py":
            yield Problem(path, "is not named like its tool.", f"Name the files tools/{name}.yaml and tools/{name}.py.")
        if at(tool, "identity.author") != package.manifest.get("author"):
            yield Problem(f"{path}: identity.author", "is another one than the manifest's.", "Write the same.")


def models_read_what_a_tool_does(package: Package) -> Iterator[Problem]:
    """The description is there and is not cut by a model's provider."""
    for path, tool in package.tools.items():
        said = at(tool, "description.llm")
        if not isinstance(said, str) or not 0 < len(said.strip()) <= _LONGEST_DESCRIPTION:
            yield Problem(f"{path}: description.llm", "is missing or too long.", f"1 to {_LONGEST_DESCRIPTION:,} characters.")


def models_read_what_a_parameter_takes(package: Package) -> Iterator[Problem]:
    """The default and an example are told in words: a model is given neither default, bounds nor schema."""
    for place, parameter in _parameters(package):
        if parameter.get("form") != "llm":
            continue
        said = str(parameter.get("llm_description") or "")
        if "Example: " not in said:
            yield Problem(f"{place}: llm_description", "has no example.", "End it with one, such as: Example: company:12")
        if not parameter.get("required") and "Default" not in said:
            yield Problem(f"{place}: llm_description", "does not say what holds when it is left out.", "Say it: Default: none.")


def parameters_are_of_types_that_arrive(package: Package) -> Iterator[Problem]:
    """No date (it breaks the tool list of the whole workspace); no object or array, which reach a model without their shape."""
    for place, parameter in _parameters(package):
        kind, form = parameter.get("type"), parameter.get("form")
        if kind in _DATES:
            yield Problem(
                f"{place}: type", "breaks the tool list of the whole workspace.", "Take a string, with the form it has."
            )
        elif form not in ("llm", "form") or kind not in (_FOR_MODELS if form == "llm" else _FOR_BUILDERS):
            yield Problem(
                f"{place}: type",
                f"a parameter of type {kind!r} and form {form!r} does not arrive whole.",
                "For a model: string, number, boolean or select; an object or list as a string that holds JSON.",
            )
        if kind in _SELECTORS and not parameter.get("required"):
            yield Problem(
                f"{place}: required", "an optional selector breaks agents.", "Require it, on a tool for workflows only."
            )


def parameters_have_every_field(package: Package) -> Iterator[Problem]:
    """Name, label, a text for people and one for models; options as quoted texts, since YAML's `yes` is two things."""
    for place, parameter in _parameters(package):
        name = str(parameter.get("name"))
        if not re.fullmatch(r"[a-zA-Z0-9_]{1,64}", name):
            yield Problem(place, f"{name!r} is refused by model providers.", "1 to 64 letters, digits and _.")
        for path in ("label.en_US", "human_description.en_US", *(["llm_description"] if parameter.get("form") == "llm" else [])):
            if not at(parameter, path):
                yield Problem(f"{place}: {path}", "is missing or empty.", "Dify or a model needs it.")
        options = parameter.get("options") or []
        if parameter.get("type") == "select" and not options:
            yield Problem(f"{place}: options", "is empty.", "A select needs at least one.")
        for option in options:
            value = at(option, "value")
            if not isinstance(value, str) or not value or not at(option, "label.en_US"):
                yield Problem(f"{place}: options", f"{value!r} is no quoted text with a label.", 'Write value: "yes", label: {…}')


def shared_parameters_are_the_same_on_every_tool(package: Package) -> Iterator[Problem]:
    """`identity_token` and `on_error` mean the same everywhere."""
    first: list[dict[str, Any]] | None = None
    for path, tool in package.tools.items():
        these = [parameter for parameter in parameters_of(tool) if parameter.get("name") in SHARED_PARAMETERS]
        first = these if first is None else first
        if these != first or [parameter.get("name") for parameter in these] != list(SHARED_PARAMETERS):
            yield Problem(f"{path}: parameters", "differ from the other tools' shared ones.", "Copy both from another tool.")


def variables_can_be_used(package: Package) -> Iterator[Problem]:
    """An object of described variables, none with a name of Dify's own; the shared ones are the same on every tool."""
    first: dict[str, Any] | None = None
    for path, tool in package.tools.items():
        schema = tool.get("output_schema")
        properties = at(schema, "properties")
        if at(schema, "type") != "object" or not isinstance(properties, dict):
            yield Problem(f"{path}: output_schema", "is no object with properties.", "Write {type: object, properties: {…}}.")
            continue
        shared = {name: properties.get(name) for name in SHARED_VARIABLES}
        first = shared if first is None else first
        if shared != first or None in shared.values():
            yield Problem(
                f"{path}: output_schema", "has other shared variables.", f"{', '.join(SHARED_VARIABLES)}, as elsewhere."
            )
        for name, variable in properties.items():
            if name in RESERVED_VARIABLES:
                yield Problem(f"{path}: output_schema.{name}", "is one of Dify's own outputs.", "Give it another name.")
            if not at(variable, "description"):
                yield Problem(f"{path}: output_schema.{name}", "is not described.", "Say what it holds, and its unit.")


def _parameters(package: Package) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, tool in package.tools.items():
        for parameter in parameters_of(tool):
            yield f"{path}: {parameter.get('name')}", parameter
