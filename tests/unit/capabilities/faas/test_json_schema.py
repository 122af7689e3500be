"""Schemas of tenants: checked, applied in their own words, and never able to hang the process."""

import json
import time

import pytest

from faas_toolkit.capabilities.faas.json_schema import CompiledSchema, require_object_schema, require_usable_schema
from faas_toolkit.capabilities.faas.schema_example import write_example

CUSTOMER = {
    "type": "object",
    "required": ["customer_id", "amount"],
    "properties": {
        "customer_id": {"type": "string", "pattern": "^c_[0-9]+$"},
        "amount": {"type": "number", "minimum": 0, "maximum": 100},
        "address": {"$ref": "#/$defs/address"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
    },
    "additionalProperties": False,
    "$defs": {"address": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}},
}


def problems(schema, value) -> list[str]:
    return CompiledSchema(require_usable_schema(schema)).problems(value)


def test_a_fitting_value_has_no_problems():
    assert problems(CUSTOMER, {"customer_id": "c_1", "amount": 3, "address": {"city": "上海"}, "tags": ["a", "b"]}) == []


def test_every_problem_is_named_at_once_with_its_path_and_what_was_expected():
    found = problems(CUSTOMER, {"customer_id": 5, "amount": 200, "address": {}, "tags": ["a", "c"], "colour": "red"})
    text = "; ".join(found)
    assert len(found) == 5
    assert "customer_id: 5 is not of type 'string'" in text
    assert "amount: 200 is greater than the maximum of 100" in text
    assert "address: 'city' is a required property" in text
    assert "tags.1: 'c' is not one of ['a', 'b']" in text
    assert "'colour' is not allowed; allowed: customer_id, amount, address, tags" in text


def test_what_is_missing_and_a_wrong_pattern_are_named():
    assert any("'amount' is a required property" in each for each in problems(CUSTOMER, {"customer_id": "c_1"}))
    assert problems(CUSTOMER, {"customer_id": "x", "amount": 1}) == ["customer_id: 'x' does not match '^c_[0-9]+$'"]


def test_an_alternative_is_explained_by_the_closest_one():
    schema = {"properties": {"a": {"anyOf": [{"type": "object", "required": ["b"]}, {"type": "string"}]}}}
    assert problems(schema, {"a": {}}) == ["a: 'b' is a required property"]


def test_an_empty_schema_takes_anything():
    assert CompiledSchema({}).problems({"a": object()}) == []


@pytest.mark.parametrize(
    ("items", "unique"),
    [
        ([1, 2, "1"], True),
        ([1, True], True),
        ([0, False], True),
        ([1, 1.0], False),
        ([{"a": 1, "b": 2}, {"b": 2, "a": 1.0}], False),
        ([[1], [True]], True),
        ([None, None], False),
        ([], True),
    ],
)
def test_unique_items_means_what_the_specification_says(items, unique):
    assert (problems({"uniqueItems": True}, items) == []) is unique


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, {"n_a": 1}, True),
        ({"patternProperties": {"^n_": {"type": "number"}}, "additionalProperties": False}, {"n_a": "x"}, False),
        ({"patternProperties": {"^n_": {}}, "additionalProperties": False}, {"m_a": 1}, False),
        ({"patternProperties": {"^n_": {}}, "additionalProperties": {"type": "string"}}, {"m_a": "x", "n_a": 1}, True),
        ({"additionalProperties": {"type": "string"}}, {"a": 1}, False),
        ({"additionalProperties": True}, {"a": 1}, True),
        ({"propertyNames": {"pattern": "^[a-z]+$"}}, {"A": 1}, False),
        ({"pattern": r"^\p{Han}+$"}, "客户", True),
        ({"pattern": r"\d{3}"}, "ab123", True),
    ],
)
def test_keywords_that_were_replaced_keep_their_meaning(schema, value, fits):
    assert (problems(schema, value) == []) is fits


EVIL = "(a+)+$"
VICTIM = "a" * 200 + "!"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": EVIL}, VICTIM),
        ({"patternProperties": {EVIL: False}}, {VICTIM: 1}),
        ({"patternProperties": {EVIL: {}}, "additionalProperties": False}, {VICTIM: 1}),
        ({"propertyNames": {"pattern": EVIL}}, {VICTIM: 1}),
        ({"uniqueItems": True}, [{"a": number} for number in range(100_000)]),
        ({"$ref": "#"}, 1),
        (
            {
                "$ref": "#/$defs/d0",
                "$defs": {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {}},
            },
            1,
        ),
        (
            {"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "not": {"required": ["end"]}},
            json.loads('{"a":' * 40 + '{"end":1}' + "}" * 40),
        ),
        ({"items": {"type": "string"}}, list(range(200_000))),
    ],
    ids=lambda each: "",
)
def test_nothing_a_tenant_writes_hangs_the_process(schema, value):
    compiled = CompiledSchema(require_usable_schema(schema))
    started = time.monotonic()
    compiled.problems(value)
    assert time.monotonic() - started < 3


def test_endless_references_are_a_problem_and_not_a_crash():
    assert "do not come to an end" in problems({"$ref": "#"}, 1)[0]


