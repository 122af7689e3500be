"""The breaker: when it opens, who may probe, how it recovers."""

import pytest

from faas_toolkit.core.outbound import BreakerRules
from faas_toolkit.pipeline.breaker import Breaker

SECOND = 1_000_000
RULES = BreakerRules(window=30.0, minimum=5, failure_rate=0.5, open_for=15.0)


def opened(at: int = 0) -> Breaker:
    breaker = Breaker(RULES)
    for number in range(5):
        breaker.settle(f"c{number}", breaker.turn, False, at)
    assert breaker.open_until == at + 15 * SECOND
    return breaker


def recovered(at: int) -> Breaker:
    breaker = opened()
    assert breaker.ask(at) == 0
    assert breaker.passed("probe", at, SECOND)
    breaker.settle("probe", breaker.turn, True, at)
    return breaker


def test_it_stays_closed_below_its_minimum_of_calls():
    breaker = Breaker(RULES)
    for number in range(4):
        breaker.settle(str(number), 0, False, 0)
    assert breaker.ask(1) == 0


def test_it_opens_at_its_rate_and_says_how_long():
    breaker = Breaker(RULES)
    for number in range(10):
        breaker.settle(str(number), 0, number % 2 == 0, number)
    assert breaker.open_until is not None
    assert breaker.ask(breaker.open_until - 4) == 4


def test_it_stays_closed_below_its_rate():
    breaker = Breaker(RULES)
    for number in range(300):
        breaker.settle(str(number), 0, number % 5 != 0, number)
    assert breaker.ask(300) == 0


def test_failures_outside_the_window_do_not_count():
    breaker = Breaker(RULES)
    for number in range(4):
        breaker.settle(str(number), 0, False, 0)
    breaker.settle("late", 0, False, 34 * SECOND)
    assert breaker.open_until is None


def test_what_says_nothing_is_counted_on_neither_side():
    breaker = Breaker(RULES)
    for number in range(100):
        breaker.settle(str(number), 0, None, 0)
    for number in range(4):
        breaker.settle(str(number), 0, False, 0)
    assert breaker.open_until is None
    breaker.settle("fifth", 0, False, 0)
    assert breaker.open_until is not None


def test_half_open_lets_exactly_one_probe_through():
    breaker = opened()
    now = 15 * SECOND
    assert breaker.ask(now - 1) == 1
    assert breaker.ask(now) == 0
    assert breaker.passed("probe", now, 20 * SECOND)
    assert breaker.ask(now) > 0
    assert breaker.ask(now + 19 * SECOND) > 0


def test_a_failed_probe_opens_again():
    breaker = opened()
    breaker.passed("probe", 15 * SECOND, SECOND)
    breaker.settle("probe", breaker.turn, False, 16 * SECOND)
    assert breaker.ask(16 * SECOND) == 15 * SECOND


def test_a_429_frees_the_probes_place_and_decides_nothing():
    breaker = opened()
    breaker.passed("probe", 15 * SECOND, 100 * SECOND)
    breaker.settle("probe", breaker.turn, None, 16 * SECOND)
    assert breaker.open_until == 15 * SECOND
    assert breaker.ask(16 * SECOND) == 0
    assert breaker.passed("second", 16 * SECOND, SECOND)


def test_a_probe_whose_holder_died_is_followed_by_another():
    breaker = opened()
    breaker.passed("dead", 15 * SECOND, 20 * SECOND)
    assert breaker.ask(34 * SECOND) > 0
    assert breaker.ask(35 * SECOND) == 0
    breaker.passed("next", 35 * SECOND, 20 * SECOND)
    breaker.settle("dead", breaker.turn, True, 36 * SECOND)
    assert breaker.open_until is not None
    breaker.settle("next", breaker.turn, True, 36 * SECOND)
    assert breaker.open_until is None


@pytest.mark.parametrize("answered", [True, False])
def test_calls_from_before_the_opening_say_nothing_about_what_came_after(answered: bool):
    breaker = opened()
    breaker.settle("slow", 0, answered, SECOND)
    assert breaker.open_until == 15 * SECOND
    breaker = recovered(20 * SECOND)
    for number in range(20):
        breaker.settle(f"slow{number}", 0, False, 21 * SECOND)
    assert breaker.open_until is None


