"""What the gate decides about a target, as steps on its cell and those of a caller's quotas: pure, so every store can run them.

The first cell is the target's: one per workspace and target holds its limits, its breaker, the time before which it asked to be
left alone, its traffic of the last minute, and who waits for a place in flight. Kept in cells of their own, these would cost a
round trip each, and a probe could be lost. The cells that follow are counters of the caller's own quotas
(`pipeline/quota_steps.py`), one line each. All are decided together: the call is counted on every one of them, or on none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from faas_toolkit.core.outbound import LimitLine, Measure, Target
from faas_toolkit.pipeline.breaker import Breaker
from faas_toolkit.pipeline.limits import Limits, Place, Usage
from faas_toolkit.pipeline.quota_steps import Share, book_shares, counters, refused_share
from faas_toolkit.pipeline.rolling import Rolling, micros
from faas_toolkit.pipeline.saturation import Saturation
from faas_toolkit.pipeline.waiters import Waiters
from faas_toolkit.state.base import Change

Refund = Literal["nothing", "work", "everything"]
"""What a failed call gets back. `work`: refused unprocessed, but it was a request (429); `everything`: it never arrived."""

GIVE_BACK: dict[Refund, tuple[Measure, ...]] = {
    "nothing": (),
    "work": ("tokens", "cost"),
    "everything": ("requests", "tokens", "cost"),
}

BUDGET_WINDOW = 60.0
"""Seconds over which repetitions are compared with first attempts."""
BUDGET_SHARE = 10
"""First attempts for each repetition: Google's "Site Reliability Engineering", chapter 21 "Handling Overload", bounds each
client's retries at 10 % of its requests, which keeps the load on a failing target at 1.1 times the normal one."""
BUDGET_FLOOR = 3
"""Free repetitions per window, or a rarely asked target could never be asked twice (Finagle's `minRetriesPerSec`)."""


class GateState:
    """Everything that is known about one target."""

    __slots__ = ("breaker", "limits", "not_before", "repeats", "saturation", "target", "traffic", "until", "waiters")

    def __init__(self, target: Target, now: int) -> None:
        self.target = target
        self.limits = Limits(target.limits, now)
        self.not_before = 0
        self.traffic = Rolling(micros(BUDGET_WINDOW), 6)
        self.repeats = Rolling(micros(BUDGET_WINDOW), 6)
        self.waiters = Waiters()
        self.until = 0
        self._watch(target)

    def restate(self, target: Target, now: int) -> None:
        """Takes over what a changed catalog says of the target; what was counted stays counted."""
        if target == self.target:
            return
        if target.limits != self.target.limits:
            self.limits.restate(target.limits, now)
        if target.breaker != self.target.breaker:
            self._watch(target)
        self.target = target

    def lifetime(self, now: int) -> int:
        """Microseconds for which the cell must be kept."""
        breaker = self.breaker.memory if self.breaker is not None else 0
        memory = max(self.limits.memory, self.traffic.memory, breaker)
        if self.saturation is not None:
            memory = max(memory, self.saturation.memory)
        self.until = max(self.until, self.limits.until, now + memory, self.not_before)
        return self.until - now

    def _watch(self, target: Target) -> None:
        rules = target.breaker
        self.breaker = Breaker(rules) if rules else None
        self.saturation = Saturation(rules.saturation) if rules and rules.saturation else None


@dataclass(slots=True)
class Entry:
    """The reply to `Enter`."""

    outcome: Literal["go", "wait", "too_late", "full", "never", "left_alone", "failed", "slow", "saturated", "quota"]
    """`go`: start now; `wait`: booked, start after `wait` and enter again; the others refuse, and nothing was taken.
    `failed` and `slow`: the breaker is open, and why; `saturated`: nobody else may wait; `quota`: one of the caller's own."""
    wait: int = 0
    """Microseconds until the start; where it was refused, until asking again makes sense."""
    line: LimitLine | None = None
    """The line that decided."""
    probe: bool = False
    quota: int = 0
    """Which one of the caller's quotas refused, counted from 0."""


