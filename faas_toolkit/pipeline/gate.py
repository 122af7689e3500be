"""The gate in front of one target: limits, breaker and `not_before`, decided in one step and settled in one."""

import itertools
import math
import secrets
from dataclasses import dataclass

from faas_toolkit.core.call import TargetAttempt
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Cancelled, Failure, Internal, Throttled
from faas_toolkit.core.outbound import Attempt, CallerLine
from faas_toolkit.core.stream import End, Stream
from faas_toolkit.net.retry_after import LONGEST_SECONDS
from faas_toolkit.pipeline.gate_refusal import quota_refusal, refusal
from faas_toolkit.pipeline.gate_steps import Answered, Enter, Entry, MayWait, Refund, Repeat, Settle
from faas_toolkit.pipeline.limits import Usage, weight_on
from faas_toolkit.pipeline.quota_steps import Share
from faas_toolkit.pipeline.rolling import micros
from faas_toolkit.pipeline.turns import Turns
from faas_toolkit.state.base import Cells

LEASE_MARGIN = 5.0
"""Seconds past its deadline after which a call counts as dead; only a crash leaves one that long."""

_FAILED = frozenset({"unavailable", "timeout_unknown", "bad_response"})
"""Kinds that say the target does not work."""
_SILENT = frozenset({"throttled", "cancelled", "internal"})
"""Kinds that say nothing about that; all others are answers, unless nothing was asked."""


@dataclass(slots=True)
class Admitted:
    """What an attempt holds from `enter` to its end."""

    keys: tuple[str, ...]
    """The target's cell, and those of the caller's quotas."""
    reservation: str
    number: int
    waited: float
    probe: bool
    began: float
    took: float = 0.0
    """Seconds to the answer, of a stream to its first content."""


class Gate:
    """Lets attempts through to their targets, each when its limits and its breaker allow it.

    The cell's key is `<workspace>:<target>`: whoever asks the same target in a workspace passes the same gate. What a call
    spends of its caller's quotas where a model is asked is decided and settled in the same step.
    """

    def __init__(self, *, cells: Cells, clock: Clock) -> None:
        self._cells = cells
        self._clock = clock
        self._turns = Turns(clock)
        self._process = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def enter[T](self, attempt: Attempt[T], number: int) -> Admitted:
        """Waits for a place, at most `target.max_wait` and the call's deadline.

        Raises:
            Throttled: a limit has no place in time, or the caller's quota none now; `retry_after` says when it will.
            TooLarge: the call is larger than a limit, so it never has.
            Unavailable: the breaker is open, or no time is left. Nothing was sent in all three cases.
        """
        call, target = attempt.call, attempt.target
        began = self._clock.monotonic()
        first_content = call.deadlines.first_content
        try:
            first_content.require(target.id, sent=False)
            lines, shares, keys = _spent_by(attempt)
            step = Enter(
                target=target,
                call=f"{self._process}-{next(self._numbers)}",
                cost=attempt.cost,
                first=number == 1,
                patience=micros(min(target.max_wait, first_content.at - began)),
                lease=micros(call.deadlines.total.at - began + LEASE_MARGIN),
                probe_lease=micros(target.timeout + LEASE_MARGIN),
                shares=shares,
            )
            entry = self._wait(keys, step, began)
            if entry.outcome == "quota":
                raise quota_refusal(lines[entry.quota], shares[entry.quota].weight, entry.wait)
            if entry.outcome != "go":
                raise refusal(target, entry, attempt.cost)
        except Failure as failure:
            failure.by_gate = failure.not_executed = True  # also where the store gave no answer: the target was not asked
            _note(attempt, number, failure.kind, 0.0, self._clock.monotonic() - began)
            raise
        now = self._clock.monotonic()
        return Admitted(keys, step.call, number, now - began, entry.probe, now)

    def send[T](self, attempt: Attempt[T], admission: Admitted) -> T:
        """Asks the target and settles: at once, or at the end of the stream where the result is one."""
        try:
            result = attempt.send(attempt.call.deadlines.first_content.earlier(attempt.target.timeout))
            admission.took = self._clock.monotonic() - admission.began
            usage: Usage = {}
            if not isinstance(result, Stream) and attempt.usage is not None:
                usage = attempt.usage(result)
        except BaseException as error:
            failure = error if isinstance(error, Failure) else _unexpected(error)
            self._end(attempt, admission, failure, attempt.spent(), answered=_verdict(failure))
            raise
        if not isinstance(result, Stream):
            self._end(attempt, admission, None, usage, answered=True)
            return result
        if admission.probe:
            self._cells.apply(admission.keys[:1], Answered(admission.reservation, micros(admission.took)))
        # The callback must not hold the stream itself: one that nobody reads has to die, and settle, when it is let go.
        result.on_end(lambda end: self._end_stream(attempt, admission, end))
        return result

    def may_repeat[T](self, attempt: Attempt[T]) -> bool:
        """Whether the target's budget has one more repetition; takes it."""
        return self._cells.apply((_key(attempt),), Repeat())

    def _wait(self, keys: tuple[str, ...], step: Enter, began: float) -> Entry:
        until = began + step.patience / 1_000_000

        def ask(left: float) -> Entry:
            step.patience, step.waited = micros(left), micros(self._clock.monotonic() - began)
            entry = self._cells.apply(keys, step)
            step.waiting = True
            return entry

        def may_wait() -> bool:
            step.waiting = True
            rules = step.target.breaker
            return rules is None or rules.saturation is None or self._cells.apply(keys[:1], MayWait())

        entry = self._turns.take(keys[0], ask, until, may_wait)
        try:
            while entry.outcome == "wait":
                self._clock.sleep(entry.wait / 1_000_000)
                entry = ask(max(0.0, until - self._clock.monotonic()))
        except BaseException:
            self._settle(keys, Settle(step.call, None, refund="everything"))
            raise
        return entry

    def _settle(self, keys: tuple[str, ...], step: Settle) -> None:
        self._cells.apply(keys, step)
        self._turns.hand_on(keys[0])

    def _end_stream[T](self, attempt: Attempt[T], admission: Admitted, end: End) -> None:
        # Its first content came, so a reader who closes it early says nothing against the target.
        answered = end.failure is None or isinstance(end.failure, Cancelled) or _verdict(end.failure)
        self._end(attempt, admission, end.failure, end.usage, answered=answered, began=True)

    def _end[T](
        self,
        attempt: Attempt[T],
        admission: Admitted,
        failure: Failure | None,
        usage: Usage,
        *,
        answered: bool | None,
        began: bool = False,
    ) -> None:
        """Settles; what began to answer has used something, whatever it broke off with."""
        self._settle(
            admission.keys,
            Settle(
                admission.reservation,
                answered,
                micros(admission.took),
                throttled=isinstance(failure, Throttled) and not failure.by_gate,
                refund="nothing" if began else _refund(failure),
                usage=usage,
                retry_after=_retry_after(failure),
            ),
        )
        duration = self._clock.monotonic() - admission.began
        _note(attempt, admission.number, failure.kind if failure else "ok", duration, admission.waited)


