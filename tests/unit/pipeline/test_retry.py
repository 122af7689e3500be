"""What is asked again, after which pause, and how often at most."""

import pytest

from faas_toolkit.core.errors import (
    BadResponse,
    Blocked,
    Cancelled,
    Failure,
    Forbidden,
    FunctionError,
    Internal,
    InvalidInput,
    NotFound,
    Throttled,
    TimeoutUnknown,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.pipeline.retry import may_repeat
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import Script, a_call, an_attempt
from tests.fakes.clock import FakeClock

DOWN = Unavailable("down")


class House:
    def __init__(self, random=lambda: 0.5, **target) -> None:
        self.clock = FakeClock()
        self.outbound = build_outbound(cells=MemoryCells(self.clock), clock=self.clock, random=random)
        self.target = Target(id="function:score", **{"breaker": None, **target})

    def ask(self, *steps, call=None, **more):
        self.send = Script(*steps)
        return self.outbound(an_attempt(call or a_call(self.clock), self.target, self.send, **more))

    def failing(self, *steps, call=None, **more) -> int:
        """How often it was sent until it failed for good."""
        with pytest.raises(Failure):
            self.ask(*steps, call=call, **more)
        return self.send.sent


def test_an_attempt_that_failed_is_repeated_and_all_are_noted():
    house = House()
    call = a_call(house.clock)
    assert house.ask(DOWN, TimeoutUnknown("slow"), "answer", call=call) == "answer"
    assert [(attempt.number, attempt.outcome) for attempt in call.record.attempts] == [
        (1, "unavailable"),
        (2, "timeout_unknown"),
        (3, "ok"),
    ]


def test_the_last_failure_is_raised_after_the_targets_number_of_attempts():
    house = House(attempts=3)
    last = Unavailable("third")
    with pytest.raises(Unavailable) as raised:
        house.ask(DOWN, DOWN, last)
    assert raised.value is last
    assert house.send.sent == 3


def test_the_target_s_own_failure_is_raised_where_the_store_that_decides_about_repetitions_is_away():
    house = House()

    class AwayForRepetitions(MemoryCells):
        def apply(self, keys, step):
            if step.name == "gate.repeat":
                raise Unavailable("Redis does not answer.", not_executed=True)
            return super().apply(keys, step)

    house.outbound = build_outbound(cells=AwayForRepetitions(house.clock), clock=house.clock, random=lambda: 0.5)
    slow = TimeoutUnknown("slow")
    with pytest.raises(TimeoutUnknown) as raised:
        house.ask(slow)
    assert raised.value is slow


@pytest.mark.parametrize("attempts", [1, 2, 4])
def test_a_target_says_how_often_it_is_asked(attempts):
    assert House(attempts=attempts).failing(DOWN) == attempts


@pytest.mark.parametrize(
    ("failure", "effects", "repeated"),
    [
        (Unavailable("502"), "none", True),
        (Unavailable("502"), "idempotent", True),
        (Unavailable("502"), "once", False),
        (Unavailable("connection refused", not_executed=True), "once", True),
        (Unavailable("our credentials are refused", retryable=False, not_executed=True), "none", False),
        (TimeoutUnknown("no answer"), "none", True),
        (TimeoutUnknown("no answer"), "idempotent", True),
        (TimeoutUnknown("no answer"), "once", False),
        (Throttled("429", not_executed=True), "once", True),
        (Throttled("429", retryable=False), "none", False),
        (BadResponse("garbage"), "none", False),
        (BadResponse("cut off", retryable=True), "none", True),
        (BadResponse("cut off", retryable=True), "once", False),
        *[
            (kind("no", retryable=True, not_executed=True), "none", False)
            for kind in (
                FunctionError,
                InvalidInput,
                Unauthenticated,
                Forbidden,
                NotFound,
                TooLarge,
                Blocked,
                Cancelled,
                Internal,
            )
        ],
    ],
)
def test_only_what_may_help_and_cannot_harm_is_repeated(failure, effects, repeated):
    assert may_repeat(failure, effects) is repeated
    assert House(attempts=2).failing(failure, effects=effects) == (2 if repeated else 1)


def test_an_error_that_is_no_failure_is_not_repeated():
    house = House()
    with pytest.raises(ValueError, match="a bug"):
        house.ask(ValueError("a bug"))
    assert house.send.sent == 1


def test_pauses_have_full_jitter_and_grow_to_a_bound():
    house = House(random=lambda: 1 - 2**-53, attempts=9)
    house.target = Target(id="t", breaker=None, attempts=9)
    call = a_call(house.clock)
    for _ in range(100):  # enough traffic that the budget grants all of them
        house.ask("ok")
    house.failing(DOWN, call=call)
    assert house.clock.slept == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])
    calm = House(random=lambda: 0.0)
    calm.failing(DOWN)
    assert calm.clock.slept == [0.0, 0.0]