@dataclass(slots=True)
class Enter:
    """May this call start now, or when? Takes a place on every line and in the breaker, or none at all.

    Decided in this order, and the first refusal is the answer: the caller's quotas, which never wait; the breaker; the limits;
    saturation, where the call would have to wait. A quota is counted in the moment of asking, not of the start: who waits for a
    target must not have their counters booked ahead, or they could not ask another target meanwhile.

    A call that had to wait enters again under the same id when its time has come: the target may have asked to be left alone
    meanwhile, the breaker may have opened, and a caller that woke up late must not be counted in the past. Where its place is
    lost, everything is given back and it is decided as new.
    """

    name: ClassVar[str] = "gate.enter"
    target: Target
    call: str
    """Names the reservation; unique."""
    cost: Mapping[str, int]
    """By `LimitLine.unit`."""
    first: bool
    """Whether it is a first attempt, not a repetition."""
    patience: int
    """Microseconds it may wait."""
    lease: int
    """Microseconds after its start for which the call counts as alive."""
    probe_lease: int
    """Microseconds after its start for which it is the probe, if it is one."""
    shares: tuple[Share, ...] = ()
    """What it takes of the caller's quotas, in the order of their cells."""
    waiting: bool = False
    """It waits already, so saturation does not turn it away."""
    waited: int = 0
    """Microseconds it has waited before this."""

    def __call__(self, states: Sequence[Any], now: int) -> Change[Entry]:
        """Decides."""
        state: GateState | None = states[0]
        if state is None:
            state = GateState(self.target, now)
        elif state.target is not self.target:
            state.restate(self.target, now)
        quotas = counters(states[1:], self.shares, now) if self.shares else []
        held = state.limits.pending.get(self.call)
        if held is None:
            entry = self._enter(state, quotas, now, first=self.first, waiting=self.waiting)
        else:
            entry = self._again(state, quotas, held.turn, now)
        return _kept(state, quotas, entry, now)

    def _again(self, state: GateState, quotas: Sequence[Limits], turn: int, now: int) -> Entry:
        breaker = state.breaker
        passes = breaker is None or breaker.still_passes(self.call, turn)
        due = state.limits.due(self.call, now) if passes and state.not_before <= now else None
        if due is not None:
            probe = breaker is not None and breaker.open_until is not None
            return Entry("go" if due <= now else "wait", due - now, probe=probe)
        _close(state, quotas, Settle(self.call, None, refund="everything"), now)
        return self._enter(state, quotas, now, first=False, waiting=True)

    def _enter(self, state: GateState, quotas: Sequence[Limits], now: int, *, first: bool, waiting: bool) -> Entry:
        refused = refused_share(quotas, self.shares, now) if quotas else None
        if refused is not None:
            return Entry("quota", refused.wait, self.shares[refused.index].line, quota=refused.index)
        breaker = state.breaker
        shut = breaker.ask(now) if breaker is not None else 0
        if breaker is not None and shut:
            return Entry(breaker.why, shut)
        earliest, ahead = max(now, state.not_before), state.waiters.ahead(self.call, now)
        place = state.limits.find(self.cost, now=now, earliest=earliest, latest=now + self.patience, ahead=ahead)
        wait = place.start - now
        away = self._turned_away(state, place, wait, now) and not waiting
        state.waiters.note(self.call, now, self.patience if place.outcome == "full" and not away else 0)
        if away:
            return Entry("saturated", wait, place.line)
        if place.outcome != "reserved":
            return _refused(place, wait)
        state.limits.book(self.call, self.cost, place.start, self.lease)
        if quotas:
            book_shares(quotas, self.shares, self.call, now, wait + self.lease)
        if first:
            state.traffic.add(now, 1)
        probe = False
        if breaker is not None:
            state.limits.pending[self.call].turn = breaker.turn
            probe = breaker.passed(self.call, now, wait + self.probe_lease)
        return Entry("wait" if wait else "go", wait, place.line, probe)

    def _turned_away(self, state: GateState, place: Place, wait: int, now: int) -> bool:
        """Whether saturation forbids this call to wait; learns from it."""
        saturation = state.saturation
        if saturation is None or place.outcome == "never" or state.not_before > now:
            return False
        limits, full = state.limits, place.outcome == "full"
        offered = self.waited + (0 if full else wait)
        saturation.observe(now, busy=saturation.busy(offered, len(limits.pending), limits.in_flight))
        return (full or wait > 0) and saturation.saturated(now)


