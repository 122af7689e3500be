"""The `after` function adds, never takes away, and its failure never fails the call."""

from dataclasses import replace

import pytest

from faas_toolkit.core import errors
from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import NotFound, Unavailable
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.enrich import MAX_ADDED_BYTES, Enrich
from tests.fakes.calls import End, FakeFunctions, make_call

AFTER = {"crm.lookup": "add_score"}
ANSWER = Answer(variables={"records": [{"id": "person:1"}], "total": 1}, source="main", notices=("Cut.",))


def enriched(add, answer=ANSWER):
    functions, call = FakeFunctions(add_score=add), make_call({"query": "ana"})
    return Enrich(after=AFTER, invoke=functions)(call, End(answer)), functions, call


def test_what_the_function_answers_is_added_and_nothing_else_changes():
    answer, functions, call = enriched(lambda payload: {"score": 0.7})
    assert answer == Answer(variables=ANSWER.variables, source="main", notices=("Cut.",), added={"score": 0.7})
    assert functions.asked == [
        (
            "add_score",
            {
                "operation": "crm.lookup",
                "arguments": {"query": "ana"},
                "result": {"records": [{"id": "person:1"}], "total": 1},
                "source": "main",
            },
        )
    ]
    assert str(call.record.decisions[0]) == "enrich: added (add_score)"


def test_an_operation_without_a_function_asks_nobody():
    end = End()
    assert Enrich(after={"crm.update": "x"}, invoke=FakeFunctions())(make_call(), end) is end.answer


def test_a_failure_further_in_passes_and_nothing_is_asked():
    functions = FakeFunctions()
    with pytest.raises(NotFound):
        Enrich(after=AFTER, invoke=functions)(make_call(), End(NotFound("none")))
    assert functions.asked == []


def test_a_stream_is_handed_on_as_it_comes_and_what_is_added_stands_at_its_end():
    whole = Answer(variables={"answer": "ab"}, source="chat.main")
    stream, functions, _ = enriched(lambda payload: {"score": 1}, Stream(iter(["a", "b"]), answer=lambda: whole))
    assert next(stream) == "a"
    assert functions.asked == []
    assert next(stream) == "b"
    assert next(stream).answer == replace(whole, added={"score": 1})
    assert functions.asked[0][1]["result"] == {"answer": "ab"}


def test_a_stream_that_breaks_off_asks_nothing_and_stays_broken():
    def chunks():
        yield "a"
        raise Unavailable("It broke off.")

    stream, functions, _ = enriched(lambda payload: {"score": 1}, Stream(chunks()))
    *_, end = stream
    assert end.failure.kind == "unavailable"
    assert functions.asked == []


def test_a_failure_of_the_function_does_not_fail_a_stream():
    def add(payload):
        raise Unavailable("It is away.")

    whole = Answer(variables={"answer": "a"}, source="chat.main")
    *_, end = enriched(add, Stream(iter(["a"]), answer=lambda: whole))[0]
    assert end.failure is None
    assert end.answer.partial
    assert "is missing" in end.answer.notices[0]


@pytest.mark.parametrize("kind", sorted(errors.every_kind()))
def test_a_failure_of_the_function_leaves_a_note_and_an_answer_that_is_not_kept(kind):
    def add(payload):
        raise errors.every_kind()[kind]("It is away.")

    answer, _, call = enriched(add)
    assert answer.variables == ANSWER.variables
    assert answer.added == {}
    assert answer.partial
    assert answer.notices == ("Cut.", "What 'add_score' adds is missing from this answer. It is away.")
    assert call.record.decisions[0].outcome == kind


@pytest.mark.parametrize(
    "added",
    [None, "text", 7, [], [{"score": 1}], {"score": float("nan")}, {1: "a"}, {"a": {1, 2}}, {"a": "\ud800"},
     {"a": "x" * MAX_ADDED_BYTES}, {"a": "客" * 40_000}],
)  # fmt: skip
def test_an_answer_that_cannot_be_added_is_left_out(added):
    answer, _, _ = enriched(lambda payload: added)
    assert answer.added == {}
    assert answer.partial
    assert len(answer.notices) == 2


def test_an_answer_of_a_thousand_levels_is_left_out():
    deep = {}
    for _ in range(1_000):
        deep = {"a": deep}
    answer, _, _ = enriched(lambda payload: deep)
    assert answer.partial


def test_one_hundred_kilobytes_are_taken():
    answer, _, _ = enriched(lambda payload: {"a": "x" * (MAX_ADDED_BYTES - 8)})
    assert not answer.partial


def test_the_function_cannot_change_the_answer_through_what_it_was_given():
    def add(payload):
        payload["result"]["total"] = 99
        payload["arguments"].clear()
        return {}

    answer, _, call = enriched(add)
    assert answer.variables["total"] == 1
    assert call.arguments == {"query": "ana"}
