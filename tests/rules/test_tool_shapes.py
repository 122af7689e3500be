"""A tool's YAML, which Dify and models read, and its operation's shape, which checks a call, say the same."""

import ast

import pytest
import yaml

from faas_toolkit.wiring import OPERATIONS, operation_named
from tests.rules.tree import ROOT, parsed

SHARED_PARAMETERS = frozenset(["identity_token", "on_error"])
SHARED_VARIABLES = frozenset(["ok", "error", "source", "meta", "added"])

TYPES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "select": "select", "list": "string"}
TYPES |= {"object": "string", "value": "string", "file": "file", "files": "files", "model": "model-selector"}
"""A shape's types as Dify has them: objects and lists arrive as text (dify-daemon.md, list, 9)."""

VARIABLE_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", tuple: "array", dict: "object"}


def declaration(operation):
    return yaml.safe_load((ROOT / "tools" / f"{operation.tool}.yaml").read_text(encoding="utf-8"))


@pytest.fixture(params=sorted(OPERATIONS))
def operation(request):
    return operation_named(request.param)


@pytest.fixture
def declared(operation):
    return {p["name"]: p for p in declaration(operation)["parameters"] if p["name"] not in SHARED_PARAMETERS}


@pytest.fixture
def shaped(operation):
    return {parameter.name: parameter for parameter in operation.shape.parameters}


def test_every_tool_has_an_operation_and_the_other_way_round():
    assert {operation_named(name).tool for name in OPERATIONS} == {path.stem for path in (ROOT / "tools").glob("*.yaml")}


def test_a_tool_s_file_runs_its_own_operation(operation):
    (call,) = [node for node in ast.walk(parsed(ROOT / "tools" / f"{operation.tool}.py")) if isinstance(node, ast.Call)]
    assert ast.literal_eval(call.args[1]) == operation.name


def test_an_operation_stands_under_its_own_name():
    for name in OPERATIONS:
        assert operation_named(name).name == name


def test_parameters_have_the_same_names_in_the_same_order(declared, shaped):
    assert list(declared) == list(shaped)


def test_parameters_have_the_same_types(declared, shaped):
    assert {name: p["type"] for name, p in declared.items()} == {name: TYPES[p.type] for name, p in shaped.items()}


def test_parameters_are_required_alike(declared, shaped):
    assert {name: p["required"] for name, p in declared.items()} == {name: p.required for name, p in shaped.items()}


def test_a_declared_default_is_the_shape_s_default(declared, shaped):
    for name, parameter in declared.items():
        if "default" in parameter:
            assert parameter["default"] == shaped[name].default, name
        else:
            assert shaped[name].default in (None, (), {}, ""), f"{name}: declare its default"


def test_a_default_is_told_to_the_model(declared):
    for name, parameter in declared.items():
        if "default" in parameter:
            assert f"Default {parameter['default']}" in parameter["llm_description"], name


def test_selects_have_the_same_options(declared, shaped):
    for name, parameter in declared.items():
        if parameter["type"] == "select":
            options = [option["value"] for option in parameter["options"]]
            assert sorted(options) == sorted(shaped[name].options), name
            assert all(option in parameter["llm_description"] for option in options), name


def test_the_items_of_a_list_are_named_in_the_text(declared, shaped):
    for name, parameter in shaped.items():
        if parameter.type == "list":
            assert all(item in declared[name]["llm_description"] for item in parameter.options), name


def test_bounds_are_the_same_and_told_to_the_model(declared, shaped):
    for name, parameter in declared.items():
        assert parameter.get("min") == shaped[name].minimum, name
        assert parameter.get("max") == shaped[name].maximum, name
        for bound in ("min", "max"):
            if bound in parameter:
                assert str(parameter[bound]) in parameter["llm_description"], name


def test_lengths_are_told_to_the_model_where_a_text_is_free(declared, shaped):
    for name, parameter in shaped.items():
        if parameter.type == "string" and parameter.max_chars <= 2_000 and name != "cursor":
            assert f"{parameter.max_chars:,} characters" in declared[name]["llm_description"], name


def test_variables_are_the_shared_ones_and_the_operation_s_own(operation):
    properties = declaration(operation)["output_schema"]["properties"]
    assert set(properties) == SHARED_VARIABLES | set(operation.empty)


def test_variables_have_the_types_they_have_when_a_call_failed(operation):
    properties = declaration(operation)["output_schema"]["properties"]
    for name, value in operation.empty.items():
        if value is not None:
            assert properties[name]["type"] == VARIABLE_TYPES[type(value)], name


def test_large_variables_are_variables(operation):
    assert operation.large <= set(operation.empty)
