"""What is particular to MySQL and MariaDB. Loaded when a workspace names one.

Its own types hold less than the same words mean elsewhere (`TEXT` 64 KB, `FLOAT` 7 digits), and its usual collations take `a`,
`A` and `ä` for one; so the tables are made with the large types and compare bytes. That is said here once, for every table.
"""

import contextlib
import hashlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pymysql  # noqa: TID253 - this module is loaded on first use
from alembic.ddl.mysql import MySQLImpl  # noqa: TID253 - same
from pymysql.connections import Connection as PyMySqlConnection  # noqa: TID253 - same
from pymysql.constants import CLIENT, SERVER_STATUS  # noqa: TID253 - same
from sqlalchemy import (  # noqa: TID253 - same
    Connection,
    Engine,
    Float,
    LargeBinary,
    NullPool,
    Text,
    create_engine,
    text,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: TID253 - same
from sqlalchemy.ext.compiler import compiles  # noqa: TID253 - same
from sqlalchemy.schema import CreateTable  # noqa: TID253 - same

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.server_driver import MIGRATION_PATIENCE, Kind, Way

_TABLE_OPTIONS = " ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE "
_BYTEWISE = {True: "utf8mb4_nopad_bin", False: "utf8mb4_0900_bin"}
"""Of MariaDB and of MySQL (8.0.17): `utf8mb4_bin` itself takes texts that differ in spaces at their end for one."""

_BEGIN: dict[Kind, tuple[str, ...]] = {
    "read": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
    "write": ("START TRANSACTION",),
}

_CODES: dict[int, str] = {
    **dict.fromkeys((1040, 1203, 1226), "crowded"),
    **dict.fromkeys((1045, 1698, 1251, 1862, 1820, 3118, 3159, 4151), "login"),
    1049: "no database",
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), "rights"),
    **dict.fromkeys((1290, 1792, 1836), "read-only"),
    **dict.fromkeys((1205, 1213, 1412), "busy"),
    **dict.fromkeys((1317, 1907, 1969, 3024), "slow"),
    **dict.fromkeys((1021, 1041, 1114), "full"),
    **dict.fromkeys((1194, 1195, 1712, 5180), "damaged"),
    **dict.fromkeys((1153, 1301), "packet"),
    **dict.fromkeys((1053, 1077, 1079), "starting"),
    **dict.fromkeys((1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055, 4031), "lost"),
    2002: "away",
    2003: "away",
    2026: "no TLS",
    1366: "encoding",
    1665: "binary log",
}
"""By error number (dev.mysql.com/doc/mysql-errors, mariadb.com/kb/en/mariadb-error-code-reference)."""

_MADE_ALREADY = frozenset({1050, 1060, 1061})
"""A table, a column, a key of that name is there."""


@compiles(Text, "mysql")
def _text(*_: object, **__: object) -> str:
    return "LONGTEXT"


@compiles(LargeBinary, "mysql")
def _binary(*_: object, **__: object) -> str:
    return "LONGBLOB"


@compiles(Float, "mysql")
def _float(*_: object, **__: object) -> str:
    return "DOUBLE"


