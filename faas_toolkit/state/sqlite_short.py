"""Short reads of the embedded store on the caller's own thread.

Waking a pool's thread and being woken by it takes as long as the statements of a lookup, and two threads that take turns at the
interpreter's lock slow each other down (decision 0027). So a read that is over sooner than that stays where it is, unless a
native thread is at work. It cannot hold the thread for long: it waits for no lock, SQLite ends it when its time is over, and
after one that took too long reads go to the pool for a while, longer each time.
"""

import math
import sqlite3
import time
from collections import deque
from collections.abc import Callable

from sqlalchemy import Connection, Engine  # noqa: TID253 - this module is loaded on first use
from sqlalchemy.exc import SQLAlchemyError  # noqa: TID253 - same

from faas_toolkit.state import sqlite

AT_MOST = 0.01
"""Seconds after which a read is ended here, and done on the pool; most take 0.3 ms, one in a thousand 4 ms under load."""
REST, LONGEST_REST = 0.05, 1.0
"""Seconds for which reads then go to the pool: it was no short one, its pages lie on a slow disk, or the machine was away for a
moment. Twice as long after each further one that comes within `CALM` of it, so that a slow disk costs the hub 1 % of its time."""
CALM = 1.0


class ShortReads:
    """Reads one opened file; made on the pool.

    Args:
        engine: of the file.
        monotonic: tells how long a read takes.
    """

    def __init__(self, engine: Engine, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until = 0.0
        self._rest = REST
        self._rests_until = -math.inf
        self._closed = False
        connection = engine.connect()
        sqlite.never_wait(connection, lambda: self._monotonic() > self._until)
        self._idle = deque([connection])

    def read[T](self, work: Callable[[Connection], T]) -> list[T]:
        """The result of `work`, alone in a list; an empty one where the pool has to do it, which then finds out why."""
        began = self._monotonic()
        if began < self._rests_until or not self._idle:
            return []
        connection = self._idle.pop()
        self._until = began + AT_MOST
        done: list[T] = []
        try:
            with sqlite.transaction(connection, write=False):
                done.append(work(connection))
        except (SQLAlchemyError, sqlite3.Error):  # the pool meets it again, and explains it
            done.clear()
        finally:
            now = self._monotonic()
            if now > self._until:
                self._rest = min(2 * self._rest, LONGEST_REST) if now < self._rests_until + CALM else REST
                self._rests_until = now + self._rest
            self._idle.append(connection)
            if self._closed:
                self.close()
        return done

    def close(self) -> None:
        """Closes the connection; one that is in use when its read ends."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
