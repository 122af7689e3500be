"""From the parameters of a typed tool to the arguments of function_call."""

import pytest

from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.dify.typed import function_call


def call(parameters, json=(), renamed=None):
    return function_call("score", parameters, json=json, renamed=renamed or {})


def test_each_parameter_is_one_argument():
    assert call({"a": "x", "b": 2.5, "c": False}) == {"function": "score", "arguments": {"a": "x", "b": 2.5, "c": False}}


def test_what_belongs_to_every_tool_is_no_argument():
    given = {"a": 1, "identity_token": "t", "on_error": "fail", "idempotency_key": "k"}
    assert call(given) == {"function": "score", "arguments": {"a": 1}, "idempotency_key": "k"}


def test_an_argument_of_another_name_gets_its_own_name_back():
    assert call({"argument_on_error": "x"}, renamed={"argument_on_error": "on_error"})["arguments"] == {"on_error": "x"}


def test_json_is_read_and_a_value_is_taken_as_it_is():
    given = {"a": '[{"b": 1}]', "c": [1], "d": '```json\n{"e": null}\n```', "f": "2"}
    assert call(given, json=tuple("acdf"))["arguments"] == {"a": [{"b": 1}], "c": [1], "d": {"e": None}, "f": 2}


def test_what_was_left_empty_is_left_out():
    assert call({"a": "", "b": None, "c": "", "d": 0}, json=("c",))["arguments"] == {"d": 0}


def test_a_whole_number_is_whole_whatever_dify_made_of_it():
    arguments = call({"a": 3.0, "b": 3.5, "c": 1e300, "d": float("inf")})["arguments"]
    assert [type(value) for value in arguments.values()] == [int, float, float, float]


def test_every_parameter_that_holds_no_json_is_named_at_once():
    with pytest.raises(InvalidInput) as refused:
        call({"a": "{x", "b": "NaN", "c": "1"}, json=("a", "b", "c"))
    assert "a " in refused.value.message
    assert "b " in refused.value.message


def test_json_above_its_bound_is_refused():
    with pytest.raises(TooLarge):
        call({"a": '"' + "x" * 1_000_001 + '"'}, json=("a",))


@pytest.mark.parametrize("value", ['"\\ud800"', '{"a": Infinity}', "[" * 5_000])
def test_hostile_json_is_refused(value):
    with pytest.raises(InvalidInput):
        call({"a": value}, json=("a",))
