"""The embedded form of the relational store: one SQLite file, on its pool but for short reads. Loaded on first use."""

import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path

from sqlalchemy import Connection, Engine  # noqa: TID253 - this module is loaded on first use
from sqlalchemy.exc import SQLAlchemyError  # noqa: TID253 - same

from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.state import sqlite
from faas_toolkit.state.migrations import history
from faas_toolkit.state.sql import MIGRATING, Database, require_tables
from faas_toolkit.state.sqlite_short import ShortReads

_DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error)
"""What the toolkit asks the driver itself (`prepared.py`) fails with the driver's own errors."""

_log = logging.getLogger("faas_toolkit.state")


class _FileReplaced(Exception):
    """The file that is open is not the one at its path any more: it was deleted, moved away or restored."""


@immutable(eq=False)
class _Open:
    """One opened file."""

    number: int
    """Tells openings apart."""
    engine: Engine
    identity: tuple[int, int] | None
    watch: sqlite3.Connection
    short: ShortReads


class SqliteDatabase(Database):
    """One SQLite file, opened and migrated on first use.

    `work` runs whole on the pool `sqlite`; where it is a short read, on the caller's thread.
    """

    dialect = "sqlite"

    def __init__(self, *, path: Path, offload: Offload) -> None:
        self._path = path
        self._offload = offload
        self._open: _Open | None = None
        self._openings = count()
        # Kept by us: SQLAlchemy's queued pool waits on locks that gevent patched, and a connection made for each query makes it
        # four times as slow (measured).
        self._idle: deque[Connection] = deque()

    def read[T](self, work: Callable[[Connection], T], *, alone: bool = False, short: bool = False) -> T:
        """The result of `work` over one consistent view of the data.

        Raises:
            Unavailable: the store is locked, unreadable, damaged, full; the text says which and what to do.
            Internal: the store refused a statement of ours.
        """
        opened = self._open
        if short and opened is not None and not self._offload.busy and sqlite.identity_of(self._path) == opened.identity:
            done = opened.short.read(work)
            if done:
                return done[0]
        return self._run(work, write=False, short=short)

    def write[T](self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed; nothing of it is kept when it raises. Raises as `read` does."""
        # Counted as short: audit rows are written every 0.1 s, and short reads would be on the pool half of the time for it.
        return self._run(work, write=True, short=True)

    def check(self) -> str:
        """What answers; raises as `read` does, and `Unavailable` for a missing table."""
        repair = "Restore its file from a backup, or move it away to start anew."
        self.read(lambda connection: require_tables(connection, repair))
        return f"The sqlite store answers and is whole: SQLite {sqlite3.sqlite_version}, tables of revision {history.head()}."

    def revision(self) -> tuple[int, int] | None:
        """Another value after each commit, of this process or another; None before the first use."""
        opened = self._open
        version = sqlite.data_version(opened.watch) if opened is not None else None
        return None if opened is None or version is None else (opened.number, version)

    def close(self) -> None:
        """Closes what is open; a later use opens it again."""
        self._offload.run("sqlite", self._forget)

    def scrub(self) -> bool:
        """Writes the file anew; False where another process was at it."""
        self._opened()
        try:
            return self._offload.run("sqlite", lambda: sqlite.scrub(self._path))
        except _DRIVER_ERRORS as error:
            raise sqlite.explain(error) from error

    def discard(self) -> None:
        """Deletes the file, where what it holds can be had again; a later use makes a new one."""
        self._offload.run("sqlite", self._delete)

    def _run[T](self, work: Callable[[Connection], T], *, write: bool, short: bool = False) -> T:
        opened = self._opened()
        try:
            return self._offload.run("sqlite", lambda: self._transact(opened, work, write=write), short=short)
        except _FileReplaced:
            _log.warning("The data store's file was replaced or deleted; it is opened anew.")
            self._offload.run("sqlite", self._forget)
        opened = self._opened()
        return self._offload.run("sqlite", lambda: self._transact(opened, work, write=write))

    def _opened(self) -> _Open:
        opened = self._open
        if opened is None:
            with MIGRATING:
                opened = self._open
                if opened is None:
                    opened = self._open = self._offload.run("sqlite", self._open_file)
        return opened

    def _open_file(self) -> _Open:
        try:
            engine = sqlite.open_engine(self._path)
            with engine.connect() as connection:
                with sqlite.transaction(connection, write=False):
                    ready = history.current(connection) == history.head()
                if not ready:
                    sqlite.wait_longer(connection)
                    with sqlite.transaction(connection, write=True):
                        history.upgrade(connection)
            return _Open(
                number=next(self._openings),
                engine=engine,
                identity=sqlite.identity_of(self._path),
                watch=sqlite.open_watch(self._path),
                short=ShortReads(engine),
            )
        except (*_DRIVER_ERRORS, OSError) as error:
            raise sqlite.explain(error) from error

    def _transact[T](self, opened: _Open, work: Callable[[Connection], T], *, write: bool) -> T:
        if sqlite.identity_of(self._path) != opened.identity:
            raise _FileReplaced
        connection: Connection | None = None
        try:
            connection = self._connection(opened.engine)
            with sqlite.transaction(connection, write=write):
                return work(connection)
        except _DRIVER_ERRORS as error:
            if connection is not None:
                connection.close()
                connection = None
            self._forget()  # the file may have been replaced, repaired or moved away: it is opened anew
            raise sqlite.explain(error) from error
        finally:
            if connection is not None:
                self._put_back(opened, connection)

    def _connection(self, engine: Engine) -> Connection:
        try:
            return self._idle.pop()  # not looked at before: another native thread may take the last one
        except IndexError:
            return engine.connect()

    def _put_back(self, opened: _Open, connection: Connection) -> None:
        if opened is self._open:
            self._idle.append(connection)
        else:  # the file was opened anew while this connection was in use
            connection.close()

    def _forget(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened.watch.close()
            opened.short.close()
        idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _delete(self) -> None:
        self._forget()
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
