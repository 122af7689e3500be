"""Real greenlets on a clock of their own: time stands still while any of them can run, then jumps to the next alarm."""

import heapq
import itertools
from collections.abc import Callable

import gevent
from gevent.event import Event


class SimulatedTime:
    """A `core.clock.Clock` for many greenlets."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self._alarms: list[tuple[float, int, Event]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        return self._now

    def epoch(self) -> float:
        return 1_790_000_000.0 + self._now

    def sleep(self, seconds: float) -> None:
        alarm = Event()
        heapq.heappush(self._alarms, (self._now + seconds, next(self._order), alarm))
        alarm.wait()

    def run(self, works: list[Callable[[], object]]) -> list[gevent.Greenlet]:
        """Runs all works to their ends."""
        greenlets = [gevent.spawn(work) for work in works]
        while not all(greenlet.ready() for greenlet in greenlets):
            for _ in range(5):  # everything that became runnable, and what that woke
                gevent.sleep(0)
            if self._alarms and not all(greenlet.ready() for greenlet in greenlets):
                self._now, _, alarm = heapq.heappop(self._alarms)
                alarm.set()
                while self._alarms and self._alarms[0][0] <= self._now:
                    heapq.heappop(self._alarms)[2].set()
        return greenlets