@compiles(CreateTable, "mysql")
def _create_table(element: CreateTable, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's compiler
    return (
        str(compiler.visit_create_table(element, **options)).rstrip()
        + _TABLE_OPTIONS
        + _BYTEWISE[bool(compiler.dialect.is_mariadb)]
    )


class _Resumable(MySQLImpl):
    """MySQL commits each change of a table by itself, so a step that was cut off runs again and finds its first half done."""

    __dialect__ = "mysql"

    def _exec(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as alembic's
        try:
            return super()._exec(*arguments, **options)
        except DBAPIError as error:
            if _code(error) not in _MADE_ALREADY:
                raise
        return None


class _Connection(PyMySqlConnection):
    """A connection whose patience can be changed; PyMySQL takes its time-outs only when it is made."""

    server_status: int
    server_version: str
    _force_close: Callable[[], None]

    def wait_for(self, seconds: float) -> None:
        self._read_timeout = self._write_timeout = seconds

    def rollback(self) -> None:
        """Asks nothing of the server where there is nothing to take back."""
        if self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
            super().rollback()


class MysqlDriver:
    """PyMySQL: Python over `socket`, so it lets other greenlets run. Of its own accord it reads no file and no variable."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError, pymysql.err.MySQLError)

    def engine(self, connect: Callable[[], Any]) -> Engine:
        """An engine that keeps no connection."""
        return create_engine(
            "mysql+pymysql://", creator=connect, poolclass=NullPool, pool_reset_on_return=None, hide_parameters=True
        )

    def connect(self, way: Way) -> _Connection:
        """An open connection, each of whose statements the server ends in time."""
        address = way.address
        raw = _Connection(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.database,
            charset="utf8mb4",
            connect_timeout=address.connect_timeout,
            read_timeout=address.connect_timeout,
            write_timeout=address.connect_timeout,
            ssl=_tls(way) if way.encrypted else None,
            ssl_disabled=not way.encrypted,
            client_flag=CLIENT.FOUND_ROWS,
            local_infile=False,
            autocommit=True,
            defer_connect=True,
        )
        raw.connect(_socket(way))
        try:
            raw.wait_for(way.patience)
            self._bound(raw, way.patience * 2 / 3)
        except BaseException:
            self.drop(raw)
            raise
        return raw

    def begin(self, raw: _Connection, kind: Kind) -> None:
        """Begins a transaction."""
        for statement in _BEGIN[kind]:
            _run(raw, statement)

    def require_committable(self, raw: _Connection) -> None:
        """MySQL takes back the statement that failed, or says that the whole transaction is gone."""

    def answers(self, raw: _Connection, patience: float) -> bool:
        """Asks the shortest question there is."""
        usual = raw._read_timeout  # noqa: SLF001 - set by `wait_for`
        raw.wait_for(patience)
        try:
            raw.ping(reconnect=False)
        except pymysql.err.MySQLError:
            return False
        raw.wait_for(usual)
        return True

    def is_open(self, raw: _Connection) -> bool:
        """PyMySQL closes what it finds broken."""
        return bool(raw.open)

    def drop(self, raw: _Connection) -> None:
        """Closes the socket."""
        raw._force_close()  # noqa: SLF001 - `close` says goodbye first, which a server that hangs may not take

    def explain(self, error: Exception) -> str | None:
        """By error number; of a failed connection by what Python says of it."""
        cause = getattr(error, "orig", error)
        origin = cause if isinstance(cause, OSError) else getattr(cause, "original_exception", None)
        if isinstance(origin, OSError):
            return _explain_socket(origin)
        code = _code(cause)
        if code == 2013 and "timed out" in str(cause):
            return "silent"
        return _CODES.get(code or 0) or ("lost" if isinstance(cause, pymysql.err.InterfaceError) else None)

    def may_repeat(self, error: Exception) -> bool:
        """Deadlocks, and rows that another node made first."""
        return _code(error) in (1213, 1062)

    def migrate(self, connection: Connection, upgrade: Callable[[Connection], None]) -> None:
        """Under a lock of the server's; without a transaction, since MySQL would end it at the first change of a table."""
        database = str(connection.execute(text("SELECT DATABASE()")).scalar())
        name = f"faas_toolkit.{hashlib.sha256(database.encode()).hexdigest()[:32]}"  # 64 characters at most
        taken = connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": name, "seconds": MIGRATION_PATIENCE / 2})
        if taken.scalar() != 1:
            raise Unavailable("Another process is still preparing the database.", retry_after=5.0, not_executed=True)
        try:
            upgrade(connection)
            connection.commit()
        finally:
            with contextlib.suppress(*self.errors):  # where the connection is gone, so is the lock
                connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
                connection.commit()

    def version(self, connection: Connection) -> str:
        """E.g. `MariaDB 10.11.19`."""
        said = str(connection.execute(text("SELECT VERSION()")).scalar_one())
        return f"{'MariaDB' if 'MariaDB' in said else 'MySQL'} {said.partition('-')[0]}"

    def _bound(self, raw: _Connection, seconds: float) -> None:
        """How long the server lets a statement run and wait for locks."""
        is_mariadb = "MariaDB" in raw.server_version
        longest = f"max_statement_time={seconds:.1f}" if is_mariadb else f"max_execution_time={seconds * 1_000:.0f}"
        whole = max(1, round(seconds / 2))
        _run(
            raw,
            f"SET SESSION {longest}, innodb_lock_wait_timeout={whole}, lock_wait_timeout={whole}, time_zone='+00:00',"
            " sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'",
        )
        _run(raw, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")


def _socket(way: Way) -> socket.socket:
    """A connection to the checked address; PyMySQL itself would look the name up again."""
    wire = socket.create_connection((way.ip, way.address.port), timeout=way.address.connect_timeout)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return wire


def _tls(way: Way) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=way.authorities)  # looked up here: gevent replaces it
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if way.address.tls_minimum == "TLSv1.3" else ssl.TLSVersion.TLSv1_2
    return context


def _explain_socket(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    if isinstance(error, ssl.SSLError):
        return "old TLS"
    return "silent" if isinstance(error, TimeoutError) else "away"


def _run(raw: PyMySqlConnection, statement: str) -> None:
    with raw.cursor() as cursor:
        cursor.execute(statement)


def _code(error: Exception) -> int | None:
    cause = getattr(error, "orig", error)
    code = cause.args[0] if getattr(cause, "args", ()) else None
    return code if isinstance(code, int) else None
