"""Several sources are asked at once: what fails costs its own part, and what holds for the call ends it."""

import pytest

from faas_toolkit.core.errors import Cancelled, InvalidInput, Throttled, Unavailable
from faas_toolkit.core.fan_out import Reply, ask_each, ask_source, none_answered
from faas_toolkit.core.outbound import Target
from tests.fakes.calls import make_call


def asked(send, target=None):
    targets = []

    def outbound(attempt):
        targets.append(attempt.target.id)
        return attempt.send(attempt.call.deadlines.first_content)

    return ask_source("main", send, call=make_call(), target=target, outbound=outbound), targets


@pytest.mark.parametrize("number", [0, 1, 2, 40])
def test_replies_come_in_the_order_of_the_questions(number):
    assert ask_each(range(number), lambda each: each * 2) == [each * 2 for each in range(number)]


def test_a_source_with_a_target_passes_the_outbound_chain_and_one_without_does_not():
    assert asked(lambda _: "found", Target(id="crm:main")) == (Reply("main", found="found"), ["crm:main"])
    assert asked(lambda _: "found") == (Reply("main", found="found"), [])


def test_a_failure_is_kept_as_the_reply():
    failure = Unavailable("down")

    def send(_):
        raise failure

    assert asked(send)[0] == Reply("main", failure=failure)


@pytest.mark.parametrize("failure", [InvalidInput("no"), Cancelled("gone")])
def test_what_holds_for_the_whole_call_ends_it(failure):
    def send(_):
        raise failure

    with pytest.raises(type(failure)):
        asked(send)


def test_one_source_that_failed_alone_is_told_as_it_is_and_several_together():
    one = Reply("a", failure=Throttled("slow down"))
    assert none_answered([one], "CRM source") is one.failure
    both = none_answered([one, Reply("b", failure=Unavailable("down", retryable=False))], "CRM source")
    assert both.message == "No CRM source answered. a: slow down b: down"
    assert both.retryable
