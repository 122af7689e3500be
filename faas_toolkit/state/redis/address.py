"""What a workspace writes to name its Redis: one URL for a single server, for Sentinel, or for a Cluster."""

from dataclasses import field
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.net.config import Tls

Arrangement = Literal["single", "sentinel", "cluster"]

EXAMPLES = (
    "rediss://user:password@redis.example:6379/0, rediss+sentinel://host1:26379,host2:26379/service/0"
    " or rediss+cluster://host1:6379,host2:6379"
)

_SCHEMES: dict[str, tuple[Arrangement, bool]] = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_OPTIONS: dict[Arrangement, frozenset[str]] = {
    "single": frozenset({"tls", "ca"}),
    "sentinel": frozenset({"tls", "ca", "sentinel_username", "sentinel_password"}),
    "cluster": frozenset({"tls", "ca"}),
}
_MOST_HOSTS = 20


@immutable(kw_only=True)
class RedisAddress:
    """Where Redis is and how it is asked; no representation shows a password."""

    arrangement: Arrangement
    hosts: tuple[tuple[str, int], ...]
    """The server itself, the Sentinels, or some nodes of the Cluster: names and ports."""
    service: str = ""
    """What the Sentinels call the server."""
    database: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    tls: Tls | None = None
    """None: not encrypted; then the guard lets it go to private hosts only."""

    @classmethod
    def parse(cls, url: str) -> "RedisAddress":
        """The address in the setting `redis_url`.

        Raises:
            InvalidInput: it is none, or asks for what is not offered; the text shows no part of user name and password.
        """
        try:
            parts = urlsplit(url.strip())
        except ValueError as error:
            raise _wrong("is no URL") from error
        if parts.scheme not in _SCHEMES:
            socket_file = " Sockets in the file system are not opened." if parts.scheme.startswith("unix") else ""
            raise _wrong(f"begins with none of {', '.join(f'{name}://' for name in _SCHEMES)}.{socket_file}".rstrip("."))
        arrangement, encrypted = _SCHEMES[parts.scheme]
        if parts.fragment:
            raise _wrong("holds a #; in a user name or password it is written as %23")
        username, password, hosts = _netloc(parts, 26379 if arrangement == "sentinel" else 6379)
        service, database = _path(parts.path, arrangement)
        options = _options(parts.query, arrangement)
        return cls(
            arrangement=arrangement,
            hosts=hosts,
            service=service,
            database=database,
            username=username,
            password=password,
            sentinel_username=options.get("sentinel_username", ""),
            sentinel_password=options.get("sentinel_password", ""),
            tls=_tls(options, encrypted=encrypted),
        )


def _wrong(what: str, hint: str = "") -> InvalidInput:
    return InvalidInput(f"Setting 'redis_url' {what}.", hint=hint or f"Examples: {EXAMPLES}.")


def _netloc(parts: SplitResult, default_port: int) -> tuple[str, str, tuple[tuple[str, int], ...]]:
    userinfo, _, listed = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    hosts = tuple(_host(text, default_port) for text in listed.split(","))
    if len(hosts) > _MOST_HOSTS:
        raise _wrong(f"names more than {_MOST_HOSTS} hosts")
    if len(hosts) > 1 and _SCHEMES[parts.scheme][0] == "single":
        raise _wrong("names several hosts without saying how they belong together")
    return unquote(username), unquote(password), hosts


def _host(text: str, default_port: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, default_port if parts.port is None else parts.port
    except ValueError:
        host, port = None, 0
    if not host or not 0 < port < 65_536:
        # The text is not repeated: where a password was not percent-encoded, a part of it stands here.
        raise _wrong(
            "holds a host or port that cannot be read",
            hint=f"Write special characters of a password percent-encoded (@ as %40, / as %2F, # as %23). Examples: {EXAMPLES}.",
        )
    return host, port


def _path(path: str, arrangement: Arrangement) -> tuple[str, int]:
    """The service and the number of the database."""
    words = [unquote(word) for word in path.strip("/").split("/")] if path.strip("/") else []
    service = ""
    if arrangement == "sentinel":
        if not words:
            raise _wrong(
                "does not say which service the Sentinels watch", hint="Example: rediss+sentinel://host1,host2/mymaster/0"
            )
        service = words.pop(0)
    database = words.pop(0) if words else "0"
    if words or not (database.isascii() and database.isdecimal() and len(database) <= 4):
        raise _wrong("ends with something that is not the number of a database")
    if arrangement == "cluster" and int(database):
        raise _wrong("names a database, and a Cluster has only 0")
    return service, int(database)


def _options(query: str, arrangement: Arrangement) -> dict[str, str]:
    """The options by name; unknown ones are not repeated in the text, since a `?` in a password makes one of its rest."""
    offered = _OPTIONS[arrangement]
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in offered or name in options:
            problem = f"holds the option {name} twice" if name in options else "holds an option that is not offered"
            raise _wrong(problem, hint=f"The options are: {', '.join(sorted(offered))}. In a password write ? as %3F.")
        options[name] = value
    return options


def _tls(options: dict[str, str], *, encrypted: bool) -> Tls | None:
    given = {"minimum": options.get("tls"), "ca": options.get("ca")}
    given = {name: value for name, value in given.items() if value is not None}
    if not encrypted:
        if given:
            raise _wrong("has options of TLS without asking for TLS", hint="Begin it with rediss:// (two s).")
        return None
    try:
        return Tls.model_validate(given)
    except ValidationError as error:
        raise _wrong(
            "has an option of TLS that cannot be read",
            hint="tls is 1.3 (as it is without the option) or 1.2; ca is the percent-encoded PEM text of the"
            " authority that signed the server's certificate.",
        ) from error
