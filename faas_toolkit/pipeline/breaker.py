"""The arithmetic of a circuit breaker: pure, in whole microseconds, without a clock.

Closed: everything passes; failures and slow answers are counted over a rolling window. It opens where there were `minimum` calls
and the share of failures among them is at least `failure_rate`, or where there were `minimum` answers and the share of slow ones
among them is at least `slow_rate`. A 429 is counted nowhere. Open: nothing passes. Half-open: exactly one call at a time is let
through as a probe; the probe's answer closes, its failure or a slow answer opens again, a 429 only frees its place (it says that
the target lives, not that it works). After a recovery the share that may pass grows 10, 25, 50, 100 %, so that a target that just
came up is not buried under what has waited for it.
"""

import math
from typing import Literal

from faas_toolkit.core.outbound import BreakerRules
from faas_toolkit.pipeline.rolling import Rolling, micros

RAMP = (10, 25, 50)
"""Percent that may pass in each third of `open_for` after a recovery; then everything."""

_WINDOW_PARTS = 10
_PROBE_PATIENCE = 240
"""Times `open_for` (an hour with the default) that an open breaker waits for a caller who probes, before it is forgotten."""
_PROBE_PAUSE = micros(1.0)
"""When to ask again while another call is probing: its answer is near, but nobody knows how near."""


class Breaker:
    """The breaker of one target. All times are microseconds."""

    __slots__ = (
        "_answered",
        "_credit",
        "_failed",
        "_probe",
        "_probe_until",
        "_ramp_from",
        "_slow",
        "_slow_from",
        "open_until",
        "rules",
        "turn",
        "why",
    )

    def __init__(self, rules: BreakerRules) -> None:
        self.rules = rules
        self.turn = 0
        """Grows with each opening; a call that was let through before one says nothing about what came after."""
        self.open_until: int | None = None
        """None: closed. In the past: half-open."""
        self.why: Literal["failed", "slow"] = "failed"
        """What it opened for, last."""
        self._slow_from = math.inf if rules.slow is None else micros(rules.slow)
        self._probe: str | None = None
        self._probe_until = 0
        self._ramp_from: int | None = None
        self._credit = 0
        self._forget_counts()

    @property
    def memory(self) -> int:
        """Microseconds for which what is known now must be remembered; an opened breaker waits long for its probe."""
        if self.open_until is None and self._ramp_from is None:
            return self._failed.memory
        return max(self._failed.memory, _PROBE_PATIENCE * micros(self.rules.open_for))

    def ask(self, now: int) -> int:
        """0: a call may pass; else the microseconds after which asking again makes sense.

        While the share that may pass grows, each asking counts, so a step asks once for each call, after its caller's quotas.
        """
        if self.open_until is not None:
            if now < self.open_until:
                return self.open_until - now
            return _PROBE_PAUSE if self._probe is not None and now < self._probe_until else 0
        return 0 if self._ramp_from is None else self._ask_ramp(now)

    def passed(self, call: str, now: int, lease: int) -> bool:
        """Notes that the call passes; returns whether it is the probe, for as long as the lease lasts."""
        if self.open_until is None:
            return False
        self._probe, self._probe_until = call, now + lease
        return True

    def still_passes(self, call: str, turn: int) -> bool:
        """Whether a call that has waited since it passed may still start: nothing has opened in between."""
        return turn == self.turn and (self.open_until is None or call == self._probe)

    def settle(
        self,
        call: str,
        turn: int,
        answered: bool | None,  # noqa: FBT001 - a verdict of three values
        now: int,
        took: int = 0,
    ) -> None:
        """Learns how a call ended.

        Args:
            call: the one that passed.
            turn: `turn` when it passed.
            answered: True: the target answered; False: it failed; None: says nothing (a 429, a call that was never sent).
            now: microseconds.
            took: microseconds to the answer, of a stream to its first content.
        """
        if turn != self.turn:
            return
        slow = bool(answered) and took >= self._slow_from
        if self.open_until is not None:
            self._settle_probe(call, answered, slow, now)
        elif answered:
            self._count_answer(slow, now)
        elif answered is False:
            self._count_failure(now)

    def _settle_probe(self, call: str, answered: bool | None, slow: bool, now: int) -> None:  # noqa: FBT001 - see settle
        if call != self._probe:
            return
        self._probe = None
        if slow or answered is False:
            self._open("slow" if slow else "failed", now)
        elif answered:
            self.open_until = None
            self._forget_counts()
            self._ramp_from = now
            self._credit = 100 - RAMP[0]  # a lone caller after the probe is not turned away

    def _count_answer(self, slow: bool, now: int) -> None:  # noqa: FBT001 - see settle
        self._answered.add(now, 1)
        if not slow:
            return
        self._slow.add(now, 1)
        total = self._answered.used
        if total >= self.rules.minimum and self._slow.used >= self.rules.slow_rate * total:
            self._open("slow", now)

    def _count_failure(self, now: int) -> None:
        self._answered.advance(now)
        self._failed.add(now, 1)
        total = self._answered.used + self._failed.used
        if total >= self.rules.minimum and self._failed.used >= self.rules.failure_rate * total:
            self._open("failed", now)

    def _open(self, why: Literal["failed", "slow"], now: int) -> None:
        self.why = why
        self.turn += 1
        self.open_until = now + micros(self.rules.open_for)
        self._probe = self._ramp_from = None
        self._forget_counts()

    def _ask_ramp(self, now: int) -> int:
        ramp_from = now if self._ramp_from is None else self._ramp_from
        third = max(1, micros(self.rules.open_for) // len(RAMP))
        stage = (now - ramp_from) // third
        if stage >= len(RAMP):
            self._ramp_from = None
            return 0
        self._credit += RAMP[stage]
        if self._credit >= 100:
            self._credit -= 100
            return 0
        return ramp_from + (stage + 1) * third - now

    def _forget_counts(self) -> None:
        self._answered = Rolling(micros(self.rules.window), _WINDOW_PARTS)
        self._failed = Rolling(micros(self.rules.window), _WINDOW_PARTS)
        self._slow = Rolling(micros(self.rules.window), _WINDOW_PARTS)
