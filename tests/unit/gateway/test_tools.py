"""Typed tools: names, schemas, and that what a schema allows is what a shape takes."""

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.inventory import Entry, Offer
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape
from faas_toolkit.gateway import tool_schemas, tools
from faas_toolkit.wiring import OPERATIONS, operation_named

NAMES = st.one_of(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    st.lists(st.sampled_from(["function_", "crm_lookup", "function_call", "call", "diagnose"]), max_size=4).map("".join),
)


@given(NAMES)
def test_a_function_is_found_again_under_its_tool_s_name(name):
    shown = tools.tool_name(name)
    assert shown not in tools.operations_by_tool()
    assert tools.function_name(shown) == name


@given(NAMES, NAMES)
def test_two_functions_never_share_a_tool_s_name(one, two):
    assert (tools.tool_name(one) == tools.tool_name(two)) == (one == two)


def test_a_name_that_clashes_with_nothing_stays():
    assert tools.tool_name("score_customer") == "score_customer"
    assert tools.tool_name("crm_lookup") == "function_crm_lookup"


@pytest.fixture(params=sorted(OPERATIONS))
def operation(request):
    return operation_named(request.param)


def test_every_schema_is_a_json_schema_of_an_object(operation):
    for schema in (tool_schemas.input_schema(operation), tool_schemas.output_schema(operation)):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        json.dumps(schema)


def test_every_parameter_that_json_can_say_is_there_with_words(operation):
    properties = tool_schemas.input_schema(operation)["properties"]
    assert list(properties) == [each.name for each in operation.shape.parameters if each.type not in ("file", "files")]
    for name, schema in properties.items():
        assert schema["description"], name
        assert "written as a string" not in schema["description"], name


def test_every_variable_is_declared(operation):
    assert set(operation.empty) <= set(tool_schemas.output_schema(operation)["properties"])


def test_a_tool_says_what_it_is_for(operation):
    (described,) = tools.describe(Offer(operations=(operation.name,), functions=()))
    assert described["name"] == operation.tool
    assert "Use it " in described["description"]


SHAPE = Shape(
    (
        Parameter(name="text", required=True, max_chars=10),
        Parameter(name="whole", type="integer", minimum=1, maximum=9),
        Parameter(name="number", type="number", minimum=0),
        Parameter(name="flag", type="boolean", default=False),
        Parameter(name="choice", type="select", options=("a", "b"), default="a"),
        Parameter(name="names", type="list", options=("x", "y"), default=()),
        Parameter(name="tree", type="object"),
        Parameter(name="any", type="value"),
        Parameter(name="upload", type="file"),
    )
)
UNDECLARED = Operation(name="test.run", tool="not_in_tools", grant=None, shape=SHAPE, empty={"found": []})


def test_a_tool_without_a_declaration_has_its_types_all_the_same():
    schema = tool_schemas.input_schema(UNDECLARED)
    assert schema["required"] == ["text"]
    assert schema["properties"]["whole"] == {"type": "integer", "minimum": 1, "maximum": 9}
    assert schema["properties"]["names"] == {"type": "array", "items": {"type": "string", "enum": ["x", "y"]}}
    assert "upload" not in schema["properties"]
    assert tool_schemas.output_schema(UNDECLARED) == {"type": "object", "properties": {"found": {}}}


@given(
    st.fixed_dictionaries(
        {"text": st.from_regex(r"[a-z]{1,10}", fullmatch=True)},
        optional={
            "whole": st.integers(1, 9),
            "number": st.floats(0, 1e6),
            "flag": st.booleans(),
            "choice": st.sampled_from(["a", "b"]),
            "names": st.lists(st.sampled_from(["x", "y"]), max_size=3),
            "tree": st.dictionaries(
                st.from_regex(r"[a-z]{1,3}", fullmatch=True), st.lists(st.integers(), max_size=2), max_size=2
            ),
        },
    )
)
def test_what_the_schema_allows_the_shape_takes(arguments):
    jsonschema.validate(arguments, tool_schemas.input_schema(UNDECLARED))
    checked = SHAPE.check(arguments)
    assert {name: checked[name] for name in arguments if name != "names"} == {n: v for n, v in arguments.items() if n != "names"}


def entry(**changes):
    return Entry(**{"family": "functions", "name": "score", "kind": "http", "use": "function_call function=score", **changes})


def described(**changes):
    (found,) = tools.describe(Offer(operations=(), functions=(entry(**changes),)))
    return found


def test_a_function_s_own_schema_stands_as_it_is():
    arguments = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "integer"}}}
    assert described(arguments=arguments)["inputSchema"] == arguments
    assert described()["inputSchema"] == {"type": "object"}


def test_a_property_that_is_true_or_false_is_written_as_an_object():
    arguments = {"properties": {"any": True, "none": False, "text": {"type": "string"}}}
    schema = described(arguments=arguments)["inputSchema"]
    assert schema["properties"] == {"any": {}, "none": {"not": {}}, "text": {"type": "string"}}
    assert arguments["properties"]["any"] is True


@pytest.mark.parametrize("where", ["root", "inside"])
def test_a_result_with_an_id_keeps_its_references(where):
    whole = {
        "$id": "https://schemas.example/r",
        "type": "object",
        "properties": {"a": {"$ref": "#/$defs/a"}, "$id": {"$ref": "#/$defs/a"}},
        "$defs": {"a": {"type": "integer"}},
    }
    result = whole if where == "root" else {"type": "object", "properties": {"inner": whole}}
    validator = jsonschema.Draft202012Validator(described(result=result)["outputSchema"])
    for value, fits in ((1, True), ("x", False)):
        data = {"a": value, "$id": value}
        assert validator.is_valid({"data": data if where == "root" else {"inner": data}}) is fits


def test_a_result_s_references_follow_it_into_the_wrapping():
    result = {
        "type": "object",
        "properties": {
            "a": {"$ref": "#/$defs/a"},
            "again": {"$ref": "#"},
            "$ref": {"type": "string"},
            "enum": {"$ref": "#/$defs/a"},
            "fixed": {"const": {"$ref": "#/$defs/a"}},
            "anchored": {"$ref": "#place"},
        },
        "$defs": {"a": {"$anchor": "place", "type": "integer"}},
    }
    schema = described(result=result)["outputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    inner = schema["properties"]["data"]["properties"]
    assert inner["fixed"] == result["properties"]["fixed"]
    good = {"a": 1, "again": {"a": 2}, "$ref": "text", "enum": 3, "anchored": 4}
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"ok": True, "data": good})
    for wrong in ({"a": "x"}, {"again": {"a": "x"}}, {"$ref": 5}, {"enum": "x"}, {"anchored": "x"}):
        assert not validator.is_valid({"ok": True, "data": wrong}), wrong


@pytest.mark.parametrize(
    ("effects", "reads", "repeats"), [("none", True, True), ("idempotent", False, True), ("once", False, False)]
)
def test_effects_are_told(effects, reads, repeats):
    found = described(effects=effects)
    assert found["annotations"] == {"readOnlyHint": reads, "idempotentHint": repeats}
    assert ("changes something" in found["description"]) is not reads