class TestRetryAfter:
    @pytest.mark.parametrize("random", [0.0, 0.5, 1 - 2**-53])
    def test_it_is_never_shortened(self, random):
        house = House(random=lambda: random)
        assert house.ask(Throttled("429", retry_after=7.0), "answer") == "answer"
        assert sum(house.clock.slept) >= 7.0
        assert sum(house.clock.slept) < 7.3

    def test_it_holds_for_an_unavailable_target_as_well(self):
        house = House(random=lambda: 0.0)
        house.ask(Unavailable("503", retry_after=4.0), "answer")
        assert house.clock.slept == [4.0]

    def test_one_that_the_deadline_forbids_ends_the_call_at_once(self):
        house = House()
        with pytest.raises(Throttled) as raised:
            house.ask(Throttled("429", retry_after=60.0), "answer")
        assert (house.send.sent, house.clock.slept) == (1, [])
        assert raised.value.retry_after == 60.0

    @pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -3.0])
    def test_nonsense_never_makes_a_pause(self, nonsense):
        house = House(random=lambda: 0.0, attempts=2)
        house.failing(Throttled("429", retry_after=nonsense))
        assert all(pause == 0 for pause in house.clock.slept)


def test_the_calls_deadline_ends_the_repetitions():
    house = House(attempts=100, random=lambda: 0.99)
    call = a_call(house.clock, first_content=2.0)
    began = house.clock.monotonic()
    assert house.failing(DOWN, call=call) > 1
    assert house.clock.monotonic() - began < 2.0


def test_the_gates_own_refusal_is_final():
    house = House(limits=(LimitLine("requests", 1, 10.0),), max_wait=1.0)
    house.ask("answer")
    assert house.failing("answer") == 0
    assert house.clock.slept == []


class TestBudget:
    def test_repetitions_stay_below_a_tenth_of_the_traffic(self):
        house = House(attempts=3)
        sent = sum(house.failing(DOWN) for _ in range(500))
        assert 500 + 3 <= sent <= 500 * 1.1

    def test_a_target_that_is_hardly_asked_has_a_few_for_free(self):
        house = House(attempts=3)
        assert [house.failing(DOWN) for _ in range(4)] == [3, 2, 1, 1]

    def test_it_comes_back_after_a_minute(self):
        house = House(attempts=3)
        assert [house.failing(DOWN) for _ in range(3)] == [3, 2, 1]
        house.clock.advance(75)
        assert house.failing(DOWN) == 3

    def test_each_workspace_and_each_target_has_its_own(self):
        house = House(attempts=3)
        assert [house.failing(DOWN) for _ in range(3)] == [3, 2, 1]
        assert house.failing(DOWN, call=a_call(house.clock, workspace="w2")) == 3
        house.target = Target(id="function:other", breaker=None, attempts=3)
        assert house.failing(DOWN) == 3

    def test_only_calls_that_were_let_through_are_traffic(self):
        house = House(attempts=3, limits=(LimitLine("requests", 20, 3_600.0),), max_wait=0)
        for _ in range(10):
            house.ask("answer")
        house.ask("answer")
        sent = 11
        for _ in range(300):
            sent += house.failing(DOWN)
        assert sent == 20
        house.target = Target(id="function:score", breaker=None, attempts=9)
        assert house.failing(DOWN) == 1, "the free repetitions are spent, and what was refused has bought none"
