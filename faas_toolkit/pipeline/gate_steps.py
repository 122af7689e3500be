"""What the gate decides about one target, as steps on one cell: pure, so that every store can run them.

One cell per workspace and target holds its limits, its breaker, the time before which it asked to be left alone, and its
traffic of the last minute. Kept in cells of their own, these would cost a round trip each, and a probe could be lost while
it waits for a limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from faas_toolkit.core.outbound import LimitLine, Measure, Target
from faas_toolkit.pipeline.breaker import Breaker
from faas_toolkit.pipeline.limits import Limits, Place, Rolling, Usage, micros

Refund = Literal["nothing", "work", "everything"]
"""What a failed call gets back. `work`: refused unprocessed, but it was a request (429); `everything`: it never arrived."""

_GIVE_BACK: dict[Refund, tuple[Measure, ...]] = {
    "nothing": (),
    "work": ("tokens", "cost"),
    "everything": ("requests", "tokens", "cost"),
}

BUDGET_WINDOW = 60.0
"""Seconds over which repetitions are compared with first attempts."""
BUDGET_SHARE = 0.1
"""Repetitions per first attempt: Google's "Site Reliability Engineering", chapter 21 "Handling Overload", bounds each client's
retries at 10 % of its requests, which keeps the load on a failing target at 1.1 times the normal one."""
BUDGET_FLOOR = 3
"""Repetitions per window that are free, or a target that is asked now and then could never be asked twice (Finagle's
RetryBudget has `minRetriesPerSec` for the same reason)."""


class GateState:
    """Everything that is known about one target."""

    __slots__ = ("breaker", "limits", "not_before", "repeats", "target", "traffic", "until")

    def __init__(self, target: Target, now: int) -> None:
        self.target = target
        self.limits = Limits(target.limits, now)
        self.breaker = Breaker(target.breaker) if target.breaker else None
        self.not_before = 0
        self.traffic = Rolling(micros(BUDGET_WINDOW), 6)
        self.repeats = Rolling(micros(BUDGET_WINDOW), 6)
        self.until = 0

    def restate(self, target: Target, now: int) -> None:
        """Takes over what a changed catalog says of the target; what was counted stays counted."""
        if target == self.target:
            return
        if target.limits != self.target.limits:
            self.limits.restate(target.limits, now)
        if target.breaker != self.target.breaker:
            self.breaker = Breaker(target.breaker) if target.breaker else None
        self.target = target

    def lifetime(self, now: int) -> float:
        """Seconds for which the cell must be kept."""
        memory = max(self.limits.memory, self.traffic.memory, self.breaker.memory if self.breaker else 0)
        self.until = max(self.until, now + memory, self.not_before)
        return (self.until - now) / 1_000_000


@dataclass(slots=True)
class Entry:
    """The reply to `Enter`."""

    outcome: Literal["go", "wait", "too_late", "full", "never", "left_alone", "broken"]
    """`go`: start now; `wait`: booked, start after `wait` and enter again; the others refuse."""
    wait: float = 0.0
    """Seconds until the start; where it was refused, until asking again makes sense."""
    line: LimitLine | None = None
    """The line that decided."""
    probe: bool = False


@dataclass(slots=True)
class Enter:
    """May this call start now, or when? Takes a place on every line and in the breaker, or none at all.

    A call that had to wait enters again under the same id when its time has come: the target may have asked to be left alone
    meanwhile, the breaker may have opened, and a caller that woke up late must not be counted in the past.
    """

    name: ClassVar[str] = "gate.enter"
    target: Target
    call: str
    """Names the reservation; unique."""
    cost: Mapping[Measure, int]
    first: bool
    """Whether it is a first attempt, not a repetition."""
    patience: float
    """Seconds it may wait."""
    lease: float
    """Seconds after its start for which the call counts as alive."""
    probe_lease: float

    def __call__(self, state: GateState | None, now: float) -> tuple[GateState, Entry, float]:
        """Decides."""
        at = micros(now)
        if state is None:
            state = GateState(self.target, at)
        elif state.target is not self.target:
            state.restate(self.target, at)
        held = state.limits.pending.get(self.call)
        entry = self._enter(state, at, first=self.first) if held is None else self._again(state, held.turn, at)
        return state, entry, state.lifetime(at)

    def _again(self, state: GateState, turn: int, now: int) -> Entry:
        breaker = state.breaker
        passes = breaker is None or breaker.still_passes(self.call, turn)
        due = state.limits.due(self.call, now) if passes and state.not_before <= now else None
        if due is not None:
            probe = breaker is not None and breaker.open_until is not None
            return Entry("go" if due <= now else "wait", (due - now) / 1_000_000, probe=probe)
        _close(state, self.call, now, None, "everything", {})
        return self._enter(state, now, first=False)

    def _enter(self, state: GateState, now: int, *, first: bool) -> Entry:
        if first:
            state.traffic.add(now, 1)
        breaker = state.breaker
        shut = breaker.ask(now) if breaker is not None else 0
        if shut:
            return Entry("broken", shut / 1_000_000)
        latest = now + micros(self.patience)
        place = state.limits.reserve(
            self.call,
            self.cost,
            now=now,
            earliest=max(now, state.not_before),
            latest=latest,
            lease=micros(self.lease),
        )
        wait = place.start - now
        if place.outcome != "reserved":
            return _refused(place, wait)
        state.until = max(state.until, place.start + micros(self.lease), place.start + state.limits.memory)
        probe = False
        if breaker is not None:
            state.limits.pending[self.call].turn = breaker.turn
            probe = breaker.passed(self.call, now, wait + micros(self.probe_lease))
        return Entry("wait" if wait else "go", wait / 1_000_000, place.line, probe)


def _refused(place: Place, wait: int) -> Entry:
    if place.outcome == "too_late":
        return Entry("left_alone" if place.line is None else "too_late", wait / 1_000_000, place.line)
    return Entry("never" if place.outcome == "never" else "full", wait / 1_000_000, place.line)


@dataclass(slots=True)
class Answered:
    """A stream's first content is here: a probe has succeeded, although the call goes on."""

    name: ClassVar[str] = "gate.answered"
    call: str

    def __call__(self, state: GateState | None, now: float) -> tuple[GateState | None, None, float]:
        """Tells the breaker."""
        if state is None:
            return None, None, 0.0
        held = state.limits.pending.get(self.call)
        if state.breaker is not None and held is not None:
            state.breaker.settle(self.call, held.turn, True, micros(now))  # noqa: FBT003 - see Breaker.settle
        return state, None, state.lifetime(micros(now))