def _refused(place: Place, wait: int) -> Entry:
    if place.outcome == "too_late":
        return Entry("left_alone" if place.line is None else "too_late", wait, place.line)
    return Entry("never" if place.outcome == "never" else "full", wait, place.line)


def _kept[R](state: GateState, quotas: Sequence[Limits], reply: R, now: int) -> Change[R]:
    lifetimes = [state.lifetime(now), *(quota.lifetime(now) for quota in quotas)]
    return Change([state, *quotas], lifetimes, reply)


@dataclass(slots=True)
class MayWait:
    """May one more call wait, where others wait before it in its own process? Takes nothing."""

    name: ClassVar[str] = "gate.may_wait"

    def __call__(self, states: Sequence[Any], now: int) -> Change[bool]:
        """Decides."""
        state: GateState | None = states[0]
        if state is None:
            return Change([None], [0], True)  # noqa: FBT003 - the reply
        saturation = state.saturation
        return _kept(state, (), saturation is None or not saturation.saturated(now), now)


@dataclass(slots=True)
class Answered:
    """A stream's first content is here: a probe has succeeded, although the call goes on."""

    name: ClassVar[str] = "gate.answered"
    call: str
    took: int
    """Microseconds to the first content."""

    def __call__(self, states: Sequence[Any], now: int) -> Change[None]:
        """Tells the breaker."""
        state: GateState | None = states[0]
        if state is None:
            return Change([None], [0], None)
        held = state.limits.pending.get(self.call)
        if state.breaker is not None and held is not None:
            state.breaker.settle(self.call, held.turn, True, now, self.took)  # noqa: FBT003 - see Breaker.settle
        return _kept(state, (), None, now)


@dataclass(slots=True)
class Settle:
    """How a call ended: what it really used, what that says of the target, when it may be asked again. Counts once.

    It is given the same cells as `Enter`; in each of them the call is looked for on its own, so that a target's cell that is gone
    does not keep a quota from being settled.
    """

    name: ClassVar[str] = "gate.settle"
    call: str
    answered: bool | None
    """As in `Breaker.settle`."""
    took: int = 0
    """Microseconds to the answer, of a stream to its first content."""
    throttled: bool = False
    refund: Refund = "nothing"
    usage: Usage = field(default_factory=dict)
    """By `LimitLine.unit`."""
    retry_after: int | None = None
    """Microseconds."""

    def __call__(self, states: Sequence[Any], now: int) -> Change[None]:
        """Books it."""
        state: GateState | None = states[0]
        quotas: Sequence[Limits | None] = states[1:]
        _close(state, [quota for quota in quotas if quota is not None], self, now)
        if state is not None:
            if self.throttled:
                state.limits.refused(now)
            if self.retry_after is not None:
                state.not_before = max(state.not_before, now + self.retry_after)  # never shortened
        lifetimes = [one.lifetime(now) if one is not None else 0 for one in states]
        return Change(states, lifetimes, None)


def _close(state: GateState | None, quotas: Sequence[Limits], end: Settle, now: int) -> None:
    give_back = GIVE_BACK[end.refund]
    for quota in quotas:
        quota.settle(end.call, end.usage, give_back)
    held = state.limits.settle(end.call, end.usage, give_back) if state is not None else None
    if state is not None and held is not None and state.breaker is not None:
        state.breaker.settle(end.call, held.turn, end.answered, now, end.took)


@dataclass(slots=True)
class Repeat:
    """Is one more repetition within the target's budget? Takes it, if so."""

    name: ClassVar[str] = "gate.repeat"

    def __call__(self, states: Sequence[Any], now: int) -> Change[bool]:
        """Decides; where nothing is known of the target, the free repetitions are still there, but nobody can have failed."""
        state: GateState | None = states[0]
        if state is None:
            return Change([None], [0], False)  # noqa: FBT003 - the reply
        state.traffic.advance(now)
        state.repeats.advance(now)
        granted = state.repeats.used < max(BUDGET_FLOOR, state.traffic.used // BUDGET_SHARE)
        if granted:
            state.repeats.add(now, 1)
        return _kept(state, (), granted, now)
