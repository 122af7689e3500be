"""What may be opened: the guard that every address passes, because addresses come from tenants (design.md §3.10).

Names are resolved once, every address found is checked, and the connection goes to a checked address; so a name that changes its
answer between check and use gains nothing. Numbers written in odd ways (`127.1`, `0x7f000001`) are caught the same way: what is
checked is what the resolver made of them, never the text.
"""

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from faas_toolkit.core.errors import Blocked, Unavailable
from faas_toolkit.core.schema import printable

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NETWORK_MODE = "FAAS_TOOLKIT_NETWORK"
OPERATOR_ALLOW = "FAAS_TOOLKIT_NETWORK_ALLOW"

_HTTPS_PORT = 443


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


NEVER_PUBLIC = _networks(
    # Python calls these global, or did at some version; each can lead to what is not.
    "192.0.0.0/24",  # RFC 6890: IETF protocol assignments; 192.0.0.192 is a cloud's metadata address
    "192.88.99.0/24",  # RFC 7526: 6to4 relay anycast, deprecated
    "64:ff9b::/96",  # RFC 6052: NAT64, embeds any IPv4 address
    "64:ff9b:1::/48",  # RFC 8215: local-use NAT64, same
    "2002::/16",  # RFC 3056: 6to4, embeds any IPv4 address
    "2001::/32",  # RFC 4380: Teredo, same
)

OPERATOR_ONLY = _networks(
    "0.0.0.0/8",  # RFC 1122 §3.2.1.3: this host
    "127.0.0.0/8",  # RFC 1122 §3.2.1.3: loopback
    "::/128",  # RFC 4291 §2.5.2: unspecified
    "::1/128",  # RFC 4291 §2.5.3: loopback
    "169.254.0.0/16",  # RFC 3927: link-local, and the metadata address of most clouds
    "fe80::/10",  # RFC 4291 §2.5.6: link-local
    "100.100.100.200/32",  # metadata address of Alibaba Cloud
    "192.0.0.192/32",  # metadata address of Oracle Cloud
    "fd00:ec2::/32",  # metadata addresses of AWS over IPv6
    "224.0.0.0/4",  # RFC 5771: multicast
    "ff00::/8",  # RFC 4291 §2.7: multicast
    "240.0.0.0/4",  # RFC 1112 §4: reserved, and the broadcast address
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "2001::/32",
)
"""Ranges that no catalog opens: on a shared daemon a catalog is written by a tenant."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request may go."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]
    """All of them checked; a connection is made to one of these and to nothing else."""


@dataclass(frozen=True, slots=True)
class Openings:
    """What one list of `network.allow` opens."""

    networks: tuple[Network, ...] = ()
    endpoints: frozenset[tuple[str, int]] = frozenset()
    plain: frozenset[tuple[str, int]] = frozenset()
    """Endpoints that may be asked over plain HTTP."""

    @classmethod
    def parse(cls, entries: Sequence[str]) -> "Openings":
        """From entries of the form `10.2.0.0/16`, `host:8443` or `http://host:8000`. Raises ValueError on another form."""
        networks: list[Network] = []
        endpoints: set[tuple[str, int]] = set()
        plain: set[tuple[str, int]] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:
                parts = urlsplit(entry if "://" in entry else f"//{entry}")
                if parts.hostname is None or parts.port is None or parts.scheme not in ("", "http"):
                    raise ValueError(f"{entry!r} is none of 10.2.0.0/16, host:8443, http://host:8000") from None
                endpoints.add((parts.hostname, parts.port))
                if parts.scheme == "http":
                    plain.add((parts.hostname, parts.port))
        return cls(tuple(networks), frozenset(endpoints), frozenset(plain))

    def contains(self, address: Address) -> bool:
        """Whether one of the networks holds the address."""
        return any(address.version == network.version and address in network for network in self.networks)


type Resolve = Callable[[str, int], Sequence[str]]


def resolve_host(host: str, port: int) -> Sequence[str]:
    """Every address of a name; raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