def test_a_missing_definition_is_a_problem_and_not_a_crash():
    assert "does not have" in problems({"properties": {"a": {"$ref": "#/$defs/none"}}}, {"a": 1})[0]


def test_the_budget_of_references_is_fresh_for_each_check():
    schema = CompiledSchema(require_usable_schema({"items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "number"}}}))
    for _ in range(4):
        assert schema.problems([1] * 15_000) == []


@pytest.mark.parametrize(
    ("schema", "taught"),
    [
        ({"type": "objekt"}, "not a JSON Schema: type"),
        ({"properties": []}, "not a JSON Schema: properties"),
        ({"properties": {"a": {"minimum": "3"}}}, "properties.a.minimum"),
        ({"pattern": "(?=a)"}, "RE2"),
        ({"properties": {"a": {"pattern": r"(a)\1"}}}, "RE2"),
        ({"patternProperties": {"(?<!a)b": {}}}, "RE2"),
        ({"$ref": "https://schemas.example/a.json"}, "leads outside"),
        ({"properties": {"a": {"$ref": "other.json#/a"}}}, "leads outside"),
        ({"x-parts": {"a": {"pattern": "(?=a)"}}}, "RE2"),
        ({"unevaluatedProperties": False}, "additionalProperties"),
        ({"items": [{"type": "string"}]}, "not a JSON Schema"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_when_the_catalog_is_read(schema, taught):
    with pytest.raises(ValueError) as caught:
        require_usable_schema(schema)
    assert taught in str(caught.value)


def test_a_schema_nested_a_thousand_levels_is_refused():
    schema: dict = {}
    for _ in range(1_000):
        schema = {"not": schema}
    with pytest.raises(ValueError, match="nested"):
        require_usable_schema(schema)


def test_names_that_look_like_keywords_are_names():
    schema = {
        "properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}, "unevaluatedProperties": {"type": "string"}},
        "examples": [{"pattern": "(?=", "$ref": "https://a.example"}],
    }
    assert problems(schema, {"pattern": "x"}) == []


@pytest.mark.parametrize("kind", ["array", "string", ["object", "null"], "null"])
def test_arguments_are_objects(kind):
    with pytest.raises(ValueError, match="object"):
        require_object_schema({"type": kind})


@pytest.mark.parametrize(
    "schema",
    [
        CUSTOMER | {"properties": CUSTOMER["properties"] | {"customer_id": {"type": "string", "examples": ["c_1"]}}},
        {
            "required": ["a"],
            "properties": {"a": {"$ref": "#/$defs/a"}},
            "$defs": {"a": {"type": ["null", "integer"], "minimum": 5}},
        },
        {"properties": {"a": {"type": "array"}, "b": {"type": "boolean"}, "c": {"type": "null"}, "d": {"const": 3}}},
        {"required": ["a"], "properties": {"a": {"type": "string", "minLength": 10, "maxLength": 12}}},
        {"required": ["a"], "properties": {"a": {"oneOf": [{"type": "integer"}, {"type": "string"}]}}},
        {"required": ["a"], "properties": {"a": {"type": "number", "maximum": -4}}},
        *(
            {"required": ["a"], "properties": {"a": bounds}}
            for bounds in (
                {"type": "integer", "exclusiveMinimum": 10},
                {"type": "integer", "exclusiveMaximum": 0},
                {"type": "integer", "exclusiveMinimum": 0, "maximum": 5},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "integer", "minimum": 7, "multipleOf": 5},
                {"type": "integer", "multipleOf": 4},
                {"type": "string", "minLength": 6.0, "maxLength": 8.0},
            )
        ),
        {"required": ["unknown"]},
        {"properties": {"a": True, "b": {"enum": ["x"]}}},
        {"properties": {"self": {"$ref": "#"}}},
        {},
    ],
)
def test_the_example_fits_its_own_schema(schema):
    compiled = CompiledSchema(require_usable_schema(schema))
    assert compiled.problems(json.loads(compiled.example())) == []


def test_an_example_that_would_be_long_is_left_out():
    assert CompiledSchema({"properties": {"a": {"default": "x" * 600}}}).example() == "{}"


@pytest.mark.parametrize("bounds", [{"minimum": 10**400}, {"minimum": 1, "multipleOf": 5e-324}, {"minimum": 5, "maximum": 1}])
def test_bounds_that_nothing_keeps_make_an_example_all_the_same(bounds):
    assert json.loads(write_example({"required": ["a"], "properties": {"a": {"type": "number", **bounds}}})) in ({}, {"a": 1})


class _Counted(dict):
    """A schema that counts how often it is looked into."""

    looks = 0

    def get(self, key, default=None):
        self.looks += 1
        return super().get(key, default)


def test_an_example_of_definitions_that_name_each_other_many_times_is_left_out_at_once():
    names = [f"p{number}" for number in range(100)]
    schema = {"type": "object", "required": names, "properties": {name: {"$ref": "#"} for name in names}}
    parts = _Counted(schema)
    assert write_example(parts) == "{}"
    assert parts.looks < 5_000
