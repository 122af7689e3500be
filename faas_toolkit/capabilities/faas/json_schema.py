"""JSON Schema of functions: checked when the catalog is loaded, applied to what models send, never able to hang the process.

Two things of the library are replaced. Patterns run on a linear-time engine, since a catalog is written by a tenant and read by
the one thread of all workspaces. And references stay inside the document: the library would otherwise fetch addresses.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from faas_toolkit.core.untrusted import printable

_MOST_PROBLEMS = 8


def require_usable_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself; raises ValueError that says what is wrong with it."""
    for reference in _values_of(schema, "$ref"):
        if not (isinstance(reference, str) and reference.startswith("#")):
            raise ValueError(f'"$ref": {printable(reference)!r} leads outside; write references like "#/$defs/address"')
    for pattern in _patterns(schema):
        _compile(pattern)
    from jsonschema.exceptions import SchemaError

    try:
        _validator_class().check_schema(schema)
    except SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the schema"
        raise ValueError(f"it is not a JSON Schema: {place}: {printable(error.message, 200)}") from error
    return schema


class CompiledSchema:
    """One schema, compiled on first use."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._validator: Any = None

    def problems(self, value: object) -> list[str]:
        """Every problem in the schema's words, with the path of each; empty where the value fits."""
        if not self._schema:
            return []
        from referencing.exceptions import Unresolvable

        try:
            errors = sorted(self._compiled().iter_errors(value), key=lambda error: list(map(str, error.absolute_path)))
        except Unresolvable:
            return ["the schema refers to a definition that it does not have; its owner has to repair it"]
        return [_sentence(error) for error in errors[:_MOST_PROBLEMS]]

    def example(self) -> str:
        """A small value of the schema's shape, as JSON."""
        return json.dumps(_example(self._schema), ensure_ascii=False)[:500]

    def _compiled(self) -> Any:  # noqa: ANN401 - a class that the library makes
        if self._validator is None:
            from referencing import Registry

            self._validator = _validator_class()(self._schema, registry=Registry())
        return self._validator


@cache
def _validator_class() -> Any:  # noqa: ANN401 - same
    from jsonschema import Draft202012Validator, validators

    extend: Any = validators.extend  # the library types it only in part
    return extend(Draft202012Validator, {"pattern": _check_pattern, "patternProperties": _check_pattern_properties})


@cache
def _compile(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(
            f"the pattern {printable(pattern)!r} is not one that RE2 takes: it knows no look-around and no back-references"
        ) from error


def _check_pattern(validator: Any, pattern: str, instance: object, schema: object) -> Iterator[Any]:  # noqa: ANN401 - the library's port
    from jsonschema.exceptions import ValidationError

    if isinstance(instance, str) and not _compile(pattern).search(instance):
        yield ValidationError(f"{printable(instance)!r} does not match {printable(pattern)!r}")


def _check_pattern_properties(validator: Any, patterns: Mapping[str, Any], instance: object, schema: object) -> Iterator[Any]:  # noqa: ANN401 - same
    if isinstance(instance, Mapping):
        for pattern, subschema in patterns.items():
            for key, value in instance.items():
                if _compile(pattern).search(key):
                    yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _sentence(error: Any) -> str:  # noqa: ANN401 - the library's ValidationError
    path = ".".join(str(part) for part in error.absolute_path)
    said = printable(error.message, 200)
    return f"{path}: {said}" if path else said


def _values_of(schema: object, keyword: str) -> Iterator[object]:
    pending = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            if keyword in item and not isinstance(item[keyword], Mapping):
                yield item[keyword]
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _patterns(schema: object) -> Iterator[str]:
    yield from (pattern for pattern in _values_of(schema, "pattern") if isinstance(pattern, str))
    pending = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            named = item.get("patternProperties")
            if isinstance(named, Mapping):
                yield from named
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _example(schema: object, depth: int = 0) -> object:
    if not isinstance(schema, Mapping) or depth > 4:
        return {}
    for keyword in ("examples", "enum"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return schema[keyword][0]
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    return _example_of_type(schema, depth)


def _example_of_type(schema: Mapping[str, Any], depth: int) -> object:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind == "object":
        properties = schema.get("properties") or {}
        wanted = [name for name in schema.get("required") or list(properties)[:3] if isinstance(name, str)]
        return {name: _example(properties.get(name, {"type": "string"}), depth + 1) for name in wanted}
    if kind == "array":
        return [_example(schema.get("items"), depth + 1)]
    return {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1.5), "boolean": True, "null": None}.get(
        kind, "text"
    )
