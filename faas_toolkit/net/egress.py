"""What may be opened: the guard that every address passes, because addresses come from tenants (design.md §3.10).

Names are resolved once, every address found is checked, and the connection goes to a checked address; so a name that changes its
answer between check and use gains nothing. Numbers written in odd ways (`127.1`, `0x7f000001`) are caught the same way: what is
checked is what the resolver made of them, never the text.
"""

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from faas_toolkit.core.clock import Clock, SystemClock
from faas_toolkit.core.errors import Blocked, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import printable

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NETWORK_MODE = "FAAS_TOOLKIT_NETWORK"
OPERATOR_ALLOW = "FAAS_TOOLKIT_NETWORK_ALLOW"

_HTTPS_PORT = 443


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


PRIVATE = _networks(
    "10.0.0.0/8",  # RFC 1918
    "172.16.0.0/12",  # RFC 1918
    "192.168.0.0/16",  # RFC 1918
    "100.64.0.0/10",  # RFC 6598: shared address space
    "fc00::/7",  # RFC 4193: unique local
)
"""Ranges that a catalog may open.

What is neither public nor here only the operator opens: loopback (RFC 1122, RFC 4291), link-local (RFC 3927), multicast
(RFC 5771), documentation (RFC 5737), benchmarks (RFC 2544), and what is reserved.
"""

METADATA = _networks(
    "100.100.100.200/32",  # Alibaba Cloud; inside RFC 6598's range
    "168.63.129.16/32",  # Azure's wire server; looks public
    "192.0.0.192/32",  # Oracle Cloud; looks public
    "fd00:ec2::/32",  # AWS over IPv6; inside RFC 4193's range
    "fd20:ce::/32",  # Google Cloud over IPv6; same
)
"""Metadata services of clouds beyond 169.254.0.0/16: who reaches one holds the machine's credentials."""

GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
"""All that is assigned as global unicast (RFC 4291 §2.4, IANA); Python calls far more of IPv6 global."""

NEVER_PUBLIC = _networks(
    # Python calls these global, or did at some version; each can lead to what is not.
    "192.0.0.0/24",  # RFC 6890: IETF protocol assignments
    "192.88.99.0/24",  # RFC 7526: 6to4 relay anycast, deprecated
    "64:ff9b::/96",  # RFC 6052: NAT64, embeds any IPv4 address
    "64:ff9b:1::/48",  # RFC 8215: local-use NAT64, same
    "2002::/16",  # RFC 3056: 6to4, embeds any IPv4 address
    "2001::/32",  # RFC 4380: Teredo, same
    "3fff::/20",  # RFC 9637: documentation
)

_REMEMBERED_SECONDS = 10.0
_REMEMBERED_NAMES = 256


