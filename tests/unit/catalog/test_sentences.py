"""No error type that our types can produce is left without a sentence."""

from collections.abc import Iterator, Mapping

import pytest
from pydantic_core import core_schema

from faas_toolkit.catalog.sentences import SENTENCES
from faas_toolkit.catalog.spec import Catalog

BOUNDS = {
    "gt": "greater_than",
    "ge": "greater_than_equal",
    "lt": "less_than",
    "le": "less_than_equal",
    "pattern": "string_pattern_mismatch",
}
TEXT_BOUNDS = {"min_length": "string_too_short", "max_length": "string_too_long"}
LIST_BOUNDS = {"min_length": "too_short", "max_length": "too_long"}
PRODUCED: Mapping[str, set[str]] = {
    "model": {"model_type"},
    "model-fields": {"model_type", "extra_forbidden", "missing"},
    "model-field": set(),
    "dict": {"dict_type"},
    "tuple": {"tuple_type"},
    "list": {"list_type"},
    "str": {"string_type", "string_unicode"},
    "int": {"int_type", "int_parsing", "int_parsing_size", "int_from_float"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "bool": {"bool_type", "bool_parsing"},
    "literal": {"literal_error"},
    "function-before": {"value_error", "assertion_error"},
    "function-after": {"value_error", "assertion_error"},
    "function-plain": {"value_error", "assertion_error"},
    "function-wrap": {"value_error", "assertion_error"},
    "tagged-union": {"union_tag_invalid", "union_tag_not_found"},
    "union": set(),
    "nullable": set(),
    "none": {"none_required"},
    "default": set(),
    "any": set(),
    "lax-or-strict": set(),
    "json-or-python": set(),
    "is-instance": set(),
    "definitions": set(),
    "definition-ref": set(),
    "chain": set(),
}
"""What each kind of core schema can answer, by pydantic's table of validation errors."""


def schemas(value: object) -> Iterator[Mapping[str, object]]:
    if isinstance(value, Mapping):
        if isinstance(value.get("type"), str) and value["type"] in core_types():
            yield value
        for key, inner in value.items():
            if key not in ("serialization", "metadata"):
                yield from schemas(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from schemas(inner)


def core_types() -> frozenset[str]:
    return frozenset(core_schema.CoreSchemaType.__args__) | {"model-field"}


def produced() -> set[str]:
    kinds = set()
    for schema in schemas(Catalog.__pydantic_core_schema__):
        kind = schema["type"]
        assert kind in PRODUCED, f"{kind} is new: say in the table which errors it can answer"
        kinds |= PRODUCED[kind]
        bounds = BOUNDS | (TEXT_BOUNDS if kind == "str" else LIST_BOUNDS)
        kinds |= {error for bound, error in bounds.items() if bound in schema}
    return kinds


def test_the_schema_was_really_walked():
    assert {
        "extra_forbidden",
        "missing",
        "union_tag_invalid",
        "string_pattern_mismatch",
        "too_long",
        "literal_error",
    } <= produced()


@pytest.mark.parametrize("kind", sorted(produced()))
def test_every_error_has_a_sentence_of_its_own(kind):
    assert kind in SENTENCES
