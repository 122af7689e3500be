"""A small example of a JSON Schema's shape, for texts that teach."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_DEEPEST = 4
_MOST_CHARS = 500
_MOST_PARTS = 500
"""Each has a character at least; references that name each other many times would come to millions."""
_UNASKED_PROPERTIES = 3
"""Shown where nothing is required."""


def write_example(schema: Mapping[str, Any]) -> str:
    """JSON of at most 500 characters; `{}` where the example would be longer."""
    try:
        written = json.dumps(_example(schema, schema, 0, iter(range(_MOST_PARTS))), ensure_ascii=False)
    except (TypeError, ValueError, OverflowError):  # a catalog in YAML may hold dates as examples, and numbers without end
        return "{}"
    return written if len(written) <= _MOST_CHARS else "{}"


def _example(schema: object, root: Mapping[str, Any], depth: int, left: Iterator[int]) -> object:
    if next(left, None) is None:
        raise ValueError("the example has too many parts")
    schema = followed(schema, root)
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return {}
    for keyword in ("examples", "enum"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return schema[keyword][0]
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if isinstance(schema.get(keyword), list) and schema[keyword] and "type" not in schema:
            return _example(schema[keyword][0], root, depth + 1, left)
    return _example_of_type(schema, root, depth, left)


def _example_of_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int, left: Iterator[int]) -> object:
    match _type_of(schema):
        case "object":
            properties = schema.get("properties") or {}
            wanted = schema.get("required") or list(properties)[:_UNASKED_PROPERTIES]
            return {name: _example(properties.get(name, {"type": "string"}), root, depth + 1, left) for name in wanted}
        case "array":
            return [_example(schema.get("items", {"type": "string"}), root, depth + 1, left)]
        case "integer" | "number":
            return _number(schema)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            shortest, longest = int(schema.get("minLength", 0)), int(schema.get("maxLength", 40))  # 3.0 is a length too
            return "text".ljust(min(shortest, 40), "x")[:longest]


def _number(schema: Mapping[str, Any]) -> object:
    """The first of a few numbers at the bounds that keeps them all."""
    above, below = schema.get("exclusiveMinimum", -math.inf), schema.get("exclusiveMaximum", math.inf)
    low, high, step = schema.get("minimum", -math.inf), schema.get("maximum", math.inf), schema.get("multipleOf")
    tried = [low, high, 1, above + 1, below - 1, (max(low, above) + min(high, below)) / 2]
    if step:
        first = step * math.floor(max(low, above) / step) if max(low, above) > -math.inf else 0
        tried = [first, first + step]
    return next((number for number in tried if low <= number <= high and above < number < below and math.isfinite(number)), 1)


def _type_of(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        return next((each for each in kind if each != "null"), "null")
    return str(kind)


def followed(schema: object, root: Mapping[str, Any]) -> object:
    """What a reference such as `#/$defs/address` stands for; at most ten references long."""
    for _ in range(10):
        if not (isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str)):
            return schema
        found: object = root
        for part in schema["$ref"].removeprefix("#").split("/")[1:]:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        schema = found
    return {}
