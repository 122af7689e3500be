"""Time as a port, so that no test has to sleep."""

import time
from collections.abc import Callable
from typing import Protocol

type Now = Callable[[], float]
"""Epoch seconds, for what needs nothing else of a clock."""


class Clock(Protocol):
    """Monotonic seconds for measuring, epoch seconds for stamping, and a way to wait."""

    def monotonic(self) -> float:
        """Seconds that never go backwards; only differences mean something."""
        ...

    def epoch(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits; other greenlets run meanwhile."""
        ...


class SystemClock:
    """The clock of the machine."""

    monotonic = staticmethod(time.monotonic)
    epoch = staticmethod(time.time)  # noqa: TID251 - this is the one place

    def sleep(self, seconds: float) -> None:
        """Waits through `time.sleep`, which gevent makes cooperative."""
        time.sleep(seconds)  # looked up at call time: the SDK patches the module after we may have been imported