@dataclass(slots=True)
class Settle:
    """How a call ended: what it really used, what that says of the target, when it may be asked again. Counts once."""

    name: ClassVar[str] = "gate.settle"
    call: str
    answered: bool | None
    """As in `Breaker.settle`."""
    throttled: bool = False
    refund: Refund = "nothing"
    usage: Usage = field(default_factory=dict)
    retry_after: float | None = None

    def __call__(self, state: GateState | None, now: float) -> tuple[GateState | None, None, float]:
        """Books it."""
        if state is None:
            return None, None, 0.0
        at = micros(now)
        _close(state, self.call, at, self.answered, self.refund, self.usage)
        if self.throttled:
            state.limits.refused(at)
        if self.retry_after is not None:
            state.not_before = max(state.not_before, at + micros(self.retry_after))  # never shortened
        return state, None, state.lifetime(at)


def _close(
    state: GateState,
    call: str,
    now: int,
    answered: bool | None,  # noqa: FBT001 - see Breaker.settle
    refund: Refund,
    usage: Usage,
) -> None:
    held = state.limits.settle(call, usage, _GIVE_BACK[refund])
    if held is not None and state.breaker is not None:
        state.breaker.settle(call, held.turn, answered, now)


@dataclass(slots=True)
class Repeat:
    """Is one more repetition within the target's budget? Takes it, if so."""

    name: ClassVar[str] = "gate.repeat"

    def __call__(self, state: GateState | None, now: float) -> tuple[GateState | None, bool, float]:
        """Decides; where nothing is known of the target, the free repetitions are still there, but nobody can have failed."""
        if state is None:
            return None, False, 0.0
        at = micros(now)
        state.traffic.advance(at)
        state.repeats.advance(at)
        granted = state.repeats.used < max(BUDGET_FLOOR, int(state.traffic.used * BUDGET_SHARE))
        if granted:
            state.repeats.add(at, 1)
        return state, granted, state.lifetime(at)
