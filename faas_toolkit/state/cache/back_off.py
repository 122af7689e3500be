"""A store that failed is left alone for a while, so that not every call waits for it."""

import logging

from faas_toolkit.core.clock import Clock

_log = logging.getLogger("faas_toolkit.cache")


class BackOff:
    """How one store is doing.

    Args:
        what: names it in the log, e.g. `disk cache`.
        seconds: how long it is left alone after a failure.
        clock: measures them.
    """

    def __init__(self, what: str, *, seconds: float, clock: Clock) -> None:
        self._what = what
        self._seconds = seconds
        self._now = clock.monotonic
        self._until = 0.0
        self._problem = ""

    @property
    def problem(self) -> str:
        """What was wrong, while it is left alone; else empty."""
        return self._problem if self._now() < self._until else ""

    def begin(self, problem: str) -> None:
        """Leaves it alone from now on. `problem` names an error and holds no secret and no path."""
        if not self.problem:  # calls that were on their way when it failed say nothing new
            _log.warning("The %s is left alone for %g s: %s.", self._what, self._seconds, problem)
        self._until, self._problem = self._now() + self._seconds, problem
