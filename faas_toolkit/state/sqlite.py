"""What is particular to SQLite: how a file is opened, how a transaction begins, and what its errors mean."""

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, NullPool, create_engine, event  # noqa: TID253 - this module is loaded on first use
from sqlalchemy.engine import URL  # noqa: TID253 - same
from sqlalchemy.engine.interfaces import DBAPIConnection  # noqa: TID253 - same

from faas_toolkit.core.errors import Failure, Internal, Unavailable
from faas_toolkit.state.private_file import make_private

BUSY_MILLISECONDS = 2_000
"""How long a statement waits for another process's lock; short, because it holds one of two threads."""

_MIGRATION_MILLISECONDS = 30_000
_SCRUB_SECONDS = 10.0
_STEPS = 1_000
"""Of SQLite's virtual machine, after which it asks whether to go on: about 10 µs."""
_PRAGMAS = (
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",  # first: the switch to WAL itself may have to wait
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",  # in WAL mode a power cut may lose the last commits, never the file (sqlite.org/wal.html)
    "PRAGMA foreign_keys=ON",
)


class Damaged(Unavailable):
    """The file does not hold a whole database."""


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MEANINGS: dict[int, tuple[str, str, bool]] = {
    sqlite3.SQLITE_BUSY: ("is busy: another process is writing to it.", "Try again in a few seconds.", True),
    sqlite3.SQLITE_LOCKED: ("is busy: another operation is writing to it.", "Try again in a few seconds.", True),
    sqlite3.SQLITE_PERM: ("may not be read or written.", "Give the plugin's user rights on its data directory.", False),
    sqlite3.SQLITE_AUTH: ("may not be read or written.", "Give the plugin's user rights on its data directory.", False),
    sqlite3.SQLITE_READONLY: ("can only be read.", "Give the plugin's user the right to write to its data directory.", False),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened.", "Check that the data directory exists and may be written.", False),
    sqlite3.SQLITE_IOERR: (
        "cannot be read or written: the disk reports an error.",
        "Check the disk of the data directory.",
        True,
    ),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full.", "Free space on the disk of the data directory.", True),
    sqlite3.SQLITE_CORRUPT: ("is damaged.", "Restore its file from a backup, or move it away to start anew.", False),
    sqlite3.SQLITE_NOTADB: ("is not a database file.", "Restore its file from a backup, or move it away to start anew.", False),
}


def open_engine(path: Path) -> Engine:
    """An engine over the file, which only its owner may read; it is made where it is missing.

    Raises:
        OSError: the directory or the file cannot be made.
    """
    make_private(path)
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,  # Database keeps its connections itself
        connect_args={"check_same_thread": False},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    return engine


def open_watch(path: Path) -> sqlite3.Connection:
    """A connection of its own that only looks whether the file has changed, and never waits for a lock."""
    watch = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    watch.execute("PRAGMA query_only=ON")
    return watch


def scrub(path: Path) -> bool:
    """Writes the file anew and empties its log; False where that was not let to, so that old pages may lie there still.

    Deleted rows stay in free pages, and in the write-ahead log, until these are used again (sqlite.org/lang_vacuum.html).
    """
    with closing(sqlite3.connect(path, isolation_level=None, timeout=_SCRUB_SECONDS)) as connection:
        try:
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                return False
            raise
        blocked: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    return not blocked


def data_version(watch: sqlite3.Connection) -> int | None:
    """Changes with each commit of any other connection or process (sqlite.org/pragma.html#pragma_data_version); None: unknown.

    It reads the shared memory of the write-ahead log and takes 3 µs (measured), so it may be asked on the hub.
    """
    try:
        version: int = watch.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.Error:
        return None
    return version


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file stands at the path now; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@contextmanager
def transaction(connection: Connection, *, write: bool) -> Iterator[None]:
    """Commits what is done inside, or takes it back where that raises.

    A writer takes the lock at once, since a reader that turns writer can only fail. The driver is told directly: SQLAlchemy's own
    way takes as long as the statements of a lookup (measured), and joins in here where `Connection.execute` is used inside.
    """
    driver = driver_connection(connection)
    driver.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield
        driver.commit()
    except BaseException:
        driver.rollback()
        raise
    finally:
        if connection.in_transaction():
            connection.rollback()  # closes SQLAlchemy's view of it; the driver has ended it already


def wait_longer(connection: Connection) -> None:
    """Lets this connection wait for another process that is migrating the file."""
    driver_connection(connection).execute(f"PRAGMA busy_timeout={_MIGRATION_MILLISECONDS}")


def never_wait(connection: Connection, is_over: Callable[[], bool]) -> None:
    """Lets a statement on this connection fail where it meets a lock, and when `is_over` says so."""
    driver = driver_connection(connection)
    driver.execute("PRAGMA busy_timeout=0")
    driver.set_progress_handler(is_over, _STEPS)


def explain(error: Exception) -> Failure:
    """The failure that a driver's or SQLAlchemy's error means, without a path, a statement or a value."""
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    if isinstance(error, OSError):
        code = sqlite3.SQLITE_FULL if error.errno == errno.ENOSPC else sqlite3.SQLITE_CANTOPEN
    meaning = _MEANINGS.get(code & 0xFF) if isinstance(code, int) else None
    if meaning is None:
        return Internal("The data store refused a statement of the toolkit.")
    what, hint, retryable = meaning
    kind = Damaged if isinstance(code, int) and code & 0xFF in _DAMAGED else Unavailable
    return kind(f"The data store {what}", hint=hint, retryable=retryable, not_executed=True)


def _prepare(connection: DBAPIConnection, record: object) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own; `transaction` does
    cursor = connection.cursor()
    try:
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
    finally:
        cursor.close()


def driver_connection(connection: Connection) -> sqlite3.Connection:
    """The driver's own connection, for what is told or asked of it directly."""
    driver: Any = connection.connection.driver_connection
    return cast("sqlite3.Connection", driver)
