"""Where work that would hold the one OS thread is put."""

from collections.abc import Callable
from typing import Literal, Protocol

Pool = Literal["sqlite", "search", "parse"]
type Spawn = Callable[[Callable[[], None]], None]
"""Runs work soon, in the background."""

POOL_SIZES: dict[Pool, int] = {"sqlite": 2, "search": 2, "parse": 1}
"""Native threads per pool; measured best for SQLite at two (design.md §3.1)."""


class Offload(Protocol):
    """Runs a function on a pool of native threads and waits for it without holding the hub."""

    def run[T](self, pool: Pool, work: Callable[[], T], *, short: bool = False) -> T:
        """The result of `work`; what it raises is raised here. `short`: over in a moment, so that it makes nothing `busy`."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a native thread is at work: whoever lets go of the interpreter's lock meanwhile waits to get it back."""
        ...

    def spawn(self, work: Callable[[], None]) -> None:
        """Runs `work` soon, in the background of this process; it must not use the call's host."""
        ...

    def give_way(self) -> None:
        """Lets other calls run before this one goes on: for work that holds the interpreter in whatever thread it is."""
        ...


class InlineOffload:
    """Runs everything where it stands: for functions and tools without gevent."""

    busy = False

    def run[T](self, pool: Pool, work: Callable[[], T], *, short: bool = False) -> T:
        """Calls `work`."""
        return work()

    def spawn(self, work: Callable[[], None]) -> None:
        """Calls `work` at once."""
        work()

    def give_way(self) -> None:
        """Goes on: nothing else waits."""


class Background:
    """Work of one owner that goes on after whoever began it was answered, and what is to be done when it has ended.

    Args:
        spawn: runs work soon (`Offload.spawn`).
    """

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._running = 0
        self._last: Callable[[], None] | None = None

    def spawn(self, work: Callable[[], None]) -> None:
        """Runs `work` soon."""
        self._running += 1

        def counted() -> None:
            try:
                work()
            finally:
                self._running -= 1
                if self._running == 0 and self._last is not None:
                    last, self._last = self._last, None
                    last()

        self._spawn(counted)

    @property
    def busy(self) -> bool:
        """Whether anything runs or is about to."""
        return self._running > 0

    def end_with(self, last: Callable[[], None]) -> None:
        """Does this when nothing runs any more: at once, or after what runs now."""
        if self._running == 0:
            last()
        else:
            self._last = last


def nothing() -> None:
    """Gives way to nobody."""


def ignore(_characters: int) -> None:
    """Counts no work."""


class Pace:
    """Gives way after each portion of work, so that a long piece of work does not hold the hub.

    A pool's thread would not help: what looks through texts in Python (`re`, loops) keeps the interpreter's lock.

    Args:
        give_way: lets other calls run.
    """

    PORTION = 32_768
    """Characters that detectors look through in about 5 ms, 15 ms at worst (bench/masking.py)."""

    def __init__(self, give_way: Callable[[], None] = nothing) -> None:
        self._give_way = give_way
        self._done = 0

    def __call__(self, characters: int) -> None:
        """Counts work done, in characters that a detector looks at."""
        self._done += characters
        if self._done >= self.PORTION:
            self._done = 0
            self._give_way()
