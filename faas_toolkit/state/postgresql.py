"""What is particular to PostgreSQL. Loaded when a workspace names one.

libpq takes what it is not told from the environment and from files of the home directory: passwords, certificates, whole
services. Those are the operator's and not the workspace's, so it is told everything.
"""

import os
import select
import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg  # noqa: TID253 - this module is loaded on first use
from sqlalchemy import Connection, Engine, NullPool, create_engine, text  # noqa: TID253 - same
from sqlalchemy.exc import SQLAlchemyError  # noqa: TID253 - same

from faas_toolkit.core.errors import Internal
from faas_toolkit.state.server_driver import Kind, Way

_NO_FILE = os.path.join(os.devnull, "none")  # noqa: PTH118 - a path that cannot exist, as text
_TAKEN_FROM_THE_ENVIRONMENT_ONLY = ("PGSERVICE", "PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ", "PGDATESTYLE", "PGGEQO")
"""No option stands in for these: libpq reads them whatever it is told."""

_LOCK = 0x666161735F746F6F
"""The advisory lock of the migration: `faas_too` in ASCII."""

_BEGIN: dict[Kind, str] = {
    "read": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "write": "BEGIN ISOLATION LEVEL READ COMMITTED",
}

_STATES: dict[str, str] = {
    "53300": "crowded",
    "53100": "full",
    "53200": "full",
    "28000": "login",
    "28P01": "login",
    "3D000": "no database",
    "42501": "rights",
    "25006": "read-only",
    "57014": "slow",
    "55P03": "busy",
    "40001": "busy",
    "40P01": "busy",
    "57P01": "starting",
    "57P02": "lost",
    "57P03": "starting",
    "57P05": "lost",
    "25P03": "lost",
    "XX001": "damaged",
    "XX002": "damaged",
    "22P05": "encoding",
}
"""By SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html)."""

_PHRASES: tuple[tuple[str, str], ...] = (
    ("certificate verify failed", "certificate"),
    ("does not match host name", "certificate"),
    ("does not support ssl", "no TLS"),
    ("protocol version", "old TLS"),
    ("unsupported protocol", "old TLS"),
    ("too many clients", "crowded"),
    ("remaining connection slots", "crowded"),
    ("too many connections", "crowded"),
    ("password authentication failed", "login"),
    ("no pg_hba.conf entry", "login"),
    ("not permitted to log in", "login"),
    ('role "', "login"),
    ("does not exist", "no database"),
    ("permission denied for database", "rights"),
    ("starting up", "starting"),
    ("shutting down", "starting"),
    ("recovery", "starting"),
    ("connection refused", "away"),
    ("no route to host", "away"),
    ("unreachable", "away"),
    ("timeout expired", "silent"),
    ("timed out", "silent"),
    ("server closed the connection", "lost"),
    ("connection reset", "lost"),
    ("ssl error", "certificate"),
)
"""A connection that fails before it stands has no SQLSTATE in libpq, only words."""


class _Silent(psycopg.OperationalError):
    """The server did not answer in time."""


class _Connection(psycopg.Connection[Any]):
    """A connection that gives up a server which hangs; libpq itself would wait for ever."""

    patience = 15.0

    def wait(self, gen: Generator[Any, Any, Any], *_: object, **__: object) -> Any:  # noqa: ANN401 - as the driver's
        """What the driver does between two messages, with an end; `select.poll` is looked up here, since gevent replaces it."""
        until = time.monotonic() + self.patience
        poll = select.poll()
        try:
            wanted = next(gen)
            while True:
                poll.register(self.pgconn.socket, _EVENTS[int(wanted)])
                events = poll.poll(max(0.0, until - time.monotonic()) * 1_000)
                if not events:
                    raise _Silent("no answer in time")
                wanted = gen.send(_ready(events[0][1]))
        except StopIteration as ended:
            return ended.value


_READ, _WRITE = int(psycopg.waiting.Wait.R), int(psycopg.waiting.Wait.W)
_EVENTS = {_READ: select.POLLIN, _WRITE: select.POLLOUT, _READ | _WRITE: select.POLLIN | select.POLLOUT}


def _ready(events: int) -> psycopg.waiting.Ready:
    ready = (_READ if events & ~select.POLLOUT else 0) | (_WRITE if events & select.POLLOUT else 0)
    return psycopg.waiting.Ready(ready)


