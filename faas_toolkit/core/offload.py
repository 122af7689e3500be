"""Where work that would hold the one OS thread is put."""

from collections.abc import Callable
from typing import Literal, Protocol

Pool = Literal["sqlite", "search", "parse"]

POOL_SIZES: dict[Pool, int] = {"sqlite": 2, "search": 2, "parse": 1}
"""Native threads per pool; measured best for SQLite at two (design.md §3.1)."""


class Offload(Protocol):
    """Runs a function on a pool of native threads and waits for it without holding the hub."""

    def run[T](self, pool: Pool, work: Callable[[], T]) -> T:
        """The result of `work`; what it raises is raised here."""
        ...

    def spawn(self, work: Callable[[], None]) -> None:
        """Runs `work` soon, in the background of this process; it must not use the call's host."""
        ...


class InlineOffload:
    """Runs everything where it stands: for functions and tools without gevent."""

    def run[T](self, pool: Pool, work: Callable[[], T]) -> T:
        """Calls `work`."""
        return work()

    def spawn(self, work: Callable[[], None]) -> None:
        """Calls `work` at once."""
        work()
