"""The arithmetic of saturation: a target that works, but is too busy to let anybody else wait for it. Pure, in microseconds.

A call is *busy evidence* where its whole wait (what it has waited, and until the place it was offered) is at least `wait`, or
where the calls in flight are at least `in_flight` of the limit of concurrency. Evidence that goes on for `period`, with no call
in between that was not busy, saturates the target. From then on it takes no new waiters: who would have to wait is refused at
once, so that a pool moves on; who can start at once does, and who waits already keeps the place. The first call that is not
busy ends it, and so does a `period` in which nobody came. A 429 is no evidence: while the target asks to be left alone,
nothing is observed. The reasons: docs/decisions/0018-saturation-turns-waiters-away.md.
"""

from faas_toolkit.core.outbound import LimitLine, SaturationRules
from faas_toolkit.pipeline.rolling import micros


class Saturation:
    """What is known of one target. All times are microseconds."""

    __slots__ = ("_last", "_since", "rules")

    def __init__(self, rules: SaturationRules) -> None:
        self.rules = rules
        self._since: int | None = None
        """When the evidence began that has gone on since."""
        self._last = 0
        """When it was seen last."""

    @property
    def memory(self) -> int:
        """Microseconds for which what is known now must be remembered."""
        return micros(self.rules.period)

    def busy(self, wait: int, in_flight: int, cap: LimitLine | None) -> bool:
        """Whether one call is evidence.

        Args:
            wait: microseconds from its coming to the place it was offered.
            in_flight: calls that hold a place, without this one.
            cap: the line of concurrency, if there is one.
        """
        rules = self.rules
        too_long = rules.wait is not None and wait >= micros(rules.wait)
        return too_long or (rules.in_flight is not None and cap is not None and in_flight >= rules.in_flight * cap.limit)

    def observe(self, now: int, *, busy: bool) -> None:
        """Takes in what one call says."""
        if not busy:
            self._since = None
            return
        if self._since is None or now - self._last > micros(self.rules.period):
            self._since = now
        self._last = now

    def saturated(self, now: int) -> bool:
        """Whether nobody else may wait."""
        period = micros(self.rules.period)
        return self._since is not None and self._last - self._since >= period and now - self._last <= period
