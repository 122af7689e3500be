"""The relational store on a server that many nodes share: PostgreSQL, MySQL or MariaDB. Loaded when a workspace names one.

The drivers wait for sockets and so run on the hub, where gevent lets other calls go on; never on a pool of threads.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, false  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.net.egress import EgressGuard, is_public
from faas_toolkit.state.migrations import history
from faas_toolkit.state.server_address import Dialect, ServerAddress
from faas_toolkit.state.server_driver import MIGRATION_PATIENCE, PATIENCE, Driver, Kind, Way
from faas_toolkit.state.server_failures import meaning
from faas_toolkit.state.server_pool import Lent, ServerPool, close
from faas_toolkit.state.sql import MIGRATING, Database, metadata, require_tables

if TYPE_CHECKING:
    from faas_toolkit.net.http import HardLimit

AUTHORITIES = "FAAS_TOOLKIT_DATABASE_CA"
"""The operator's setting: a PEM file of the authorities that are believed in place of the public ones."""

_PAUSES = (0.02, 0.1)
"""Seconds, at most, before a transaction that met a deadlock or another node's row runs again."""
_ADDRESSES_TRIED = 3
_ENDED = frozenset({"lost", "starting"})
"""What a connection that stood says when the server was started anew meanwhile."""
_AWAY = _ENDED | {"away", "silent"}
_MIGRATION_WAIT = 60.0
_LONGEST = 60.0
"""Seconds, of one transaction with all its statements."""


