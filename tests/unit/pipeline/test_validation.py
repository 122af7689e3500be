"""Arguments are checked before anything else knows of them."""

import pytest

from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape
from faas_toolkit.pipeline.validation import Validation
from tests.fakes.calls import End, make_call


def test_what_goes_on_has_defaults_and_types():
    end = End()
    Validation()(make_call({"query": " ana ", "limit": "7"}), end)
    assert dict(end.calls[0].arguments) == {"query": "ana", "limit": 7, "filters": None}


def test_the_call_that_came_is_not_changed():
    call = make_call({"query": "ana"})
    Validation()(call, End())
    assert call.arguments == {"query": "ana"}


@pytest.mark.parametrize(
    "arguments", [{}, {"query": ""}, {"query": None}, {"query": "a", "qurey": "b"}, {"query": "a\0"}, {"query": "\ud800"}]
)
def test_a_bad_argument_ends_the_call_with_a_text_that_teaches(arguments):
    end = End()
    with pytest.raises(InvalidInput) as caught:
        Validation()(make_call(arguments), end)
    assert end.calls == []
    assert caught.value.message
    assert caught.value.hint == "Example: query=ana."


def test_arguments_that_are_each_in_bounds_may_still_be_too_large_together():
    shape = Shape(tuple(Parameter(name=name, type="object") for name in ("a", "b")))
    operation = Operation(name="x.y", tool="x_y", grant=None, shape=shape)
    with pytest.raises(TooLarge, match=r"x_y are 1,.* bytes") as caught:
        Validation()(make_call({"a": {"k": "v" * 600_000}, "b": {"k": "v" * 500_000}}, operation=operation), End())
    assert "the largest of them is a" in caught.value.hint


def test_size_is_counted_in_bytes_of_utf_8():
    shape = Shape(tuple(Parameter(name=name, max_chars=1_000_000) for name in ("a", "b")))
    operation = Operation(name="x.y", tool="x_y", grant=None, shape=shape)
    with pytest.raises(TooLarge):
        Validation()(make_call({"a": "客" * 200_000, "b": "户" * 200_000}, operation=operation), End())


def test_an_idempotency_key_becomes_the_call_s():
    operation = Operation(name="x.y", tool="x_y", grant=None, shape=Shape((Parameter(name="idempotency_key"),)))
    end = End()
    Validation()(make_call({"idempotency_key": "k1"}, operation=operation), end)
    Validation()(make_call({}, operation=operation, idempotency_key="from outside"), end)
    assert [call.idempotency_key for call in end.calls] == ["k1", "from outside"]
