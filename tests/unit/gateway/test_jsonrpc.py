"""JSON-RPC against whatever comes: right messages, wrong ones, and noise."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.gateway.jsonrpc import (
    INVALID_REQUEST,
    PARSE_ERROR,
    Malformed,
    RpcError,
    RpcRequest,
    Unanswered,
    parse_body,
    read_message,
    with_whole_numbers,
)

IDS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=20))
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4))
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.one_of(st.just("2.0"), VALUES),
        "id": IDS,
        "method": st.one_of(st.sampled_from(["ping", "tools/list", "tools/call"]), VALUES),
        "params": VALUES,
        "result": VALUES,
        "error": VALUES,
    },
)


def refusal(body):
    """How the body is refused; None where it is read."""
    try:
        parse_body(body)
    except RpcError as error:
        error.message.encode()
        return error.code, error.status
    return None


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_a_protocol_failure(body):
    assert refusal(body) in (None, (PARSE_ERROR, 400), (INVALID_REQUEST, 413))


@given(VALUES)
def test_a_document_is_read_as_it_was_written_or_refused(value):
    body = json.dumps(value).encode()
    if refusal(body) is None:
        assert parse_body(body) == value
    else:
        assert any(word in body for word in (b"Infinity", b"\\u0000", b"\\ud"))


@given(st.one_of(VALUES, MESSAGES))
def test_any_document_is_one_kind_of_message(document):
    message = read_message(document)
    if isinstance(message, RpcRequest):
        assert document["jsonrpc"] == "2.0"
        assert isinstance(message.id, (str, int))
        assert not isinstance(message.id, bool)
        assert isinstance(message.params, dict)
    elif isinstance(message, Malformed):
        assert message.id is None or message.id == document["id"]
        assert message.error.message
    else:
        assert message == Unanswered()
        assert "id" not in document or "method" not in document


@given(VALUES)
def test_whole_numbers_are_equal_to_what_they_were_written_as(value):
    assert with_whole_numbers(value) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [("3.0", 3), ("-0.0", 0), ("1e3", 1_000), ("3.5", 3.5), ("1e300", 1e300), ("true", True), ("9007199254740991.0", 2**53 - 1)],
)
def test_a_float_that_is_whole_arrives_as_an_integer(written, read):
    found = parse_body(b'{"deep": [{"n": %s}]}' % written.encode())["deep"][0]["n"]
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b'"\\ud800"', b'"\\u0000"', b"[" * 70 + b"]" * 70, b"9" * 5_000])
def test_what_json_or_a_store_cannot_hold_is_refused(body):
    with pytest.raises(RpcError) as refused:
        parse_body(body)
    assert refused.value.code == PARSE_ERROR


def test_a_document_of_a_million_values_is_too_large():
    with pytest.raises(RpcError) as refused:
        parse_body(b"[" + b"1," * 1_000_001 + b"1]")
    assert refused.value.status == 413


def test_a_number_that_no_double_holds_keeps_nothing_waiting():
    assert math.isinf(float("1e999"))
    with pytest.raises(RpcError):
        parse_body(b"[1e999]")
