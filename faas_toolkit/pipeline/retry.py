"""Asks a target again where that can help and cannot harm."""

from collections.abc import Callable

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.core.operation import Effects
from faas_toolkit.core.outbound import Attempt
from faas_toolkit.pipeline.gate import Gate

BASE = 0.2
CAP = 5.0
"""Seconds. The pause is drawn evenly from 0 to min(cap, base · 2ⁿ): "full jitter", which spreads a herd best (Marc Brooker,
"Exponential Backoff And Jitter", AWS Architecture Blog, 2015)."""

_REPEATABLE = frozenset({"throttled", "unavailable", "timeout_unknown", "bad_response"})
"""All other kinds answer alike however often they are asked."""


class Retry:
    """Repeats a failed attempt, in the bounds of `target.attempts`, the call's deadline and the target's budget.

    The budget is at most 10 % of the target's traffic in this workspace, with a small floor (`gate_steps.BUDGET_SHARE` names
    the source). A refusal by the gate is final: it has waited already as long as the target allows.

    Args:
        gate: what each attempt passes.
        clock: for the pauses.
        random: a number from 0 up to, but without, 1.
    """

    def __init__(self, *, gate: Gate, clock: Clock, random: Callable[[], float]) -> None:
        self._gate = gate
        self._clock = clock
        self._random = random

    def __call__[T](self, attempt: Attempt[T]) -> T:
        """The result of `attempt.send`, or the last attempt's `Failure`."""
        number = 1
        while True:
            admitted = self._gate.enter(attempt, number)
            try:
                return self._gate.send(attempt, admitted)
            except Failure as failure:
                pause = self._pause(attempt, failure, number)
                if pause is None:
                    raise
            self._clock.sleep(pause)
            number += 1

    def _pause[T](self, attempt: Attempt[T], failure: Failure, number: int) -> float | None:
        """Seconds until the next attempt, never less than the target asked for; None: there is none."""
        if number >= attempt.target.attempts or not may_repeat(failure, attempt.effects):
            return None
        pause = max(0.0, failure.retry_after or 0.0) + self._random() * min(CAP, BASE * 2 ** (number - 1))
        if not pause < attempt.call.deadlines.first_content.remaining():
            return None
        return pause if self._granted(attempt) else None

    def _granted[T](self, attempt: Attempt[T]) -> bool:
        try:
            return self._gate.may_repeat(attempt)
        except Unavailable:  # nobody can decide just now; what is known of the target must not be lost over that
            return False


def may_repeat(failure: Failure, effects: Effects) -> bool:
    """Whether a repetition can help and does no harm: it did nothing, or doing it twice is the same as once."""
    return failure.kind in _REPEATABLE and failure.retryable and (failure.not_executed or effects != "once")
