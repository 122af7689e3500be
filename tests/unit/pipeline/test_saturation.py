"""A target that works but is too busy: whom it still takes, and whom it turns away."""

from collections.abc import Callable

import gevent
import pytest

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.errors import Throttled, Unavailable
from faas_toolkit.core.outbound import BreakerRules, LimitLine, SaturationRules, Target
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.gate import Gate
from faas_toolkit.pipeline.saturation import Saturation
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import Script, StreamingSource, a_call, an_attempt
from tests.fakes.clock import FakeClock
from tests.fakes.simulated_time import SimulatedTime

SECOND = 1_000_000
CAP = LimitLine("concurrency", 10)


class TestArithmetic:
    def test_evidence_that_goes_on_for_the_period_saturates(self):
        saturation = Saturation(SaturationRules(wait=2.0, period=10.0))
        saturation.observe(0, busy=True)
        saturation.observe(9 * SECOND, busy=True)
        assert not saturation.saturated(9 * SECOND)
        saturation.observe(10 * SECOND, busy=True)
        assert saturation.saturated(10 * SECOND)

    def test_one_relief_begins_it_anew(self):
        saturation = Saturation(SaturationRules(wait=2.0, period=10.0))
        for second in range(11):
            saturation.observe(second * SECOND, busy=second != 5)
        assert not saturation.saturated(10 * SECOND)
        saturation.observe(16 * SECOND, busy=True)
        assert saturation.saturated(16 * SECOND)
        saturation.observe(16 * SECOND, busy=False)
        assert not saturation.saturated(16 * SECOND)

    def test_two_busy_moments_with_silence_between_them_are_no_period(self):
        saturation = Saturation(SaturationRules(wait=2.0, period=10.0))
        saturation.observe(0, busy=True)
        saturation.observe(30 * SECOND, busy=True)
        assert not saturation.saturated(30 * SECOND)

    def test_it_is_over_when_nobody_came_for_a_period(self):
        saturation = Saturation(SaturationRules(wait=2.0, period=10.0))
        saturation.observe(0, busy=True)
        saturation.observe(10 * SECOND, busy=True)
        assert saturation.saturated(20 * SECOND)
        assert not saturation.saturated(20 * SECOND + 1)

    def test_a_wait_at_the_bound_or_a_share_in_flight_is_evidence(self):
        both = Saturation(SaturationRules(wait=2.0, in_flight=0.8))
        assert [both.busy(wait, 0, CAP) for wait in (0, 2 * SECOND - 1, 2 * SECOND)] == [False, False, True]
        assert [both.busy(0, held, CAP) for held in (7, 8, 10)] == [False, True, True]
        assert not both.busy(0, 100, None)
        assert not Saturation(SaturationRules(wait=2.0)).busy(0, 10, CAP)
        assert not Saturation(SaturationRules(in_flight=0.8)).busy(10**9, 0, CAP)


class House:
    def __init__(self, clock, *limits: LimitLine, rules: SaturationRules, max_wait: float = 30.0) -> None:
        self.clock = clock
        self.cells = MemoryCells(clock)
        self.gate = Gate(cells=self.cells, clock=clock)
        self.target = Target(id="model:main", limits=limits, breaker=BreakerRules(saturation=rules), max_wait=max_wait)

    def ask(self, send: Callable[..., object]):
        attempt = an_attempt(a_call(self.clock), self.target, send)
        return self.gate.send(attempt, self.gate.enter(attempt, 1))

    @property
    def state(self):
        return self.cells._cells["w1:model:main"][0]


def test_a_saturated_target_lets_nobody_else_wait_and_takes_who_can_start_at_once():
    clock = SimulatedTime()
    house = House(clock, LimitLine("requests", 10, 10.0), rules=SaturationRules(wait=3.0, period=5.0))
    began = clock.monotonic()
    starts, turned_away, waits = [], [], []

    def ask(at):
        clock.sleep(at)
        came = clock.monotonic()
        try:
            house.ask(lambda deadline: starts.append(clock.monotonic() - began))
        except Throttled as refused:
            turned_away.append((came - began, clock.monotonic() - came, refused))
        else:
            waits.append(clock.monotonic() - came)

    # 2 calls per second against 1 per second: the wait grows until the target is saturated
    for greenlet in clock.run([lambda n=n: ask(n * 0.5) for n in range(160)]):
        greenlet.get()
    assert {waited for _, waited, _ in turned_away} == {0.0}, "refused at once"
    assert all("saturated" in refused.message and refused.not_executed for _, _, refused in turned_away)
    assert max(waits) < 3.0 + 5.0 + 5.0, "the wait stays near its bound instead of growing to max_wait"
    assert len(starts) >= 0.9 * (80 + 10), "the target is used all the same"
    assert max(at for at, _, _ in turned_away) > 40, "and it comes back while the load stays"