@pytest.mark.parametrize(("second", "passing"), [(0, 10), (4.9, 10), (5, 25), (9.9, 25), (10, 50), (14.9, 50), (15, 100)])
def test_after_a_recovery_the_share_that_passes_grows(second: float, passing: int):
    breaker = recovered(20 * SECOND)
    now = 20 * SECOND + int(second * SECOND)
    replies = [breaker.ask(now) for _ in range(100)]
    assert abs(replies.count(0) - passing) <= 1
    assert all(0 <= reply <= 5 * SECOND for reply in replies)


def test_a_lone_caller_after_the_probe_is_not_turned_away():
    assert recovered(20 * SECOND).ask(21 * SECOND) == 0


def test_a_target_that_fails_again_while_it_recovers_is_left_alone_again():
    breaker = recovered(20 * SECOND)
    for number in range(5):
        breaker.settle(str(number), breaker.turn, False, 21 * SECOND)
    assert breaker.ask(21 * SECOND) == 15 * SECOND


def test_a_waiting_call_may_start_only_if_nothing_opened_meanwhile():
    breaker = Breaker(RULES)
    turn = breaker.turn
    assert breaker.still_passes("a", turn)
    for number in range(5):
        breaker.settle(str(number), turn, False, 0)
    assert not breaker.still_passes("a", turn)
    breaker.passed("probe", 15 * SECOND, SECOND)
    assert breaker.still_passes("probe", breaker.turn)
    assert not breaker.still_passes("a", breaker.turn)


def test_an_open_breaker_is_remembered_longer_than_its_window():
    assert Breaker(RULES).memory < 60 * SECOND
    assert opened().memory == 3_600 * SECOND
    assert recovered(20 * SECOND).memory >= 15 * SECOND


class TestSlowness:
    RULES = BreakerRules(window=30.0, minimum=5, failure_rate=0.5, open_for=15.0, slow=2.0, slow_rate=0.4)

    def answers(self, *seconds: float, breaker: Breaker | None = None) -> Breaker:
        breaker = breaker or Breaker(self.RULES)
        for number, took in enumerate(seconds):
            breaker.settle(str(number), breaker.turn, True, number, int(took * SECOND))
        return breaker

    def test_it_opens_where_the_share_of_slow_answers_is_reached_and_says_why(self):
        breaker = self.answers(0.1, 0.1, 0.1, 2.0, 3.0)
        assert (breaker.open_until, breaker.why) == (4 + 15 * SECOND, "slow")

    def test_it_stays_closed_below_its_share_its_bound_or_its_minimum(self):
        assert self.answers(0.1, 0.1, 0.1, 0.1, 3.0).open_until is None
        assert self.answers(*[1.999999] * 50).open_until is None
        assert self.answers(3.0, 3.0, 3.0, 3.0).open_until is None

    def test_slow_answers_outside_the_window_do_not_count(self):
        breaker = self.answers(3.0, 3.0, 3.0, 3.0)
        breaker.settle("late", 0, True, 34 * SECOND, 3 * SECOND)
        assert breaker.open_until is None

    def test_without_a_bound_nothing_is_slow(self):
        breaker = Breaker(RULES)
        self.answers(*[100.0] * 50, breaker=breaker)
        assert breaker.open_until is None

    @pytest.mark.parametrize("answered", [False, None])
    def test_only_answers_are_slow_not_failures_and_not_a_429(self, answered):
        breaker = Breaker(BreakerRules(minimum=3, failure_rate=1.0, slow=2.0))
        breaker.settle("good", 0, True, 0, 1)
        for number in range(20):
            breaker.settle(str(number), 0, answered, 0, 10 * SECOND)
        assert breaker.open_until is None

    def test_a_probe_that_answers_slowly_opens_it_again_and_a_quick_one_closes_it(self):
        breaker = self.answers(*[3.0] * 5)
        now = 4 + 15 * SECOND
        breaker.passed("probe", now, SECOND)
        breaker.settle("probe", breaker.turn, True, now + 2 * SECOND, 2 * SECOND)
        assert (breaker.open_until, breaker.why) == (now + 17 * SECOND, "slow")
        breaker.passed("next", now + 17 * SECOND, SECOND)
        breaker.settle("next", breaker.turn, True, now + 18 * SECOND, SECOND)
        assert breaker.open_until is None

    def test_what_it_opened_for_is_what_it_opened_for_last(self):
        breaker = self.answers(*[3.0] * 5)
        breaker.passed("probe", 16 * SECOND, SECOND)
        breaker.settle("probe", breaker.turn, False, 16 * SECOND)
        assert breaker.why == "failed"