class EgressGuard:
    """Decides which addresses may be opened.

    Args:
        allow: the catalog's `network.allow`.
        environment: the operator's settings `FAAS_TOOLKIT_NETWORK` and `FAAS_TOOLKIT_NETWORK_ALLOW`.
        resolve: looks a name up; injected by tests.
    """

    def __init__(self, *, allow: Sequence[str] = (), environment: Mapping[str, str], resolve: Resolve = resolve_host) -> None:
        closed = environment.get(NETWORK_MODE, "").strip().lower() == "closed"
        self._tenant = Openings() if closed else Openings.parse(allow)
        self._operator = Openings.parse([part.strip() for part in environment.get(OPERATOR_ALLOW, "").split(",") if part.strip()])
        self._closed = closed
        self._resolve = resolve

    def route(self, url: str) -> Route:
        """The way to a URL.

        Raises:
            Blocked: naming the rule and what would open it.
            Unavailable: the name has no address.
        """
        scheme, host, port = _parse(url)
        self._check_port(scheme, host, port)
        addresses = self._addresses(host, port)
        for address in addresses:
            self._check_address(scheme, host, port, address)
        return Route(scheme, host, port, tuple(str(address) for address in addresses))

    def _check_port(self, scheme: str, host: str, port: int) -> None:
        listed = (host, port)
        if scheme == "http" and listed not in self._tenant.plain | self._operator.plain:
            raise Blocked(
                f"Plain HTTP to {printable(host)} is not allowed; only https is.",
                hint=f'For a private host add "http://{printable(host)}:{port}" to the catalog\'s `network.allow`;'
                f" for this machine itself the operator sets {OPERATOR_ALLOW}.",
            )

    def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise Unavailable(f"The name {printable(host)} cannot be resolved.", not_executed=True) from error
        return [_unwrapped(ipaddress.ip_address(text)) for text in found]

    def _check_address(self, scheme: str, host: str, port: int, address: Address) -> None:
        listed = (host, port)
        if self._operator.contains(address) or listed in self._operator.endpoints:
            return
        if is_public(address):
            self._check_public(scheme, listed)
            return
        if any(address.version == network.version and address in network for network in OPERATOR_ONLY):
            raise Blocked(
                f"{printable(host)} leads to a loopback, link-local or metadata address, which no catalog opens.",
                hint=f"The operator of the plugin daemon can open it with {OPERATOR_ALLOW}.",
            )
        if not (self._tenant.contains(address) or listed in self._tenant.endpoints):
            raise Blocked(f"{printable(host)} leads to a private address.", hint=self._how_to_open(host, port, address))

    def _check_public(self, scheme: str, listed: tuple[str, int]) -> None:
        host, port = listed
        if scheme == "http":
            raise Blocked(f"{printable(host)} is a public address, and plain HTTP goes to private hosts only.", hint="Use https.")
        if port != _HTTPS_PORT and listed not in self._tenant.endpoints:
            raise Blocked(
                f"Port {port} of {printable(host)} is not open; only 443 is.",
                hint=f'Add "{printable(host)}:{port}" to the catalog\'s `network.allow`.',
            )

    def _how_to_open(self, host: str, port: int, address: Address) -> str:
        if self._closed:
            return f"The operator of the plugin daemon has closed private networks ({NETWORK_MODE}=closed)."
        return f'Add its range, e.g. "{address}/32", or "{printable(host)}:{port}" to the catalog\'s `network.allow`.'


def is_public(address: Address) -> bool:
    """Whether anyone on the internet means the same host by it. `is_global` alone is not enough (see `NEVER_PUBLIC`)."""
    hidden = any(address.version == network.version and address in network for network in NEVER_PUBLIC)
    return address.is_global and not address.is_multicast and not hidden


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2)."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _parse(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Blocked("The address is not a URL that can be opened.", hint="Example: https://api.example.com/path") from error
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise Blocked("Only addresses that begin with https:// are opened.", hint="Example: https://api.example.com/path")
    if parts.username is not None or parts.password is not None:
        raise Blocked("The address holds a user name or password.", hint="Put credentials under the target's `auth`.")
    return parts.scheme, parts.hostname, port or (_HTTPS_PORT if parts.scheme == "https" else 80)
