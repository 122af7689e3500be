"""From shapes and functions to the JSON Schemas of typed tools."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from faas_toolkit.capabilities.faas.json_schema import HOLD_DATA, HOLD_SCHEMAS_BY_NAME
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter

type JsonSchema = dict[str, Any]

_DECLARATIONS = Path(__file__).parents[2] / "tools"
"""The YAML that Dify reads; its words for models are ours too. Tests hold it and the shapes together."""
_AS_TEXT = re.compile(", written as a string(?:,|(?=;))")
"""What Dify's own tools need to say of an object: here it is one."""
_NOT_IN_JSON = ("file", "files")
_BOOLEANS: Mapping[bool, JsonSchema] = {True: {}, False: {"not": {}}}
"""JSON Schema's `true` and `false`, written as objects: MCP's own schema of a tool knows properties as objects only."""


@cache
def declaration(tool: str) -> Mapping[str, Any]:
    """What a tool's YAML says; empty where it was left out of a deployment, and then only the words are missing."""
    import yaml

    path = _DECLARATIONS / f"{tool}.yaml"
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) if path.is_file() else {}
    return loaded if isinstance(loaded, dict) else {}


def input_schema(operation: Operation) -> JsonSchema:
    """What the operation takes."""
    declared = {parameter["name"]: parameter for parameter in declaration(operation.tool).get("parameters", ())}
    taken = [parameter for parameter in operation.shape.parameters if parameter.type not in _NOT_IN_JSON]
    return {
        "type": "object",
        "properties": {each.name: _property(each, declared.get(each.name, {})) for each in taken},
        "required": [each.name for each in taken if each.required],
        "additionalProperties": False,
    }


def output_schema(operation: Operation) -> JsonSchema:
    """The operation's variables."""
    properties = declaration(operation.tool).get("output_schema", {}).get("properties")
    return {"type": "object", "properties": properties or {name: {} for name in operation.empty}}


def function_input(arguments: Mapping[str, Any]) -> JsonSchema:
    """The function's own schema, as it stands; MCP wants to read that it is an object, and each property as an object too."""
    schema = {"type": "object", **arguments}
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        schema["properties"] = {
            name: _BOOLEANS[inner] if isinstance(inner, bool) else inner for name, inner in properties.items()
        }
    return schema


def function_output(operation: Operation, result: Mapping[str, Any]) -> JsonSchema:
    """The variables of a function's call, with what the function answers by its own schema."""
    whole = output_schema(operation)
    data = {**whole["properties"].get("data", {}), **_moved(result, "#/properties/data")}
    return {**whole, "properties": {**whole["properties"], "data": data}}


def _property(parameter: Parameter, declared: Mapping[str, Any]) -> JsonSchema:
    schema = _TYPES[parameter.type](parameter)
    described = _AS_TEXT.sub("", str(declared.get("llm_description", "")).strip())
    if described:
        schema["description"] = described
    if parameter.default not in (None, (), ""):
        schema["default"] = parameter.default
    return schema


def _text(parameter: Parameter) -> JsonSchema:
    return {"type": "string", "maxLength": parameter.max_chars}


def _number(parameter: Parameter) -> JsonSchema:
    bounds = {"minimum": parameter.minimum, "maximum": parameter.maximum}
    return {"type": parameter.type, **{name: bound for name, bound in bounds.items() if bound is not None}}


def _select(parameter: Parameter) -> JsonSchema:
    return {"type": "string", "enum": list(parameter.options)}


def _list(parameter: Parameter) -> JsonSchema:
    items = {"type": "string", "enum": list(parameter.options)} if parameter.options else {"type": "string"}
    return {"type": "array", "items": items}


def _model(parameter: Parameter) -> JsonSchema:
    text = {"type": "string", "minLength": 1}
    named = {
        "provider": {**text, "description": "E.g. langgenius/openai/openai"},
        "model": {**text, "description": "E.g. gpt-4o-mini"},
    }
    return {"type": "object", "properties": named, "required": list(named)}


_TYPES: Mapping[str, Callable[[Parameter], JsonSchema]] = {
    "string": _text,
    "integer": _number,
    "number": _number,
    "boolean": lambda _: {"type": "boolean"},
    "select": _select,
    "list": _list,
    "object": lambda _: {"type": "object"},
    "value": lambda _: {},
    "model": _model,
}


def _moved(schema: Any, to: str, *, of_names: bool = False) -> Any:  # noqa: ANN401 - JSON
    """The schema with its references to itself, such as `#/$defs/a`, following it to its new place."""
    if isinstance(schema, list):
        return [_moved(inner, to) for inner in schema]
    if not isinstance(schema, Mapping) or (not of_names and "$id" in schema):  # what has an id is where its references begin
        return schema
    moved = {}
    for keyword, inner in schema.items():
        if of_names:
            moved[keyword] = _moved(inner, to)
        elif keyword == "$ref" and isinstance(inner, str) and (inner == "#" or inner.startswith("#/")):
            moved[keyword] = to + inner[1:]
        else:
            moved[keyword] = inner if keyword in HOLD_DATA else _moved(inner, to, of_names=keyword in HOLD_SCHEMAS_BY_NAME)
    return moved