class ServerDatabase(Database):
    """One database on a server.

    Args:
        address: of the server.
        guard: decides whether it may be opened; the connection goes to an address that it checked.
        environment: the operator's settings.
        clock: for pauses, and for how long a connection was idle.
        hard_limit: ends what a server draws out by sending a byte now and then.
    """

    def __init__(
        self,
        *,
        address: ServerAddress,
        guard: EgressGuard,
        environment: Mapping[str, str],
        clock: Clock,
        hard_limit: "HardLimit" = nullcontext,
    ) -> None:
        self.dialect = address.dialect
        self._address = address
        self._guard = guard
        self._environment = environment
        self._clock = clock
        self._hard_limit = hard_limit
        self._driver = driver_of(address.dialect)
        self._pool = ServerPool(open_connection=lambda: self._connect(PATIENCE), driver=self._driver, clock=clock)
        self._errors: tuple[type[Exception], ...] = (*self._driver.errors, OSError)
        self._ready = False

    def read[T](self, work: Callable[[Connection], T], *, alone: bool = False, short: bool = False) -> T:
        """The result of `work` over one consistent view; it never runs twice but for one statement that met a dead connection."""
        self._require_ready()
        return self._attempt(work, None if alone else "read")

    def write[T](self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, committed."""
        self._require_ready()
        for pause in _PAUSES:
            try:
                return self._attempt(work, "write", repeated=True)
            except _Repeat:
                self._clock.sleep(random.uniform(pause / 4, pause))  # noqa: S311 - spreads those who met each other
        return self._attempt(work, "write")

    def check(self) -> str:
        """Which server answers, with tables of which revision; a user who may only read them is refused."""
        self._ready = False  # another node, of a newer version, may have changed them meanwhile
        self._require_ready()

        def look(connection: Connection) -> tuple[str, str | None]:
            require_tables(connection, "Restore the database from a backup, or name an empty one to start anew.")
            for table in metadata.tables.values():
                connection.execute(delete(table).where(false()))  # asks for the right, and touches no row
            return self._driver.version(connection), history.current(connection)

        version, revision = self._attempt(look, "write")
        return f"The {self.dialect} store answers and is whole: {version}, tables of revision {revision}."

    def revision(self) -> None:
        """Never known here without asking."""
        return

    def scrub(self) -> bool:
        """Never done here: when a server gives space back is its own administrator's matter (docs/erasure.md)."""
        return False

    def close(self) -> None:
        """Closes what nobody uses, and the rest when it is given back."""
        self._pool.close()

    def _attempt[T](self, work: Callable[[Connection], T], kind: Kind | None, *, repeated: bool = False) -> T:
        """One transaction, or, where `kind` is None, one statement by itself."""
        try:
            with self._hard_limit(_LONGEST):
                return self._transact(work, kind, repeated=repeated)
        except TimeoutError as error:
            raise self._failure("silent", executed=kind == "write") from error

    def _transact[T](self, work: Callable[[Connection], T], kind: Kind | None, *, repeated: bool) -> T:
        lent, result = self._begun(work, kind)
        if result is not None:
            return result[0]
        committing = False
        try:
            done = work(lent.connection)
            committing = kind == "write"
            self._end(lent, keep=committing)
        except self._driver.errors as error:
            name = self._give_up(lent, error)
            if repeated and not committing and self._driver.may_repeat(error):
                raise _Repeat from error
            raise self._failure(name, executed=committing) from error
        except BaseException:
            self._take_back(lent)
            raise
        self._pool.give_back(lent)
        return done

    def _begun[T](self, work: Callable[[Connection], T], kind: Kind | None) -> tuple[Lent, tuple[T] | None]:
        """A connection in a transaction; or the result, where no transaction is wanted.

        A connection that stood may be dead: what is asked first shows it, and is asked once more of a new one.
        """
        fresh = False
        while True:
            lent = self._pool.lend(fresh=fresh)
            try:
                if kind is not None:
                    self._driver.begin(lent.raw, kind)
                    return lent, None
                result = (work(lent.connection),)
                self._end(lent, keep=False)
            except self._driver.errors as error:
                name = self._give_up(lent, error)
                if lent.reused and name in _ENDED:
                    fresh = True
                    continue
                raise self._failure(name) from error
            except BaseException:
                self._take_back(lent)
                raise
            self._pool.give_back(lent)
            return lent, result

    def _end(self, lent: Lent, *, keep: bool) -> None:
        """Ends the transaction, or nothing where there is none; SQLAlchemy's view of it ends with it."""
        if keep:
            self._driver.require_committable(lent.raw)
        ender = lent.connection if lent.connection.in_transaction() else lent.raw
        if keep:
            ender.commit()
        else:
            ender.rollback()

    def _give_up(self, lent: Lent, error: Exception) -> str | None:
        """After a driver's error: gives the connection back where it stands, and says what the error means."""
        name = self._driver.explain(error)
        if name is None:
            self._ready = False  # the database may have been made anew
        if name in _AWAY or name == "read-only":  # after a failover the old connections lead to what may only be read
            self._pool.drop(lent)
            self._pool.forget()
        else:
            self._take_back(lent)
        return name

    def _take_back(self, lent: Lent) -> None:
        """Takes the transaction back; a connection on which that fails is closed."""
        try:
            if self._driver.is_open(lent.raw):
                self._end(lent, keep=False)
        except self._driver.errors:
            self._pool.drop(lent)
            return
        except BaseException:
            self._pool.drop(lent)
            raise
        if self._driver.is_open(lent.raw):
            self._pool.give_back(lent)
        else:
            self._pool.drop(lent)

    def _failure(self, name: str | None, *, executed: bool = False) -> Failure:
        failure = meaning(name, executed=executed)
        if name == "silent":
            self._pool.note_away(meaning(name))
        return failure

    def _require_ready(self) -> None:
        """Looks once whether the tables are those of this version, and makes or changes them where they are not."""
        if self._ready:
            return
        found = self._attempt(history.current, None)  # in no transaction: MySQL refuses a view older than a table
        if found != history.head():
            self._migrate()
        self._ready = True

    def _migrate(self) -> None:
        if not MIGRATING.acquire(timeout=_MIGRATION_WAIT):
            raise Unavailable("Another database is being prepared.", retry_after=5.0, not_executed=True)
        try:
            if self._ready:
                return  # another call of this node was faster
            connection = self._connect(MIGRATION_PATIENCE)
            raw = connection.connection.driver_connection
            try:
                with self._hard_limit(_MIGRATION_WAIT):  # other workspaces wait for the lock
                    self._driver.migrate(connection, history.upgrade)
            except self._errors as error:
                raise meaning(self._driver.explain(error)) from error
            finally:
                close(connection, raw, self._driver)
            self._ready = True
        finally:
            MIGRATING.release()

    def _connect(self, patience: float) -> Connection:
        address = self._address
        route = self._guard.service_route(address.host, address.port, encrypted=address.encrypted is not False)
        encrypted = address.encrypted
        if encrypted is None:
            encrypted = any(is_public(ip_address(each)) for each in route.addresses)
        ways = [
            Way(address=address, ip=ip, encrypted=encrypted, authorities=self._authorities(), patience=patience)
            for ip in route.addresses[:_ADDRESSES_TRIED]
        ]
        return self._first_open(ways)

    def _first_open(self, ways: list[Way]) -> Connection:
        """A connection to the first address that answers; what a server that answers says is final."""
        name = "away"
        cause: Exception | None = None
        for way in ways:
            try:
                return self._driver.engine(partial(self._driver.connect, way)).connect()
            except self._errors as error:
                name, cause = self._driver.explain(error) or "refused", error
                if name not in _AWAY:
                    break
        raise meaning(name) from cause

    def _authorities(self) -> str:
        named = self._environment.get(AUTHORITIES)
        if not named:
            import certifi

            return certifi.where()
        if not Path(named).is_file():
            raise Unavailable(
                f"The operator's setting {AUTHORITIES} names no file.",
                hint="Write the path of a PEM file with the certificates of the authorities.",
                retryable=False,
                not_executed=True,
            )
        return named


def driver_of(dialect: Dialect) -> Driver:
    """The one place that chooses a driver; neither is loaded before a workspace names such a server."""
    if dialect == "postgresql":
        from faas_toolkit.state.postgresql import PostgresDriver

        return PostgresDriver()
    from faas_toolkit.state.mysql import MysqlDriver

    return MysqlDriver()


class _Repeat(Exception):
    """The transaction was taken back and may succeed when it runs again."""
