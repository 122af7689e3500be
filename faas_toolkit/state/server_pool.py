"""The open connections of one workspace's database: few, the last used first, and no waiting for a server that is away."""

import copy
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.state.server_driver import Driver

MOST_CONNECTIONS = 10
_WAIT_SECONDS = 5.0
"""For a connection that another call uses."""
_CHECKED_AFTER = 30.0
_KEPT_FOR = 300.0
_CHECK_SECONDS = 3.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0


@dataclass(slots=True, eq=False)
class Lent:
    """A connection in use."""

    connection: Connection
    raw: Any
    """The driver's own; kept, since SQLAlchemy forgets it when it finds it broken, and would open another one."""
    reused: bool = False
    """It stood already: the server may have ended it without the driver's knowledge."""
    idle_since: float = 0.0


class ServerPool:
    """Lends connections. Used on the hub only, where gevent's semaphore lets others run.

    SQLAlchemy's own pool is not used: it knows no pause after a failure, and would ask a dead server anew for each call.

    Args:
        open_connection: opens one; raises a `Failure`.
        driver: checks and closes.
        clock: tells how long a connection was idle.
    """

    def __init__(self, *, open_connection: Callable[[], Connection], driver: Driver, clock: Clock) -> None:
        self._open = open_connection
        self._driver = driver
        self._clock = clock
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._idle: deque[Lent] = deque()
        self._closed = False
        self._failure: Failure | None = None
        self._asked_again_at = 0.0
        self._pause = 0.0
        self._asking = False

    def lend(self, *, fresh: bool = False) -> Lent:
        """A connection; each one that is lent is given back or dropped.

        Raises:
            Unavailable: the server is away, at once for a short while after that was found; or all connections are in use.
        """
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise Unavailable(
                f"All {MOST_CONNECTIONS} connections to the database are in use.", retry_after=1.0, not_executed=True
            )
        self._closed = False
        try:
            return (None if fresh else self._standing()) or self._opened()
        except BaseException:
            self._places.release()
            raise

    def give_back(self, lent: Lent) -> None:
        """Takes back a connection without a transaction."""
        if self._closed:
            self.drop(lent)
            return
        lent.idle_since = self._clock.monotonic()
        self._idle.append(lent)
        self._places.release()

    def drop(self, lent: Lent) -> None:
        """Closes a connection that is in an unknown state."""
        try:
            close(lent.connection, lent.raw, self._driver)
        finally:
            self._places.release()

    def close(self) -> None:
        """Closes what nobody uses now, and the others when they are given back."""
        self._closed = True
        self.forget()

    def note_away(self, failure: Failure) -> None:
        """The server was found to hang or to be gone: nobody asks it for a while, and nothing that stood is used again."""
        self.forget()
        self._pause = min(max(_FIRST_PAUSE, self._pause * 2), _LONGEST_PAUSE)
        self._asked_again_at = self._clock.monotonic() + self._pause
        self._failure = failure

    def forget(self) -> None:
        """Closes what nobody uses."""
        idle, self._idle = self._idle, deque()
        for lent in idle:
            close(lent.connection, lent.raw, self._driver)

    def _standing(self) -> Lent | None:
        """The last one given back, if it still stands."""
        while self._idle:
            lent = self._idle.pop()
            idle = self._clock.monotonic() - lent.idle_since
            if idle < _CHECKED_AFTER or (idle < _KEPT_FOR and self._driver.answers(lent.raw, _CHECK_SECONDS)):
                lent.reused = True
                return lent
            close(lent.connection, lent.raw, self._driver)
        return None

    def _opened(self) -> Lent:
        """A new connection. While the server is known to be away one call asks it, and the others are told at once."""
        known = self._failure
        if known is not None:
            wait = self._asked_again_at - self._clock.monotonic()
            if wait > 0 or self._asking:
                again = copy.copy(known)
                again.retry_after = round(max(wait, _FIRST_PAUSE), 1) if known.retryable else None
                raise again from known
        self._asking = True
        try:
            connection = self._open()
        except Unavailable as failure:
            self.note_away(failure)
            raise
        finally:
            self._asking = False
        self._failure, self._pause = None, 0.0
        return Lent(connection, connection.connection.driver_connection)


def close(connection: Connection, raw: Any, driver: Driver) -> None:  # noqa: ANN401 - the driver's own
    """Closes a connection without asking the server anything."""
    driver.drop(raw)
    connection.invalidate()
    connection.close()