@immutable
class Route:
    """Where a request may go."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]
    """All of them checked; a connection is made to one of these and to nothing else."""


@immutable
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
        return _within(address, self.networks)


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
        clock: found addresses are remembered for ten seconds, so that a warm connection costs no look-up.

    Raises:
        Unavailable: the operator's list cannot be read.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        environment: Mapping[str, str],
        resolve: Resolve = resolve_host,
        clock: Clock | None = None,
    ) -> None:
        self._closed = environment.get(NETWORK_MODE, "").strip().lower() == "closed"
        self._tenant = Openings.parse(allow)
        self._operator = _operator_openings(environment.get(OPERATOR_ALLOW, ""))
        self._resolve = resolve
        self._clock = clock or SystemClock()
        self._remembered: dict[tuple[str, int], tuple[float, tuple[Address, ...]]] = {}

    def route(self, url: str) -> Route:
        """The way to a URL.

        Raises:
            Blocked: naming the rule and what would open it.
            Unavailable: the name has no address.
        """
        scheme, host, port = _parse(url)
        self._check_scheme(scheme, host, port)
        addresses = self._addresses(host, port)
        for address in addresses:
            self._check_address(scheme, host, port, address)
        return Route(scheme, host, port, tuple(str(address) for address in addresses))

    def service_route(self, host: str, port: int, *, encrypted: bool) -> Route:
        """The way to a database or another server that does not speak HTTP; whoever configures it names its port.

        Raises:
            Blocked: naming the rule and what would open it.
            Unavailable: the name has no address.
        """
        addresses = self._addresses(host, port)
        for address in addresses:
            if is_public(address) and not (encrypted or self._opened_by_operator(host, port, address)):
                raise Blocked(
                    f"{printable(host)} is a public address, and it would be asked without TLS.",
                    hint="Ask for TLS in the address: rediss://, postgresql://…?sslmode=verify-full, mysql://…?ssl=true.",
                )
            if not is_public(address):
                self._check_inner(host, port, address)
        return Route("tls" if encrypted else "plain", host, port, tuple(str(address) for address in addresses))

    def _check_scheme(self, scheme: str, host: str, port: int) -> None:
        listed = (host, port)
        if scheme == "http" and listed not in self._tenant.plain | self._operator.plain:
            raise Blocked(
                f"Plain HTTP to {printable(host)} is not allowed; only https is.",
                hint=f'For a private host add "http://{printable(host)}:{port}" to the catalog\'s `network.allow`;'
                f" for this machine itself the operator sets {OPERATOR_ALLOW}.",
            )

    def _addresses(self, host: str, port: int) -> tuple[Address, ...]:
        until, addresses = self._remembered.get((host, port), (0.0, ()))
        if self._clock.monotonic() < until:
            return addresses
        try:
            found = tuple(_unwrapped(ipaddress.ip_address(text)) for text in self._resolve(host, port))
        except (OSError, ValueError) as error:  # UnicodeError is a ValueError: a label no name may have
            raise Unavailable(f"The name {printable(host)} cannot be resolved.", not_executed=True) from error
        if len(self._remembered) >= _REMEMBERED_NAMES:
            self._remembered.clear()
        self._remembered[host, port] = (self._clock.monotonic() + _REMEMBERED_SECONDS, found)
        return found

    def _check_address(self, scheme: str, host: str, port: int, address: Address) -> None:
        if self._opened_by_operator(host, port, address):
            return
        if is_public(address):
            self._check_public(scheme, (host, port))
            return
        self._check_inner(host, port, address)

    def _opened_by_operator(self, host: str, port: int, address: Address) -> bool:
        return self._operator.contains(address) or (host, port) in self._operator.endpoints

    def _check_inner(self, host: str, port: int, address: Address) -> None:
        if self._opened_by_operator(host, port, address):
            return
        if not is_private(address):
            raise Blocked(
                f"{printable(host)} leads to {_meaning(address)}, which no catalog opens.",
                hint=f"The operator of the plugin daemon can open it with {OPERATOR_ALLOW}.",
            )
        if self._closed or not (self._tenant.contains(address) or (host, port) in self._tenant.endpoints):
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
    if _within(address, NEVER_PUBLIC) or _within(address, METADATA) or address.is_multicast:
        return False
    return address.is_global and (address.version == 4 or address in GLOBAL_IPV6)


def is_private(address: Address) -> bool:
    """Whether a catalog may open it."""
    return _within(address, PRIVATE) and not _within(address, METADATA)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _meaning(address: Address) -> str:
    if address.is_loopback or address.is_unspecified:
        return "this machine itself (a loopback address)"
    if address.is_link_local or _within(address, METADATA):
        return "a link-local or cloud metadata address"
    return "a reserved address"


def _operator_openings(setting: str) -> Openings:
    try:
        return Openings.parse([part.strip() for part in setting.split(",") if part.strip()])
    except ValueError as error:
        raise Unavailable(
            f"The operator's setting {OPERATOR_ALLOW} cannot be read: {printable(error, 120)}.",
            hint="Write a comma list such as 127.0.0.1/32,build.internal:8443,http://127.0.0.1:8080",
            retryable=False,
            not_executed=True,
        ) from error


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
