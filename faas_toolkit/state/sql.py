"""The relational store: records, audit rows, outcomes. Loaded on first use, because SQLAlchemy costs a third of a second.

The tables of every slice hang on one `metadata`; a slice declares its own beside the code that uses them and adds a step to
`migrations/versions`. A test compares the two, in every dialect.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from sqlalchemy import Connection, MetaData, inspect  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.errors import Unavailable

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

MIGRATING = threading.Lock()
"""One database is migrated at a time: alembic keeps its context in globals. Waited for by greenlets, never by a pool's thread."""


class Database(ABC):
    """Rows that outlive calls: a file beside the plugin (`sqlite_database.py`), or a server (`server_database.py`).

    Opened and migrated on first use. What `work` raises, other than a driver's error, passes through unchanged after the
    rollback. It runs on a thread of the pool `sqlite`, or, over a network, on the hub; so it must neither wait for another
    greenlet nor touch the call's host.
    """

    dialect: str
    """`sqlite`, `postgresql` or `mysql` (MariaDB too)."""

    @abstractmethod
    def read[T](self, work: Callable[[Connection], T], *, alone: bool = False, short: bool = False) -> T:
        """The result of `work` over one consistent view of the data.

        Args:
            work: asks.
            alone: `work` is one statement, which needs no transaction around it: one round trip to a server in place of three.
            short: `work` asks for a few rows by indexes and is over in less than a millisecond as a rule: beside us it is done
                without going to another thread. It may be begun twice.

        Raises:
            Unavailable: the store cannot be reached or used now; the text says why and what to do.
            Internal: the store refused a statement of ours.
        """

    @abstractmethod
    def write[T](self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed; nothing of it is kept when it raises. Raises as `read` does.

        On a server `work` may run again after a deadlock, or after another node was faster in making a row of the same key: it
        changes nothing but rows, or what may be changed twice.
        """

    @abstractmethod
    def check(self) -> str:
        """What answers, in one sentence; raises as `read` does, and `Unavailable` for a missing table."""

    @abstractmethod
    def revision(self) -> tuple[int, int] | None:
        """Another value after each commit, of this process or another; None where only asking the data itself can tell.

        Cheap enough to be asked on each call: what was read under a revision still stands while the revision does.
        """

    @abstractmethod
    def scrub(self) -> bool:
        """Writes the file anew, so that nothing deleted can be read in it or beside it; False where another process was at it.

        Takes about a second for 100 MB, in which nothing else is written. Raises as `read` does.
        """

    @abstractmethod
    def close(self) -> None:
        """Closes what is open; a later use opens it again."""


def require_tables(connection: Connection, repair: str) -> None:
    """Raises `Unavailable` where a table is missing."""
    missing = sorted(set(metadata.tables) - set(inspect(connection).get_table_names()))
    if missing:
        raise Unavailable(
            f"The data store lacks what the toolkit keeps in it: {', '.join(missing)}.",
            hint=repair,
            retryable=False,
            not_executed=True,
        )
