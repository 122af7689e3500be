"""How bytes travel: httpx's transport interface over urllib3's pool, which suits gevent.

Measured at 32 greenlets: urllib3's pool makes five times the calls per second of httpx's own (design.md §6). Loaded on first use.
"""

import contextlib
import http.client
import re
import socket
import ssl
from collections.abc import Iterator
from email.errors import MissingHeaderBodySeparatorDefect
from typing import Any, cast

import httpx
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProtocolError

from faas_toolkit.core.deadline import Deadline
from faas_toolkit.net.config import Tls
from faas_toolkit.net.egress import Route

_CHUNK_BYTES = 16_384
"""Small, because compressed data can grow a thousandfold when it is unpacked."""
_KEPT_CONNECTIONS = 32
_KEPT_POOLS = 128

CONNECT_SECONDS = 5.0
"""For TCP and TLS together; what takes longer is down."""

_MOST_INTERIM = 20
"""Interim responses (1xx) before the one that counts; the standard library would read them for ever, without a wait."""
_CHUNK_LINE_BYTES = 8_192
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")  # RFC 9112 §7.1; 15 digits are more than any body has
_LENGTH = re.compile(r"[0-9]{1,18}")  # RFC 9110 §8.6

DEADLINE = "deadline"
UNREPEATABLE = "unrepeatable"
"""True where the request must not be sent twice. A kept connection may be ended by the server in the moment in which the request
goes out on it, and nobody would know whether it was read; such a request gets a connection of its own."""
ROUTE = "route"
TLS = "tls"

type PoolKey = tuple[str, str, int, str, Tls]


class _KnowsHowFar:
    """A connection that tells apart what failed before anything was sent, and keeps its socket within reach of the deadline."""

    def connect(self) -> None:
        """Connects; whatever fails in here failed before the request was sent, TLS included."""
        try:
            super().connect()  # type: ignore[misc]
        except ConnectTimeoutError:
            raise
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no TLS connection in time") from error
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise NewConnectionError(cast("Any", self), str(error)) from error

    def getresponse(self) -> Any:  # noqa: ANN401 - as urllib3 has it
        """The response, with the socket it is read from: urllib3 lets go of it when the server wants to close."""
        wire = self.sock  # type: ignore[attr-defined]
        response = super().getresponse()  # type: ignore[misc]
        response.wire = wire
        return response


class _StrictResponse(http.client.HTTPResponse):
    """A response whose framing is refused where it is malformed, instead of being waited for as if the rest were on its way."""

    _interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]  # typeshed leaves it out
        self._interim += status < 200
        if self._interim > _MOST_INTERIM:
            raise http.client.HTTPException("nothing but interim responses")
        return version, status, reason

    def begin(self) -> None:
        """Reads status and headers; a line that is no header would hide all that follow it, `Content-Length` among them."""
        super().begin()
        if any(isinstance(defect, MissingHeaderBodySeparatorDefect) for defect in self.headers.defects):
            raise http.client.HTTPException("a line among the headers is no header")
        lengths = {length.strip() for line in self.headers.get_all("content-length", ()) for length in line.split(",")}
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
            raise http.client.HTTPException("Content-Length is not one whole number")

    def _read_next_chunk_size(self) -> int:
        """Overrides the standard library's, which takes a negative size and reports nonsense as a cut connection."""
        line = self.fp.readline(_CHUNK_LINE_BYTES + 1)
        if not line:
            raise http.client.IncompleteRead(b"")
        size = line.partition(b";")[0].strip()
        if len(line) > _CHUNK_LINE_BYTES or not _CHUNK_SIZE.fullmatch(size):
            raise http.client.HTTPException("a chunk's size is not a number")
        return int(size, 16)


class _PlainConnection(_KnowsHowFar, HTTPConnection):
    response_class = _StrictResponse


class _TlsConnection(_KnowsHowFar, HTTPSConnection):
    response_class = _StrictResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = cast("Any", _PlainConnection)


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = cast("Any", _TlsConnection)