def _key[T](attempt: Attempt[T]) -> str:
    return f"{attempt.call.workspace.id}:{attempt.target.id}"


def _spent_by[T](attempt: Attempt[T]) -> tuple[tuple[CallerLine, ...], tuple[Share, ...], tuple[str, ...]]:
    """The caller's lines that this attempt spends from, how much of each, and the keys of all cells it is decided on.

    What may be needed, but need not, books at most a whole quota: the settlement charges what it was.
    """
    model, own = attempt.model, _key(attempt)
    if model is None:
        return (), (), (own,)
    lines = attempt.call.quotas
    shares = tuple(
        Share(line, max(attempt.least.get(line.unit, 0), min(weight_on(line, attempt.cost), line.limit)))
        for line in (one.line for one in lines)
    )
    keys = (f"{one.key}:{model}" if one.by_model else one.key for one in lines)
    return lines, shares, (own, *keys)


def _note[T](attempt: Attempt[T], number: int, outcome: str, duration: float, waited: float) -> None:
    attempt.call.record.attempted(
        TargetAttempt(target=attempt.target.id, number=number, outcome=outcome, duration=duration, waited=waited)
    )


def _unexpected(error: BaseException) -> Failure:
    """How an error that is no `Failure` is counted; it is raised as it is, and the adapter makes it harmless."""
    return (
        Internal("A source let an error out.") if isinstance(error, Exception) else Cancelled("The call was ended from outside.")
    )


def _verdict(failure: Failure) -> bool | None:
    """What a failure says of its target, as in `Breaker.settle`."""
    if failure.kind in _FAILED:
        return False
    return None if failure.kind in _SILENT or failure.not_executed else True


def _refund(failure: Failure | None) -> Refund:
    """What is given back (model-routing.md §5.3.4)."""
    if isinstance(failure, Throttled) and not failure.by_gate:
        return "work"
    return "everything" if failure is not None and failure.not_executed else "nothing"


def _retry_after(failure: Failure | None) -> int | None:
    """Microseconds, where the target itself has said it."""
    wait = failure.retry_after if failure is not None and not failure.by_gate else None
    return micros(min(wait, LONGEST_SECONDS)) if wait is not None and math.isfinite(wait) and wait > 0 else None
