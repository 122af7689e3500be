"""The setting `database_url`: what it may say, and what it means. It comes from a workspace, so what is taken is a short list."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Literal, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.immutable import immutable

type Dialect = Literal["postgresql", "mysql"]

_EXAMPLE = "Example: postgresql://user:password@db.example:5432/toolkit?sslmode=verify-full"
_SCHEMES: Mapping[str, Dialect] = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_PORTS: Mapping[Dialect, int] = {"postgresql": 5432, "mysql": 3306}
_DRIVERS = frozenset(
    {"", "psycopg", "psycopg2", "asyncpg", "pg8000", "pymysql", "mysqldb", "mysqlconnector", "aiomysql", "asyncmy"}
)
"""Parts such as `+psycopg2` of addresses that were written for another program; which driver is used is ours to say."""

_TLS_NAMES = frozenset({"sslmode", "ssl_mode", "ssl", "tls"})
_TLS: Mapping[str, bool] = {
    **dict.fromkeys(("verify_full", "verify_identity", "verify_ca", "require", "required", "true", "1"), True),
    **dict.fromkeys(("disable", "disabled", "false", "0"), False),
}
"""Whoever asks for TLS gets its verification too: without it anyone on the way can be the server."""

_TLS_VERSIONS = frozenset({"TLSv1.2", "TLSv1.3"})
_TAKEN = "sslmode (verify-full, disable), ssl_min_protocol_version (TLSv1.2, TLSv1.3), connect_timeout (seconds, 1 to 30)"
_HOST = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,252})|[0-9a-fA-F:.]{2,45}")


@immutable(kw_only=True)
class ServerAddress:
    """A database on a server, and how it is asked."""

    dialect: Dialect
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    encrypted: bool | None = None
    """Whether TLS is asked for, with verification; None: not said, so it is where the host is public."""
    tls_minimum: str = "TLSv1.3"
    connect_timeout: int = 5
    """Seconds; of each address of the host."""

    @property
    def fingerprint(self) -> str:
        """Names this database of this server among the files of a node; who asks it, and how, changes nothing."""
        return hashlib.sha256(f"{self.dialect}\0{self.host}\0{self.port}\0{self.database}".encode()).hexdigest()[:24]


def parse_address(url: str) -> ServerAddress:
    """The address that the setting names.

    Raises:
        Unavailable: it is none that is taken; the text says what would be right, and holds no part of the address.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise _wrong("is no address that can be read; in the password write @ : / ? # % as %40 %3A %2F %3F %23 %25.") from error
    dialect = _dialect(parts.scheme)
    user, password, host = unquote(parts.username or ""), unquote(parts.password or ""), parts.hostname or ""
    database = unquote(parts.path.removeprefix("/"))
    if not _HOST.fullmatch(host):
        _refuse("names no host, or something else in its place. Sockets of this machine and lists of hosts are not taken.")
    if not user or not password:
        _refuse("names no user or no password; nothing else is used to log in.")
    if not database or "/" in database:
        _refuse("names no database.")
    if any(not part.isprintable() for part in (user, password, database)):
        _refuse("holds a control character or a broken escape.")
    if parts.fragment:
        _refuse("holds a #; in the password write it as %23.")
    options = _options(parts.query)
    return ServerAddress(
        dialect=dialect,
        host=host,
        port=port or _PORTS[dialect],
        user=user,
        password=password,
        database=database,
        encrypted=_encryption(options),
        tls_minimum=_tls_minimum(options),
        connect_timeout=_seconds(options.get("connect_timeout", "5")),
    )


def _dialect(scheme: str) -> Dialect:
    name, _, driver = scheme.partition("+")
    if name not in _SCHEMES or driver not in _DRIVERS:
        _refuse("does not begin with postgresql:// or mysql:// (mariadb:// is the same).")
    return _SCHEMES[name]


def _options(query: str) -> dict[str, str]:
    """The options by name; unknown ones are not repeated in the text, since a `?` in a password makes one of its rest."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=20)
    except ValueError as error:
        raise _wrong(f"has options that cannot be read. Taken are: {_TAKEN}.") from error
    options: dict[str, str] = {}
    for name, value in pairs:
        folded = name.replace("-", "_").lower()
        if folded in options:
            _refuse("says one option twice.")
        if folded == "charset" and value.lower() in ("utf8mb4", "utf8"):
            continue  # what is used anyway
        if folded not in {*_TLS_NAMES, "ssl_min_protocol_version", "connect_timeout"}:
            _refuse(f"has an option that is not taken. Taken are: {_TAKEN}. In the password write ? as %3F.")
        options[folded] = value
    return options


def _encryption(options: Mapping[str, str]) -> bool | None:
    said = [options[name].replace("-", "_").lower() for name in _TLS_NAMES if name in options]
    if not said:
        return None
    if len(said) > 1 or said[0] not in _TLS:
        _refuse("asks for TLS in a way that is not taken: write sslmode=verify-full, or for a private host sslmode=disable.")
    return _TLS[said[0]]


def _tls_minimum(options: Mapping[str, str]) -> str:
    version = options.get("ssl_min_protocol_version", "TLSv1.3")
    if version not in _TLS_VERSIONS:
        _refuse("has an ssl_min_protocol_version that is neither TLSv1.2 nor TLSv1.3.")
    return version


def _seconds(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 2 or not 1 <= int(text) <= 30:
        _refuse("has a connect_timeout that is no number of seconds from 1 to 30.")
    return int(text)


def _refuse(what: str) -> NoReturn:
    raise _wrong(what)


def _wrong(what: str) -> Unavailable:
    return Unavailable(f"The setting `database_url` {what}", hint=_EXAMPLE, retryable=False, not_executed=True)
