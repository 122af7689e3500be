"""`core.offload` over native threads that greenlets wait for.

The pools are our own: the hub's ten threads also carry DNS and the SDK's reading of stdin, and both stall when they are full
(design.md §3.1).
"""

import logging
from collections.abc import Callable

import gevent
from gevent.pool import Pool as GreenletPool
from gevent.threadpool import ThreadPool

from faas_toolkit.core.errors import Failure
from faas_toolkit.core.offload import POOL_SIZES, Pool

_BACKGROUND = 64
_SHORTEST_SLEEP = 0.0001
_log = logging.getLogger("faas_toolkit.background")


class GeventOffload:
    """Pools that start with their first work; made and used by greenlets of one OS thread.

    Work must not itself call `run`: a pool's thread has no hub to wait in.
    """

    def __init__(self) -> None:
        self._pools: dict[Pool, ThreadPool] = {}
        self._background = GreenletPool(_BACKGROUND)
        self._at_work = 0

    def run[T](self, pool: Pool, work: Callable[[], T], *, short: bool = False) -> T:
        """The result of `work`; what it raises is raised here."""
        done: list[T] = []
        self._at_work += not short
        try:
            error = self._threads(pool).apply(_caught, (work, done))
        finally:
            self._at_work -= not short
        if error is None:
            return done[0]
        try:
            raise error
        finally:
            del error  # else the error, its traceback and this frame would keep each other alive

    @property
    def busy(self) -> bool:
        """Whether a native thread is at work on anything but something short."""
        return self._at_work > 0

    def spawn(self, work: Callable[[], None]) -> None:
        """Runs `work` in a greenlet of its own, or at once where 64 are running already: bounded, and nothing is dropped."""
        if self._background.full():
            _logged(work)
        else:
            self._background.spawn(_logged, work)

    def give_way(self) -> None:
        """Waits for the shortest time a timer knows: after `sleep(0)` the loop may go on for 50 turns before it looks at I/O."""
        gevent.sleep(_SHORTEST_SLEEP)

    def close(self, seconds: float = 5.0) -> None:
        """Waits for what runs in the background, then ends the threads."""
        self._background.join(timeout=seconds)
        pools, self._pools = self._pools, {}
        for threads in pools.values():
            threads.kill()

    def _threads(self, pool: Pool) -> ThreadPool:
        threads = self._pools.get(pool)
        if threads is None:
            threads = self._pools[pool] = ThreadPool(POOL_SIZES[pool], hub=gevent.get_hub())
        return threads


def _caught[T](work: Callable[[], T], done: list[T]) -> BaseException | None:
    """Runs in the pool's thread; an error that left it would be printed by gevent together with the task's arguments."""
    try:
        done.append(work())
    except BaseException as error:  # noqa: BLE001 - handed over to the greenlet that waits
        return error
    return None


def _logged(work: Callable[[], None]) -> None:
    try:
        work()
    except Failure as failure:
        _log.error("Background work failed: %s", failure.as_text())
    except Exception as error:  # noqa: BLE001 - nobody waits for it; only the class is told, since the text may hold a secret
        _log.error("Background work failed: %s in %s", type(error).__name__, getattr(work, "__qualname__", "a callable"))
