"""Limits of targets, quotas of callers, leases and the breaker, decided together: random interleavings against an oracle.

The oracle remembers every event and adds them up again for each question; the steps must never be more generous than it is.
"""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from faas_toolkit.core.outbound import BreakerRules, LimitLine, Target
from faas_toolkit.pipeline.gate_steps import Enter, Settle
from faas_toolkit.pipeline.quota_steps import Release, Share, Spend
from faas_toolkit.pipeline.rolling import PARTS, micros
from faas_toolkit.pipeline.waiters import SEEN_WITHIN
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.clock import FakeClock

LEASE = 4_000_000
PERIODS = st.sampled_from([0.4, 1.0, 3.0])
RATES = st.builds(LimitLine, of=st.sampled_from(["requests", "tokens"]), limit=st.integers(1, 8), per=PERIODS) | st.builds(
    LimitLine, of=st.just("cost"), limit=st.integers(1, 8), per=PERIODS, currency=st.just("CNY")
)
LINES = RATES | st.builds(LimitLine, of=st.just("concurrency"), limit=st.integers(1, 3))
TARGETS = st.lists(st.lists(LINES, max_size=3, unique_by=lambda line: (line.unit, line.per)).map(tuple), min_size=2, max_size=2)
QUOTAS = st.lists(LINES, min_size=3, max_size=3)
ASK = st.tuples(
    st.just("ask"),
    st.integers(0, 1),
    st.sets(st.integers(0, 2)),
    st.integers(0, 4),
    st.integers(0, 4),
    st.sampled_from([0, 0, 1_000_000, 20_000_000]),
)
PAUSES = st.integers(0, 60_000) | st.sampled_from([400_000, 406_250, 1_000_000, 1_015_625, 3_000_000, 4_000_000])
STEPS = st.lists(
    st.one_of(
        ASK,
        ASK,
        ASK,
        st.tuples(st.just("advance"), PAUSES),
        st.tuples(st.just("wake"), st.integers(0, 20), st.sampled_from([0, 0, 40_000, 3_000_000])),
        st.tuples(st.just("settle"), st.integers(0, 20), st.integers(0, 12)),
        st.tuples(st.just("end"), st.sampled_from(["give_back", "die"]), st.integers(0, 20)),
    ),
    min_size=20,
    max_size=80,
)


