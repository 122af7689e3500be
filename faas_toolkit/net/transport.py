"""How bytes travel: httpx's transport interface over urllib3's pool, which suits gevent.

Measured at 32 greenlets: urllib3's pool makes five times the calls per second of httpx's own (design.md §6). Loaded on first use.
"""

import ssl
from collections.abc import Iterator
from typing import cast

import httpx
import urllib3
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from faas_toolkit.net.config import Tls
from faas_toolkit.net.egress import Route

_CHUNK_BYTES = 16_384
"""Small, because compressed data can grow a thousandfold when it is unpacked."""
_KEPT_CONNECTIONS = 32
_KEPT_POOLS = 128

TIMEOUTS = "timeout"
ROUTE = "route"
TLS = "tls"

type PoolKey = tuple[str, str, int, str, Tls]


class PooledTransport(httpx.BaseTransport):
    """Sends a request to the checked address of its route, under the name of its host.

    A request's extensions carry `route` (`egress.Route`), `tls` (`config.Tls`) and `timeout` (connect and read seconds).
    """

    def __init__(self) -> None:
        self._pools: dict[PoolKey, HTTPConnectionPool] = {}
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response with its body unread.

        Raises:
            httpx.TransportError: of the class that says how far it came.
        """
        route, tls = cast("Route", request.extensions[ROUTE]), cast("Tls", request.extensions.get(TLS) or Tls())
        failed: httpx.TransportError | None = None
        for address in route.addresses:
            try:
                return self._send(request, self._pool(route, address, tls))
            except httpx.ConnectError as error:  # the next address may be up; nothing was sent to this one
                failed = error
        raise failed or httpx.ConnectError("no address", request=request)

    def close(self) -> None:
        """Closes all connections."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _send(self, request: httpx.Request, pool: HTTPConnectionPool) -> httpx.Response:
        seconds = cast("dict[str, float]", request.extensions[TIMEOUTS])
        try:
            response = pool.urlopen(
                request.method,
                request.url.raw_path.decode("ascii"),
                body=request.read() or None,
                headers={name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw},
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=seconds["connect"], read=seconds["read"]),
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise translate(error, request) from error
        return httpx.Response(
            response.status, headers=list(response.headers.items()), stream=_Body(response, request), request=request
        )

    def _pool(self, route: Route, address: str, tls: Tls) -> HTTPConnectionPool:
        key = (route.scheme, route.host, route.port, address, tls)
        pool = self._pools.get(key)
        if pool is None:
            if len(self._pools) >= _KEPT_POOLS:
                self._pools.pop(next(iter(self._pools))).close()
            pool = self._pools[key] = self._open(route, address, tls)
        return pool

    def _open(self, route: Route, address: str, tls: Tls) -> HTTPConnectionPool:
        if route.scheme == "http":
            return HTTPConnectionPool(address, route.port, maxsize=_KEPT_CONNECTIONS)
        return HTTPSConnectionPool(
            address,
            route.port,
            maxsize=_KEPT_CONNECTIONS,
            ssl_context=self._context(tls),
            server_hostname=route.host,
            assert_hostname=route.host,
        )

    def _context(self, tls: Tls) -> ssl.SSLContext:
        if tls not in self._contexts:
            self._contexts[tls] = make_context(tls)
        return self._contexts[tls]


def make_context(tls: Tls) -> ssl.SSLContext:
    """TLS as one target wants it; certificates are always checked."""
    if tls.ca is not None:
        context = ssl.create_default_context(cadata=tls.ca)
    else:
        import certifi

        context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if tls.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    return context


def translate(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """The exception of httpx for one of urllib3's: what counts is whether the request was on its way."""
    found: type[httpx.TransportError] = httpx.ReadError
    reason = error
    if isinstance(error, urllib3.exceptions.ProtocolError) and len(error.args) > 1 and isinstance(error.args[1], Exception):
        reason = error.args[1]
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):  # a NewConnectionError is one of these
        found = httpx.ConnectError if isinstance(error, urllib3.exceptions.NewConnectionError) else httpx.ConnectTimeout
    elif isinstance(error, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.SSLError, ssl.SSLError)):
        found = httpx.ConnectError
    elif isinstance(error, (urllib3.exceptions.ReadTimeoutError, TimeoutError)):
        found = httpx.ReadTimeout
    elif isinstance(error, (urllib3.exceptions.LocationValueError, ValueError)):
        found = httpx.UnsupportedProtocol
    elif isinstance(error, urllib3.exceptions.ProtocolError) and not isinstance(reason, OSError):
        found = httpx.RemoteProtocolError
    return found(str(reason), request=request)


class _Body(httpx.SyncByteStream):
    """The body in the pieces in which it arrives."""

    def __init__(self, response: urllib3.BaseHTTPResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        """Raw bytes, each as soon as it is here."""
        try:
            while chunk := self._response.read1(_CHUNK_BYTES, decode_content=False):
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise translate(error, self._request) from error
        self._response.release_conn()

    def close(self) -> None:
        """Gives the connection up; one that was read to its end has gone back to the pool already."""
        self._response.close()