def saturate(house: House) -> None:
    """As if calls had found it busy for a whole period until now."""
    now, period = int(house.clock.monotonic() * SECOND), int(house.target.breaker.saturation.period * SECOND)
    house.state.saturation.observe(now, busy=False)
    house.state.saturation.observe(now - period, busy=True)
    house.state.saturation.observe(now, busy=True)


def test_who_waits_already_keeps_the_place_and_newcomers_behind_are_turned_away():
    house = House(SystemClock(), LimitLine("concurrency", 1), rules=SaturationRules(in_flight=1.0, period=60.0))
    held = house.ask(StreamingSource(["one", "two"]))
    waiting = gevent.spawn(house.ask, Script("served"))
    gevent.sleep(0)
    saturate(house)
    with pytest.raises(Throttled) as refused:
        house.ask(Script("turned away"))
    assert "saturated" in refused.value.message
    assert refused.value.retry_after == 1.0
    held.close()
    assert waiting.get() == "served"
    assert house.ask(Script("the next starts at once")) == "the next starts at once"


def test_a_newcomer_who_would_have_to_queue_first_is_turned_away():
    house = House(FakeClock(), LimitLine("concurrency", 1), rules=SaturationRules(in_flight=1.0, period=60.0))
    held = house.ask(StreamingSource(["one", "two"]))
    saturate(house)
    with pytest.raises(Throttled) as refused:
        house.ask(Script("a"))
    assert "saturated" in refused.value.message
    assert house.clock.slept == []
    held.close()
    assert house.ask(Script("a")) == "a"
    assert not house.state.saturation.saturated(int(house.clock.monotonic() * SECOND))


def test_one_that_has_waited_too_long_in_the_queue_is_evidence():
    clock = SystemClock()
    house = House(clock, LimitLine("concurrency", 1), rules=SaturationRules(wait=0.02, period=0.001))
    held = house.ask(StreamingSource(["one", "two"]))
    waiting = gevent.spawn(house.ask, StreamingSource(["one", "two"]))
    gevent.sleep(0.03)
    held.close()
    assert isinstance(waiting.get(), Stream)
    assert house.state.saturation._since is not None


def test_a_429_is_no_evidence():
    house = House(FakeClock(), LimitLine("requests", 5, 1.0), rules=SaturationRules(wait=1.0, period=1.0))
    with pytest.raises(Throttled):
        house.ask(Script(Throttled("429", retry_after=20.0)))
    assert house.ask(Script("a")) == "a"
    assert house.clock.slept == [20.0]
    assert house.state.saturation._since is None


def test_a_target_without_the_rule_lets_wait_as_long_as_it_says():
    clock = FakeClock()
    house = House(clock, LimitLine("requests", 1, 10.0), rules=SaturationRules(wait=1.0))
    house.target = Target(id="model:main", limits=(LimitLine("requests", 1, 10.0),), max_wait=30.0)
    assert [house.ask(Script("a")) for _ in range(5)] == ["a"] * 5
    assert len(clock.slept) == 4


def test_the_refusals_say_why():
    house = House(FakeClock(), rules=SaturationRules(wait=1.0))
    house.target = Target(id="model:main", breaker=BreakerRules(minimum=1, slow=2.0))

    def slowly(deadline):
        house.clock.advance(2.5)
        return "late"

    house.ask(slowly)
    with pytest.raises(Unavailable, match="model:main answered too slowly and is left alone") as refused:
        house.ask(Script("a"))
    assert refused.value.retry_after == 15.0
    house.clock.advance(15)
    with pytest.raises(Unavailable, match="down"):
        house.ask(Script(Unavailable("down")))
    with pytest.raises(Unavailable, match="model:main failed too often"):
        house.ask(Script("a"))


def test_a_stream_is_as_slow_as_its_first_content():
    house = House(FakeClock(), rules=SaturationRules(wait=1.0))
    house.target = Target(id="model:main", breaker=BreakerRules(minimum=1, slow=2.0))
    stream = house.ask(StreamingSource(["one", "two"]))
    house.clock.advance(30)
    assert len(list(stream)) == 3
    assert house.state.breaker.open_until is None