@dataclass
class Counter:
    """One line as one would explain it: who was counted when, with how much, and who is in flight until when."""

    line: LimitLine
    events: dict[str, list[int]] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)

    def used(self, at: int, period: int | None = None) -> int:
        """In the period that ends at `at`."""
        since = at - (micros(self.line.per) if period is None else period)
        return sum(weight for when, weight in self.events.values() if since < when <= at)

    def in_flight(self, now: int) -> int:
        return sum(expires > now for expires in self.holders.values())

    def has_no_room(self, weight: int, now: int) -> bool:
        """Whether a refusal now is right, allowing for the part that counts whole."""
        if self.line.of == "concurrency":
            return self.in_flight(now) >= self.line.limit
        return self.used(now, micros(self.line.per) * (PARTS + 2) // PARTS + PARTS) + weight > self.line.limit


@dataclass
class Asked:
    name: str
    step: Enter
    keys: tuple[str, ...]
    counters: list[Counter]
    start: int
    going: bool


class Fleet:
    """Two targets, three quotas, and whoever asks."""

    def __init__(self, targets: list[tuple[LimitLine, ...]], quotas: list[LimitLine], *, debt: bool) -> None:
        self.clock = FakeClock()
        self.cells = MemoryCells(self.clock)
        self.targets = [Target(id=str(number), limits=lines, breaker=None) for number, lines in enumerate(targets)]
        self.lines = [[Counter(line) for line in lines] for lines in targets]
        self.quotas = [Counter(line) for line in quotas]
        self.debt = debt
        self.waiting: list[dict[str, int]] = [{} for _ in targets]
        """Who was told that all places are taken, and until when each counts as waiting for one."""
        self.open: list[Asked] = []
        self.made = 0

    @property
    def now(self) -> int:
        return micros(self.clock.monotonic())

    def play(self, step: tuple) -> None:
        getattr(self, step[0])(*step[1:])

    def end(self, how: str, which: int) -> None:
        getattr(self, how)(which)

    def advance(self, by: int) -> None:
        self.clock.advance(by / 1_000_000)

    def snapshot(self) -> list[tuple]:
        """What is counted and who is in flight, in all cells."""
        seen = []
        for key in sorted(self.cells._cells):
            state = self.cells._cells[key][0]
            limits = getattr(state, "limits", state)
            for ring in limits.rings:
                ring.advance(self.now)
            alive = sorted(name for name, held in limits.pending.items() if held.expires > self.now)
            seen.append((key, [ring.used for ring in limits.rings], alive))
        return [one for one in seen if any(one[1]) or one[2]]

    def ask(self, which: int, quotas: set[int], tokens: int, cost: int, patience: int) -> None:
        self.made += 1
        weights = {"tokens": tokens, "cost:CNY": cost}
        mine = [self.quotas[number] for number in sorted(quotas)]
        shares = tuple(Share(each.line, min(weights.get(each.line.unit, 1), each.line.limit)) for each in mine)
        step = Enter(
            target=self.targets[which],
            call=f"c{self.made}",
            cost=weights,
            first=True,
            patience=patience,
            lease=LEASE,
            probe_lease=LEASE,
            shares=shares,
        )
        keys = (f"w1:{which}", *(f"w1:quota:{number}" for number in sorted(quotas)))
        before = self.snapshot()
        entry = self.cells.apply(keys, step)
        if entry.outcome not in ("go", "wait"):
            assert self.snapshot() == before
            if entry.outcome == "quota":
                refusing = shares[entry.quota]
                assert mine[entry.quota].has_no_room(refusing.weight, self.now)
                assert entry.wait > 0
            if entry.outcome == "full":
                caps = [each for each in self.lines[which] if each.line.of == "concurrency"]
                ahead = sum(until > self.now for until in self.waiting[which].values())
                assert any(each.in_flight(self.now) + ahead >= each.line.limit for each in caps)
                if patience:
                    self.waiting[which][step.call] = self.now + min(SEEN_WITHIN, patience)
            return
        self.count(step, mine, which, self.now + entry.wait)
        asked = Asked(step.call, step, keys, [*self.lines[which], *mine], self.now + entry.wait, entry.outcome == "go")
        self.open.append(asked)

    def count(self, step: Enter, mine: list[Counter], which: int, start: int) -> None:
        taken = [(each, step.cost.get(each.line.unit, 1), start) for each in self.lines[which]]
        taken += [(each, share.weight, self.now) for each, share in zip(mine, step.shares, strict=True)]
        for counter, weight, at in taken:
            if counter.line.of == "concurrency":
                counter.holders[step.call] = start + LEASE
                assert counter.in_flight(self.now) <= counter.line.limit
            else:
                counter.events[step.call] = [at, weight]
                assert counter.used(at) <= counter.line.limit

    def wake(self, which: int, late: int) -> None:
        waiting = [one for one in self.open if not one.going]
        if not waiting:
            return
        one = waiting[which % len(waiting)]
        self.advance(max(0, one.start - self.now) + late)
        target = int(one.step.target.id)
        expired = one.start + LEASE <= self.now
        entry = self.cells.apply(one.keys, one.step)
        if entry.outcome == "full":
            self.waiting[target][one.name] = self.now + min(SEEN_WITHIN, one.step.patience)
        if entry.outcome == "go" and not expired:
            held = self.cells._cells[one.keys[0]][0].limits.pending[one.name]
            counted_anew = held.start != one.start  # its place was lost
            for counter in one.counters if counted_anew else self.lines[target]:
                if one.name in counter.events:
                    counter.events[one.name][0] = self.now
                if counted_anew and one.name in counter.holders:
                    counter.holders[one.name] = self.now + LEASE
            one.going, one.start = True, self.now
            return
        self.open.remove(one)
        if entry.outcome in ("go", "wait"):
            self.cells.apply(one.keys, Settle(one.name, None, refund="everything"))
        for counter in one.counters:
            counter.holders.pop(one.name, None)
            if not expired:
                counter.events.pop(one.name, None)

    def settle(self, which: int, used: int) -> None:
        going = [one for one in self.open if one.going]
        if not going:
            return
        one = going[which % len(going)]
        self.open.remove(one)
        alive = one.start + LEASE > self.now
        booked: dict[str, list[list[int]]] = {}
        for counter in one.counters:
            counter.holders.pop(one.name, None)
            if alive and one.name in counter.events and counter.line.of != "requests":
                booked.setdefault(counter.line.unit, []).append(counter.events[one.name])
        usage = {unit: used if self.debt else min(used, *(weight for _, weight in each)) for unit, each in booked.items()}
        for unit, each in booked.items():
            for event in each:
                event[1] = usage[unit]
        for _ in range(2):  # the second one counts nothing
            self.cells.apply(one.keys, Settle(one.name, None, usage=usage))

    def give_back(self, which: int) -> None:
        if not self.open:
            return
        one = self.open.pop(which % len(self.open))
        alive = one.start + LEASE > self.now
        self.cells.apply(one.keys, Settle(one.name, None, refund="everything"))
        for counter in one.counters:
            counter.holders.pop(one.name, None)
            if alive:
                counter.events.pop(one.name, None)

    def die(self, which: int) -> None:
        """Nobody hears of the call again."""
        if self.open:
            self.open.pop(which % len(self.open))

    def no_period_holds_more_than_its_limit(self) -> None:
        for counter in [*self.lines[0], *self.lines[1], *self.quotas]:
            for when, _ in counter.events.values():
                assert counter.used(when) <= counter.line.limit


@settings(max_examples=400, deadline=None)
@given(TARGETS, QUOTAS, STEPS)
def test_what_calls_are_given_together_never_exceeds_a_line_and_a_refusal_takes_nothing(targets, quotas, steps):
    fleet = Fleet(targets, quotas, debt=False)
    for step in steps:
        fleet.play(step)
    fleet.no_period_holds_more_than_its_limit()


@settings(max_examples=400, deadline=None)
@given(TARGETS, QUOTAS, STEPS)
def test_a_debt_on_any_line_holds_back_whoever_comes_next(targets, quotas, steps):
    fleet = Fleet(targets, quotas, debt=True)
    for step in steps:
        fleet.play(step)


@settings(max_examples=200, deadline=None)
@given(
    QUOTAS,
    st.lists(st.tuples(st.sets(st.integers(0, 2), min_size=1), PAUSES, st.booleans()), min_size=20, max_size=60),
)
def test_quotas_that_are_spent_at_once_hold_for_any_mixture_of_callers(lines, asked):
    clock = FakeClock()
    cells = MemoryCells(clock)
    counters = [Counter(line) for line in lines]
    for number, (quotas, pause, ends) in enumerate(asked):
        clock.advance(pause / 1_000_000)
        now = micros(clock.monotonic())
        mine = [counters[each] for each in sorted(quotas)]
        keys = tuple(f"w1:quota:{each}" for each in sorted(quotas))
        refused = cells.apply(keys, Spend(str(number), tuple(Share(each.line) for each in mine), LEASE))
        if refused is not None:
            assert mine[refused.index].has_no_room(1, now)
            continue
        for counter in mine:
            counter.events[str(number)] = [now, 1]
            if counter.line.of == "concurrency":
                counter.holders[str(number)] = now + LEASE
                assert counter.in_flight(now) <= counter.line.limit
            else:
                assert counter.used(now) <= counter.line.limit
        if ends:
            cells.apply(keys, Release(str(number)))
            for counter in mine:
                counter.holders.pop(str(number), None)


class Half:
    """One target with a breaker, and who was let through as its probe."""

    LEASE = 8_000_000
    RULES = BreakerRules(window=30.0, minimum=2, failure_rate=0.5, open_for=5.0, slow=1.0)

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cells = MemoryCells(self.clock)
        self.target = Target(id="t", breaker=self.RULES)
        self.under_way: list[str] = []
        self.probes: dict[str, int] = {}
        self.made = 0

    @property
    def now(self) -> int:
        return micros(self.clock.monotonic())

    @property
    def breaker(self):
        return self.cells._cells["w1:t"][0].breaker

    def advance(self, by: int) -> None:
        self.clock.advance(by / 1_000_000)

    def enter(self, _: int) -> None:
        self.made += 1
        name = str(self.made)
        step = Enter(target=self.target, call=name, cost={}, first=True, patience=0, lease=10**12, probe_lease=self.LEASE)
        was_open = self.made > 1 and self.breaker.open_until is not None
        entry = self.cells.apply(("w1:t",), step)
        if entry.outcome != "go":
            assert entry.outcome in ("failed", "slow")
            assert entry.wait > 0
            return
        self.under_way.append(name)
        assert entry.probe is was_open
        if entry.probe:
            assert self.breaker.open_until <= self.now
            assert [since for since in self.probes.values() if self.now - since < self.LEASE] == []
            self.probes[name] = self.now

    def end(self, how: str, which: int) -> None:
        if not self.under_way:
            return
        name = self.under_way.pop(which % len(self.under_way))
        if how == "die":
            return
        since = self.probes.pop(name, None)
        before = self.breaker.open_until
        answered = {"fail": False, "slow": True, "answer": True, "throttle": None}[how]
        self.cells.apply(("w1:t",), Settle(name, answered, took=2_000_000 if how == "slow" else 0, throttled=answered is None))
        if answered is None:
            assert self.breaker.open_until == before
        elif since is not None and self.now - since < self.LEASE:
            opened = self.now + micros(self.RULES.open_for)
            assert self.breaker.open_until == (None if how == "answer" else opened)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("advance"), st.sampled_from([1_000, 1_000_000, 5_000_000, 5_000_000, 8_000_000])),
            st.tuples(st.just("enter"), st.just(0)),
            st.tuples(st.just("enter"), st.just(0)),
            st.tuples(st.just("end"), st.sampled_from(["fail", "fail", "slow", "answer", "throttle", "die"]), st.integers(0, 9)),
        ),
        min_size=20,
        max_size=80,
    )
)
def test_a_breaker_that_has_opened_lets_one_probe_through_at_a_time_and_a_429_decides_nothing(steps):
    half = Half()
    for name, *arguments in steps:
        getattr(half, name)(*arguments)
