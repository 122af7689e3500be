"""The cache on this machine's disk, sealed: neither a value nor a name nor whose it is can be read there.

A file of its own and plain SQLite, apart from the records: it may be deleted at any time, so it has no migrations, does not wait
for the disk, and starts anew where it is damaged.
"""

import contextlib
import sqlite3
from collections import deque
from collections.abc import Callable
from pathlib import Path

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.offload import Offload
from faas_toolkit.state.cache.back_off import BackOff
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept
from faas_toolkit.state.cipher import Keyring
from faas_toolkit.state.private_file import make_private

MAX_BYTES = 256_000_000
_REST_SECONDS = 30.0
_OPENING_TRIES = 10
_SCHEMA = """
PRAGMA busy_timeout=500;
PRAGMA journal_mode=WAL;
PRAGMA synchronous=OFF;
PRAGMA journal_size_limit=8000000;
CREATE TABLE IF NOT EXISTS entries (name TEXT UNIQUE NOT NULL, expires REAL NOT NULL, content BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires);
"""
_GET = "SELECT expires, content FROM entries WHERE name = ? AND expires > ?"
_PUT = "INSERT OR REPLACE INTO entries (name, expires, content) VALUES (?, ?, ?)"
_USED_BYTES = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
_DROP_EXPIRED = "DELETE FROM entries WHERE expires <= ?"
_DROP_OLDEST = (
    "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries ORDER BY rowid LIMIT (SELECT count(*) / 4 + 1 FROM entries))"
)


class DiskCache:
    """One SQLite file, shared by the processes of one machine; the oldest quarter goes when it has grown to its bound."""

    name = "disk"

    def __init__(self, *, path: Path, clock: Clock, offload: Offload, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._clock = clock
        self._offload = offload
        self._max_bytes = max_bytes
        self._keyring = Keyring("cache")
        self._idle: deque[sqlite3.Connection] = deque()
        self._back_off = BackOff("disk cache", seconds=_REST_SECONDS, clock=clock)

    @property
    def problem(self) -> str:
        """Why it is left alone."""
        return self._back_off.problem

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None, also where it was tampered with."""
        cipher = self._keyring.cipher(workspace)
        now = self._clock.epoch()

        def read(connection: sqlite3.Connection) -> Kept | None:
            row = connection.execute(_GET, (cipher.blind(name), now)).fetchone()
            value = cipher.open(name, row[1]) if row else None
            return None if value is None else Kept(value, row[0] - now, self.name)

        return self._attempt(read)

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value, sealed."""
        if len(kept.value) > MAX_VALUE_BYTES or kept.seconds <= 0:
            return
        cipher = self._keyring.cipher(workspace)
        now = self._clock.epoch()

        def write(connection: sqlite3.Connection) -> None:
            self._make_room(connection, now)
            connection.execute(_PUT, (cipher.blind(name), now + kept.seconds, cipher.seal(name, kept.value)))

        self._attempt(write)

    def close(self) -> None:
        """Closes the file; a later use opens it again."""
        self._offload.run("sqlite", self._forget)

    def _make_room(self, connection: sqlite3.Connection, now: float) -> None:
        if connection.execute(_USED_BYTES).fetchone()[0] >= self._max_bytes:
            connection.execute(_DROP_EXPIRED, (now,))
            if connection.execute(_USED_BYTES).fetchone()[0] >= self._max_bytes:
                connection.execute(_DROP_OLDEST)

    def _attempt[T](self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of `work`; None where the disk does not want, after which it is left alone for a while."""
        if self._back_off.problem:
            return None
        try:
            return self._offload.run("sqlite", lambda: self._with_connection(work))
        except (sqlite3.Error, OSError) as error:
            self._back_off.begin(getattr(error, "sqlite_errorname", type(error).__name__))
            return None

    def _with_connection[T](self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection()
        try:
            result = work(connection)
        except sqlite3.Error as error:
            connection.close()
            self._forget()
            self._delete_if_damaged(error)
            raise
        self._idle.append(connection)
        return result

    def _connection(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()  # not looked at before: another native thread may take the last one
        except IndexError:
            return self._open()

    def _open(self) -> sqlite3.Connection:
        make_private(self._path)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            self._delete_if_damaged(error)
            raise
        return connection

    def _forget(self) -> None:
        idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _delete_if_damaged(self, error: sqlite3.Error) -> None:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self._path}{ending}").unlink()


def _prepare(connection: sqlite3.Connection) -> None:
    for tries_left in reversed(range(_OPENING_TRIES)):
        try:
            connection.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            if not tries_left or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            # Changing a new file to WAL does not wait while another process does the same; beginning to write does.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        else:
            return
