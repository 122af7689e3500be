"""Waiting in fair order: nobody is overtaken, and equal callers get equal shares."""

import itertools

import pytest

from faas_toolkit.core.errors import Throttled
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.pipeline.gate import Gate
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import a_call, an_attempt
from tests.fakes.simulated_time import SimulatedTime


def jain(shares: list[int]) -> float:
    """1 where all have the same, 1/n where one has all (R. Jain, D. Chiu, W. Hawe, DEC-TR-301, 1984)."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


class House:
    def __init__(self, *limits: LimitLine, max_wait: float = 20.0) -> None:
        self.clock = SimulatedTime()
        self.gate = Gate(cells=MemoryCells(self.clock), clock=self.clock)
        self.target = Target(id="model:main", limits=limits, breaker=None, max_wait=max_wait)
        self.starts: list[tuple[float, float, str]] = []
        """When it started, when it came, whose it was."""

    def ask(self, who: str, *, lasts: float = 0.0, tokens: int = 1) -> bool:
        came = self.clock.monotonic()

        def send(deadline):
            self.starts.append((self.clock.monotonic(), came, who))
            self.clock.sleep(lasts)

        attempt = an_attempt(a_call(self.clock), self.target, send, cost={"tokens": tokens})
        try:
            self.gate.send(attempt, self.gate.enter(attempt, 1))
        except Throttled:
            return False
        return True

    def inversions(self) -> int:
        """Pairs of calls of which the later one started first, by a microsecond or more: nothing is decided more finely."""
        return sum(
            first[1] > second[1]
            for first, second in itertools.combinations(sorted(self.starts), 2)
            if first[0] < second[0] - 1e-6
        )


@pytest.mark.parametrize("tokens", [(1, 1, 1), (1, 7, 30)])
def test_nobody_who_waits_is_overtaken_whatever_they_need(tokens):
    house = House(LimitLine("requests", 20, 10.0), LimitLine("tokens", 100, 10.0))
    sizes = itertools.cycle(tokens)

    def come(at, size):
        house.clock.sleep(at)
        house.ask("x", tokens=size)

    works = [lambda at=n * 0.21, size=size: come(at, size) for n, size in zip(range(150), sizes, strict=False)]
    for greenlet in house.clock.run(works):
        greenlet.get()
    assert len(house.starts) > 40
    assert house.inversions() == 0


def test_three_equal_callers_get_equal_shares_of_a_saturated_target():
    house = House(LimitLine("requests", 30, 10.0), max_wait=40.0)
    until = house.clock.monotonic() + 120

    def keep_asking(who, head_start):
        house.clock.sleep(head_start)
        while house.clock.monotonic() < until:
            house.ask(who, lasts=0.2)

    # Each asks with eight calls at once, and the first has filled the target before the others come.
    works = [lambda who=who, late=late: keep_asking(who, late) for who, late in zip("abc", (0.0, 3.0, 5.0), strict=True)] * 8
    for greenlet in house.clock.run(works):
        greenlet.get()
    steady = [who for at, _, who in house.starts if at > until - 90]
    assert len(steady) >= 0.97 * 9 * 30 * 64 / 65 - 30
    assert jain([steady.count(who) for who in "abc"]) >= 0.95
    assert house.inversions() == 0


def test_who_asks_more_does_not_starve_who_asks_less():
    house = House(LimitLine("requests", 10, 10.0), max_wait=60.0)
    until = house.clock.monotonic() + 200

    def keep_asking(who):
        while house.clock.monotonic() < until:
            house.ask(who)

    for greenlet in house.clock.run([lambda: keep_asking("greedy")] * 20 + [lambda: keep_asking("modest")]):
        greenlet.get()
    steady = [who for at, _, who in house.starts if at > until - 150]
    assert steady.count("modest") >= len(steady) / 21 - 1, "the share of one of 21 who wait"
    waits = [at - came for at, came, who in house.starts if who == "modest"]
    assert max(waits) <= 21 / 10 * 10 * 65 / 64 + 1