class PooledTransport(httpx.BaseTransport):
    """Sends a request to the checked address of its route, under the name of its host.

    A request's extensions carry `route` (`egress.Route`), `tls` (`config.Tls`), `deadline` (`core.deadline.Deadline`) and,
    where it must not be sent twice, `unrepeatable`.
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
                kept = not request.extensions.get(UNREPEATABLE)
                return self._send(request, self._pool(route, address, tls) if kept else self._open(route, address, tls))
            except (
                httpx.ConnectError,
                httpx.ConnectTimeout,
            ) as error:  # the next address may be up; nothing was sent to this one
                failed = error
        raise failed or httpx.ConnectError("no address", request=request)

    def connect(self, route: Route, tls: Tls, deadline: Deadline) -> None:
        """Opens a connection as a request would, TLS included, and closes it: a sign of life that runs nothing.

        Raises:
            httpx.ConnectError, httpx.ConnectTimeout: there is none.
        """
        failed: httpx.TransportError | None = None
        for address in route.addresses:
            connection = self._pool(route, address, tls)._new_conn()  # noqa: SLF001 - urllib3 opens no connection in public
            connection.timeout = _seconds(deadline, CONNECT_SECONDS)
            try:
                connection.connect()
            except (urllib3.exceptions.HTTPError, OSError) as error:
                failed = translate(error, None)
            else:
                return
            finally:
                connection.close()
        raise failed or httpx.ConnectError("no address")

    def close(self) -> None:
        """Closes all connections."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _send(self, request: httpx.Request, pool: HTTPConnectionPool) -> httpx.Response:
        deadline = cast("Deadline", request.extensions[DEADLINE])
        try:
            response = pool.urlopen(
                request.method,
                request.url.raw_path.decode("ascii"),
                body=request.read() or None,
                headers=_headers(request),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=_seconds(deadline, CONNECT_SECONDS), read=_seconds(deadline)),
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise translate(error, request) from error
        # http.client reads headers as Latin-1, so this gives back the bytes that were sent; httpx would insist on ASCII
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        return httpx.Response(response.status, headers=headers, stream=_Body(response, request, deadline), request=request)

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
            return _PlainPool(address, route.port, maxsize=_KEPT_CONNECTIONS)
        # server_hostname is what the handshake names and what the certificate has to be for
        context = self._context(tls)
        return _TlsPool(address, route.port, maxsize=_KEPT_CONNECTIONS, ssl_context=context, server_hostname=route.host)

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


def _headers(request: httpx.Request) -> dict[str, str]:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.raw}
    return {**headers, "Connection": "close"} if request.extensions.get(UNREPEATABLE) else headers


def _seconds(deadline: Deadline, most: float = float("inf")) -> float:
    return max(min(deadline.remaining(), most), 0.001)  # zero would mean "do not wait at all"


def translate(error: Exception, request: httpx.Request | None) -> httpx.TransportError:
    """The exception of httpx for one of urllib3's: what counts is whether the request was on its way."""
    reason = error
    if isinstance(error, ProtocolError) and len(error.args) > 1 and isinstance(error.args[1], Exception):
        reason = error.args[1]
    return _counterpart(error, reason)(str(reason), request=request)


def _counterpart(error: Exception, reason: Exception) -> type[httpx.TransportError]:
    if isinstance(error, NewConnectionError):  # urllib3 makes it a ConnectTimeoutError, too
        return httpx.ConnectError
    if isinstance(error, ConnectTimeoutError):
        return httpx.ConnectTimeout
    if isinstance(error, (urllib3.exceptions.ReadTimeoutError, TimeoutError)):
        return httpx.ReadTimeout
    if isinstance(error, (urllib3.exceptions.LocationValueError, http.client.InvalidURL, ValueError)):
        return httpx.LocalProtocolError
    if isinstance(error, ProtocolError) and not isinstance(reason, (OSError, http.client.IncompleteRead)):
        return httpx.RemoteProtocolError
    return httpx.ReadError


class _Body(httpx.SyncByteStream):
    """The body in the pieces in which it arrives, none of them waited for longer than the deadline."""

    def __init__(self, response: urllib3.BaseHTTPResponse, request: httpx.Request, deadline: Deadline) -> None:
        self._response = response
        self._request = request
        self._deadline = deadline

    def __iter__(self) -> Iterator[bytes]:
        """Raw bytes, each as soon as it is here."""
        try:
            while chunk := self._next():
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise translate(error, self._request) from error
        self._response.release_conn()

    def _next(self) -> bytes:
        wire: socket.socket | None = getattr(self._response, "wire", None)
        if wire is not None:
            with contextlib.suppress(OSError):  # closed already, with the rest of the body in the buffer
                wire.settimeout(_seconds(self._deadline))
        return self._response.read1(_CHUNK_BYTES, decode_content=False)

    def close(self) -> None:
        """Gives the connection up; one that was read to its end has gone back to the pool already."""
        self._response.close()
