"""What a call will need, before it is sent."""

import pytest

from faas_toolkit.capabilities.models.tokens import Expectation, estimate, estimate_messages
from faas_toolkit.core.host import Message
from faas_toolkit.core.outbound import LimitLine, Target

FREE = Target(id="model:chat.main")


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a" * 10, 3), ("名" * 10, 6), ("a" * 10 + "名" * 10, 9), ("\ud800", 1)])
def test_texts_are_counted_by_their_script(text, tokens):
    assert estimate(text) == tokens


def test_each_message_costs_a_little_more():
    assert estimate_messages([Message("user", "a" * 10), Message("user", "a" * 10)]) == 14


def test_of_an_unknown_model_max_tokens_is_reserved_whole():
    assert Expectation().reserve("w", 100, 50, FREE) == 150
    assert Expectation().reserve("w", 100, None, FREE) == 600


def test_what_answers_really_had_is_learned_for_each_workspace():
    expectation = Expectation()
    for _ in range(60):
        expectation.learn("w", 100, 150, 20)
    assert expectation.reserve("w", 100, None, FREE) == pytest.approx(150 + 20, abs=2)
    assert expectation.reserve("w", 100, 5, FREE) == pytest.approx(155, abs=2)
    assert expectation.reserve("other", 100, None, FREE) == 600


def test_a_long_answer_that_may_come_does_not_forbid_a_call_for_ever():
    small = Target(id="m", limits=(LimitLine("requests", 1, 60), LimitLine("tokens", 300, 60), LimitLine("tokens", 1_000, 60)))
    assert Expectation().reserve("w", 100, None, small) == 300
    assert Expectation().reserve("w", 400, None, small) == 400, "the prompt alone is too large: the gate says never"


def test_what_was_learned_does_not_forbid_a_call_for_ever_that_would_fit():
    expectation = Expectation()
    for _ in range(20):  # a server that puts a long system text of its own before each prompt
        expectation.learn("w", 5, 2_005, 20)
    small = Target(id="m", limits=(LimitLine("tokens", 10_000, 60),))
    assert expectation.reserve("w", 100, None, small) == 10_000


def test_workspaces_are_forgotten_when_there_are_many():
    expectation = Expectation()
    for number in range(1_500):
        expectation.learn(f"w{number}", 10, 10, 10)
    assert len(expectation._seen) == 1_000