class PostgresDriver:
    """psycopg 3, which waits by `select` and so lets other greenlets run."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, psycopg.Error)

    def engine(self, connect: Callable[[], Any]) -> Engine:
        """An engine that keeps no connection."""
        return create_engine(
            "postgresql+psycopg://", creator=connect, poolclass=NullPool, pool_reset_on_return=None, hide_parameters=True
        )

    def connect(self, way: Way) -> _Connection:
        """An open connection, each of whose statements the server ends in time."""
        for name in _TAKEN_FROM_THE_ENVIRONMENT_ONLY:
            os.environ.pop(name, None)
        raw = _Connection.connect(autocommit=True, prepare_threshold=None, **_everything(way))
        raw.patience = way.patience
        try:
            own = round(way.patience * 1_000 * 2 / 3)
            raw.execute(
                f"SET statement_timeout = {own}; SET lock_timeout = {own // 2};"
                f" SET idle_in_transaction_session_timeout = {own * 6}; SET TimeZone = 'UTC'"
            )
        except BaseException:
            self.drop(raw)
            raise
        return raw

    def begin(self, raw: _Connection, kind: Kind) -> None:
        """Begins a transaction."""
        raw.execute(_BEGIN[kind])

    def require_committable(self, raw: _Connection) -> None:
        """PostgreSQL answers the commit of a transaction in which a statement failed with a rollback, and no error."""
        if raw.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
            raise Internal("A statement failed within a transaction that was to be kept.")

    def answers(self, raw: _Connection, patience: float) -> bool:
        """Asks the shortest question there is."""
        usual, raw.patience = raw.patience, patience
        try:
            raw.execute("SELECT 1")
        except psycopg.Error:
            return False
        raw.patience = usual
        return True

    def is_open(self, raw: _Connection) -> bool:
        """Whether it is idle or in a transaction, as far as is known."""
        unusable = (psycopg.pq.TransactionStatus.UNKNOWN, psycopg.pq.TransactionStatus.ACTIVE)
        return not raw.closed and raw.info.transaction_status not in unusable

    def drop(self, raw: _Connection) -> None:
        """Closes the socket."""
        raw.close()

    def explain(self, error: Exception) -> str | None:
        """By SQLSTATE, else by the words of libpq."""
        cause = getattr(error, "orig", error)
        if isinstance(cause, (_Silent, TimeoutError)):
            return "silent"
        state = getattr(cause, "sqlstate", None)
        if state is not None:
            return _STATES.get(state) or ("lost" if state.startswith("08") else None)
        if not isinstance(cause, psycopg.OperationalError):
            return None
        words = str(cause).lower()
        return next((name for phrase, name in _PHRASES if phrase in words), "refused")

    def may_repeat(self, error: Exception) -> bool:
        """Deadlocks, serialization failures, and rows that another node made first."""
        return getattr(getattr(error, "orig", error), "sqlstate", None) in ("40001", "40P01", "23505")

    def migrate(self, connection: Connection, upgrade: Callable[[Connection], None]) -> None:
        """In one transaction, which holds the lock: it also works behind a pooler that shares sessions."""
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 - an open one; for mypy
        self.begin(raw, "write")
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        upgrade(connection)
        self.require_committable(raw)
        connection.commit()

    def version(self, connection: Connection) -> str:
        """E.g. `PostgreSQL 15.14`."""
        return f"PostgreSQL {str(connection.execute(text('SHOW server_version')).scalar_one()).partition(' ')[0]}"


def _everything(way: Way) -> dict[str, Any]:
    """Each option that libpq knows: ours, else what it was built with, so that nothing comes from the environment."""
    address = way.address
    ours: dict[str, Any] = {
        "host": address.host,
        "hostaddr": way.ip,
        "port": address.port,
        "user": address.user,
        "password": address.password,
        "dbname": address.database,
        "passfile": _NO_FILE,
        "connect_timeout": address.connect_timeout,
        "client_encoding": "UTF8",
        "application_name": "faas_toolkit",
        "sslmode": "verify-full" if way.encrypted else "disable",
        "sslrootcert": way.authorities,
        "sslcertmode": "disable",  # else a certificate of the home directory would be shown to the workspace's server
        "sslcert": _NO_FILE,
        "sslkey": _NO_FILE,
        "sslcrl": _NO_FILE,
        "ssl_min_protocol_version": address.tls_minimum,
        "require_auth": "scram-sha-256,md5,none" + (",password" if way.encrypted else ""),  # in clear only inside TLS
        "min_protocol_version": "3.0",
        "max_protocol_version": "3.0",
        "gssencmode": "disable",
        "keepalives_idle": 60,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": round(way.patience * 1_000),
    }
    known = {option.keyword.decode(): option for option in psycopg.pq.Conninfo.get_defaults()}
    for name, option in known.items():
        if option.envvar and name not in ours and name != "service":
            ours[name] = (option.compiled or b"").decode()
    return {name: value for name, value in ours.items() if name in known}
