"""Who is next, where a target has no place in flight left: a queue in this process, first come, first served."""

import threading
from collections import deque
from collections.abc import Callable

from faas_toolkit.core.clock import Clock
from faas_toolkit.pipeline.gate_steps import Entry

type Ask = Callable[[float], Entry]
"""Asks for a place, with the seconds that are left to wait."""

type MayWait = Callable[[], bool]
"""Whether a caller who finds others waiting may join them."""

_SHORTEST_PAUSE = 1_000
"""Microseconds."""
_LOOK_EVERY = 25_000
"""Microseconds. How long a place that is given back in another process may lie idle; one look costs a tenth of a millisecond."""
_ASK_AGAIN = 1_000_000
"""Microseconds. How long those who wait will take, nobody knows."""


class Turns:
    """One queue for each key, kept only while someone waits in it; an ended call hands its place to the first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[str, deque[threading.Event]] = {}

    def take(self, key: str, ask: Ask, until: float, may_wait: MayWait = lambda: True) -> Entry:
        """What `ask` replies when it is the caller's turn; `full` where that did not come before `until` (monotonic seconds).

        `saturated` at once where others wait already and `may_wait` says no.
        """
        if key not in self._queues:
            entry = ask(max(0.0, until - self._clock.monotonic()))
            if entry.outcome != "full":
                return entry
        elif not may_wait():
            return Entry("saturated", _ASK_AGAIN)
        queue = self._queues.setdefault(key, deque())
        mine = threading.Event()  # looked up when called: gevent replaces the class
        queue.append(mine)
        try:
            return self._wait(queue, mine, ask, until)
        finally:
            queue.remove(mine)
            if queue:
                queue[0].set()
            else:
                del self._queues[key]

    def hand_on(self, key: str) -> None:
        """A place may have become free."""
        queue = self._queues.get(key)
        if queue:
            queue[0].set()

    def _wait(self, queue: deque[threading.Event], mine: threading.Event, ask: Ask, until: float) -> Entry:
        entry = Entry("full")
        while True:
            left = until - self._clock.monotonic()
            pause = left
            if queue[0] is mine:
                entry = ask(max(0.0, left))
                if entry.outcome != "full":
                    return entry
                # Nobody hands on what another process gives back, or what a holder had that died: the first one looks.
                pause = min(left, max(min(entry.wait, _LOOK_EVERY), _SHORTEST_PAUSE) / 1_000_000)
            if left <= 0 or (not mine.wait(pause) and pause >= left):
                return entry
            mine.clear()
