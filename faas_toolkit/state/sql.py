"""The relational store: records, audit rows, outcomes. Loaded on first use, because SQLAlchemy costs a third of a second.

The tables of every slice hang on one `metadata`; a slice declares its own beside the code that uses them and adds a step to
`migrations/versions`. A test compares the two.
"""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData  # noqa: TID253 - this module is loaded on first use
from sqlalchemy.exc import SQLAlchemyError  # noqa: TID253 - same

from faas_toolkit.core.offload import Offload
from faas_toolkit.state import sqlite
from faas_toolkit.state.migrations import history

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""The tables of all slices; named constraints, so that a later step can change them in every dialect."""

_OPENING = threading.Lock()
"""One database is opened at a time: alembic keeps its context in globals. Waited for by greenlets, never by a pool's thread."""


class Database:
    """One SQLite file, opened and migrated on first use.

    `work` runs whole on the pool `sqlite` and so must neither wait for a greenlet nor touch the call's host; what it raises,
    other than a driver's error, passes through unchanged after the rollback.
    """

    dialect = "sqlite"

    def __init__(self, *, path: Path, offload: Offload) -> None:
        self._path = path
        self._offload = offload
        self._engine: Engine | None = None
        # Kept by us: SQLAlchemy's queued pool waits on locks that gevent patched, and a connection made for each query makes it
        # four times as slow (measured).
        self._idle: deque[Connection] = deque()

    def read[T](self, work: Callable[[Connection], T]) -> T:
        """The result of `work` over one consistent view of the data.

        Raises:
            Unavailable: the store is locked, unreadable, damaged, full; the text says which and what to do.
            Internal: the store refused a statement of ours.
        """
        return self._run(work, write=False)

    def write[T](self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed; nothing of it is kept when it raises. Raises as `read` does."""
        return self._run(work, write=True)

    def close(self) -> None:
        """Closes what is open; a later use opens it again."""
        self._offload.run("sqlite", self._forget)

    def _run[T](self, work: Callable[[Connection], T], *, write: bool) -> T:
        if self._engine is None:
            with _OPENING:
                if self._engine is None:
                    self._engine = self._offload.run("sqlite", self._opened)
        engine = self._engine
        return self._offload.run("sqlite", lambda: self._transact(engine, work, write=write))

    def _opened(self) -> Engine:
        try:
            engine = sqlite.open_engine(self._path)
            with engine.connect() as connection:
                sqlite.begin_with(connection, write=False)
                with connection.begin():
                    ready = history.current(connection) == history.head()
                if not ready:
                    sqlite.wait_longer(connection)
                    sqlite.begin_with(connection, write=True)
                    with connection.begin():
                        history.upgrade(connection)
        except (SQLAlchemyError, OSError) as error:
            raise sqlite.explain(error) from error
        return engine

    def _transact[T](self, engine: Engine, work: Callable[[Connection], T], *, write: bool) -> T:
        connection: Connection | None = None
        try:
            connection = self._connection(engine)
            sqlite.begin_with(connection, write=write)
            with connection.begin():
                return work(connection)
        except SQLAlchemyError as error:
            if connection is not None:
                connection.close()
                connection = None
            self._forget()  # the file may have been replaced, repaired or moved away: it is opened anew
            raise sqlite.explain(error) from error
        finally:
            if connection is not None:
                self._idle.append(connection)

    def _connection(self, engine: Engine) -> Connection:
        try:
            return self._idle.pop()  # not looked at before: another native thread may take the last one
        except IndexError:
            return engine.connect()

    def _forget(self) -> None:
        self._engine = None
        idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()
