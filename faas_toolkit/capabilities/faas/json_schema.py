"""JSON Schema of functions: checked when the catalog is loaded, applied to what models send and to what functions answer."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from faas_toolkit.core.untrusted import printable

_MOST_PROBLEMS = 8

HOLD_SCHEMAS_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose keys are names that a schema stands behind, not keywords."""
HOLD_DATA = frozenset({"enum", "const", "default", "examples"})
"""Keywords behind which no schema stands, whatever it looks like."""


def require_usable_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself; raises ValueError that says what is wrong with it."""
    from faas_toolkit.capabilities.faas.schema_keywords import UNSUPPORTED, ReferenceBudget, compile_pattern, make_validator_class

    _require_valid(make_validator_class(ReferenceBudget()), schema)
    for part in _parts(schema):
        for keyword in ("$ref", "$dynamicRef"):
            reference = part.get(keyword)
            if isinstance(reference, str) and not reference.startswith("#"):
                raise ValueError(f'"{keyword}": {printable(reference)!r} leads outside; write references like "#/$defs/address"')
        for pattern in _patterns(part):
            compile_pattern(pattern)
        for keyword, instead in UNSUPPORTED.items():
            if keyword in part:
                raise ValueError(f"{keyword} is not supported; write {instead}")
    return schema


def require_object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, if it is one of an object; raises ValueError."""
    kind = schema.get("type", "object")
    if kind != "object":
        raise ValueError(f"arguments are always an object: write type: object and put the {printable(kind)} into a property")
    return schema


def compile_object_schema(schema: Mapping[str, Any]) -> "CompiledSchema":
    """The schema of an object, ready to be applied; raises ValueError that says what is wrong with it."""
    return CompiledSchema(require_object_schema(require_usable_schema(dict(schema))))


def _require_valid(validator_class: Any, schema: object) -> None:  # noqa: ANN401 - a class that the library makes
    from jsonschema import FormatChecker
    from jsonschema.exceptions import SchemaError

    try:
        # no formats: "regex" would be Python's, which refuses patterns that RE2 takes
        validator_class.check_schema(schema, format_checker=FormatChecker(formats=()))
    except SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the schema"
        raise ValueError(f"it is not a JSON Schema: {place}: {printable(error.message, 200)}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


class CompiledSchema:
    """One schema, compiled on first use."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._validator: Any = None
        self._budget: Any = None

    def problems(self, value: object) -> list[str]:
        """The first problems in the schema's words, with the path of each; empty where the value fits."""
        if not self._schema:
            return []
        from referencing.exceptions import Unresolvable

        from faas_toolkit.capabilities.faas.schema_keywords import MAX_REFERENCES, TooManyReferences

        validator = self._compiled()
        self._budget.left = MAX_REFERENCES
        try:
            errors = list(islice(validator.iter_errors(value), _MOST_PROBLEMS))
        except Unresolvable:
            return ["the schema refers to a definition that it does not have; its owner has to repair it"]
        except (TooManyReferences, RecursionError):
            return ["the schema's references do not come to an end; its owner has to repair it"]
        return [_sentence(error) for error in sorted(errors, key=lambda error: list(map(str, error.absolute_path)))]

    def example(self) -> str:
        """A small value of the schema's shape, as JSON."""
        from faas_toolkit.capabilities.faas.schema_example import write_example

        return write_example(self._schema)

    def _compiled(self) -> Any:  # noqa: ANN401 - a class that the library makes
        if self._validator is None:
            from referencing import Registry

            from faas_toolkit.capabilities.faas.schema_keywords import ReferenceBudget, make_validator_class

            self._budget = ReferenceBudget()
            # an empty registry that fetches nothing: the library's own would ask addresses
            self._validator = make_validator_class(self._budget)(self._schema, registry=Registry())
        return self._validator


def _sentence(error: Any) -> str:  # noqa: ANN401 - the library's ValidationError
    from jsonschema.exceptions import best_match

    cause = best_match([error])  # inside "none of the alternatives" the one that came closest
    path = ".".join(str(part) for part in cause.absolute_path)
    said = printable(cause.message, 200)
    return f"{printable(path, 100)}: {said}" if path else said


def _patterns(part: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(part.get("pattern"), str):
        yield part["pattern"]
    if isinstance(part.get("patternProperties"), Mapping):
        yield from part["patternProperties"]


def _parts(schema: object) -> Iterator[Mapping[str, Any]]:
    """The schema and every schema inside it, also below keywords that nobody knows; what is data is left out."""
    pending: list[object] = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, Mapping):
            yield item
            for keyword, inner in item.items():
                if keyword in HOLD_SCHEMAS_BY_NAME and isinstance(inner, Mapping):
                    pending.extend(inner.values())
                elif keyword not in HOLD_DATA:
                    pending.append(inner)
