"""The one HTTP client: every request passes the guard, has a deadline, and every failure becomes one of ours."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import httpx

from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.errors import BadResponse, Blocked, Failure, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.net.config import Tls
from faas_toolkit.net.egress import EgressGuard, Route

NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
"""The request never left, so it may be repeated whatever it does."""

UNKNOWN = (
    httpx.ReadTimeout,
    httpx.ReadError,
    httpx.WriteTimeout,
    httpx.WriteError,
    httpx.CloseError,
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.TransportError,
)
"""The request was on its way; whether it did anything is not known."""


@runtime_checkable
class Connects(Protocol):
    """A transport that can open a connection without sending anything."""

    def connect(self, route: Route, tls: Tls, deadline: Deadline) -> None:
        """Opens and closes a connection."""
        ...


type HardLimit = Callable[[float], AbstractContextManager[object]]
"""Ends what runs inside after so many seconds with `TimeoutError`, also where a peer sends one byte a second."""


class HttpClient:
    """Sends requests.

    Args:
        guard: decides what may be opened.
        transport: how bytes travel; None: the pooled one, made on first use. Tests inject `httpx.MockTransport`.
        hard_limit: see `HardLimit`; the default leaves it to the timeouts of the sockets.
    """

    def __init__(
        self, *, guard: EgressGuard, transport: httpx.BaseTransport | None = None, hard_limit: HardLimit = nullcontext
    ) -> None:
        self._guard = guard
        self._transport = transport
        self._hard_limit = hard_limit

    def send(
        self, request: httpx.Request, deadline: Deadline, *, what: str, max_bytes: int, tls: Tls | None = None
    ) -> httpx.Response:
        """The response, read whole. Redirects are not followed.

        Args:
            request: what to send.
            deadline: bounds everything, the resolving of the name included.
            what: names the target in failures; a secret has no place in it.
            max_bytes: of the body, as sent and as unpacked.
            tls: the target's own wishes.

        Raises:
            Blocked, Unavailable, TimeoutUnknown, TooLarge, BadResponse: see the tables above.
        """
        deadline.require(what, sent=False)
        sent = False
        try:
            with self._hard_limit(deadline.remaining()):
                route = self._guard.route(str(request.url))
                deadline.require(what, sent=False)
                request.extensions = {**request.extensions, "route": route, "tls": tls, "deadline": deadline}
                sent = True
                return self._read(self._open().handle_request(request), request, deadline, what, max_bytes)
        except Failure:
            raise
        except TimeoutError as error:
            raise _timed_out(what, sent=sent) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
            raise translate(error, what) from error

    def stream(
        self, request: httpx.Request, pace: StreamPace, *, what: str, max_bytes: int, tls: Tls | None = None
    ) -> "StreamedResponse":
        """The response with its body unread, each piece of which `pace` bounds; to be closed. Otherwise as `send`."""
        if not pace.remaining():
            raise _timed_out(what, sent=False)
        sent = False
        try:
            with self._hard_limit(pace.remaining()):
                route = self._guard.route(str(request.url))
                request.extensions = {**request.extensions, "route": route, "tls": tls, "deadline": pace}
                sent = True
                response = self._open().handle_request(request)
        except TimeoutError as error:
            raise _timed_out(what, sent=sent) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
            raise translate(error, what) from error
        return StreamedResponse(response, pace, self._hard_limit, what, max_bytes)

    def connect(self, url: str, deadline: Deadline, *, what: str, tls: Tls | None = None) -> None:
        """Opens a connection to a URL, TLS included, and sends nothing.

        Raises:
            Blocked, Unavailable: as `send`.
        """
        deadline.require(what, sent=False)
        try:
            with self._hard_limit(deadline.remaining()):
                route = self._guard.route(url)
                transport = self._open()
                if isinstance(transport, Connects):
                    transport.connect(route, tls or Tls(), deadline)
        except TimeoutError as error:
            raise _timed_out(what, sent=False) from error
        except httpx.HTTPError as error:
            raise translate(error, what) from error

    def close(self) -> None:
        """Closes all connections."""
        if self._transport is not None:
            self._transport.close()

    def _open(self) -> httpx.BaseTransport:
        if self._transport is None:
            from faas_toolkit.net.transport import PooledTransport

            self._transport = PooledTransport()
        return self._transport

    def _read(
        self, response: httpx.Response, request: httpx.Request, deadline: Deadline, what: str, max_bytes: int
    ) -> httpx.Response:
        body = bytearray()
        try:
            _require_one_coding(response, what)
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > max_bytes or response.num_bytes_downloaded > max_bytes:
                    raise TooLarge(f"{what} answered more than {max_bytes:,} bytes.", hint="Ask it for less.")
                deadline.require(what, sent=True)
        finally:
            response.close()
        return httpx.Response(response.status_code, headers=_without_framing(response), content=bytes(body), request=request)


class StreamedResponse:
    """An answer that is read while it arrives.

    What was read to its end leaves the connection to the next request; `close` before that drops it.
    """

    def __init__(self, response: httpx.Response, pace: StreamPace, hard_limit: HardLimit, what: str, max_bytes: int) -> None:
        self._response = response
        self._pace = pace
        self._hard_limit = hard_limit
        self._what = what
        self._max_bytes = max_bytes

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """The headers."""
        return self._response.headers

    def read(self) -> httpx.Response:
        """The rest of the body at once, as `HttpClient.send` returns it."""
        body = b"".join(self.pieces())
        return httpx.Response(self.status, headers=_without_framing(self._response), content=body)

    def pieces(self) -> Iterator[bytes]:
        """The body, unpacked, as it arrives.

        Raises:
            TimeoutUnknown, TooLarge, BadResponse: as `HttpClient.send`.
        """
        size = 0
        _require_one_coding(self._response, self._what)
        body = self._response.iter_bytes()
        while True:
            try:
                with self._hard_limit(self._pace.remaining()):
                    piece = next(body, None)
            except TimeoutError as error:
                raise _timed_out(self._what, sent=True) from error
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise translate(error, self._what) from error
            if piece is None:
                return
            size += len(piece)
            if max(size, self._response.num_bytes_downloaded) > self._max_bytes:
                raise TooLarge(f"{self._what} answered more than {self._max_bytes:,} bytes.", hint="Ask it for less.")
            yield piece

    def close(self) -> None:
        """Gives up what was not read; idempotent."""
        self._response.close()


def _without_framing(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in response.headers.raw if name.lower() not in _DESCRIBES_WIRE]


def _require_one_coding(response: httpx.Response, what: str) -> None:
    """Data packed several times over can grow a thousandfold with each layer, between two looks at its size."""
    if "," in response.headers.get("content-encoding", ""):
        raise BadResponse(f"{what} answered data that is compressed more than once.")


_DESCRIBES_WIRE = (b"content-encoding", b"content-length", b"transfer-encoding")


def translate(error: Exception, what: str) -> Failure:
    """The failure for one of httpx's exceptions."""
    if isinstance(error, NOT_SENT):
        return _not_reached(error, what)
    if isinstance(error, UNKNOWN) and not isinstance(error, httpx.RemoteProtocolError):
        return _timed_out(what, sent=True) if isinstance(error, httpx.TimeoutException) else _broke_off(what)
    return BadResponse(f"{what} answered something that cannot be read; whether it did its work is not known.")


def _not_reached(error: Exception, what: str) -> Failure:
    text = str(error).lower()
    if "protocol version" in text or "unsupported protocol" in text or "protocol_version" in text:
        return Unavailable(
            f"{what} does not speak TLS 1.3.",
            hint='If it cannot be upgraded, write `tls: {minimum: "1.2"}` at this target in the catalog.',
            retryable=False,
            not_executed=True,
        )
    if "certificate" in text:
        return Unavailable(
            f"The certificate of {what} is not valid for its name or not signed by a known authority.",
            hint="Renew it, or give its authority as `tls: {ca: …}` at this target in the catalog.",
            retryable=False,
            not_executed=True,
        )
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)):
        return Blocked(
            f"The request to {what} cannot be sent as it is written.", hint="Check its address and headers in the catalog."
        )
    slow = " in time" if isinstance(error, httpx.TimeoutException) else ""
    return Unavailable(f"{what} cannot be reached{slow}.", not_executed=True)


def _timed_out(what: str, *, sent: bool) -> Failure:
    if sent:
        return TimeoutUnknown(f"{what} did not answer in time; whether it did its work is not known.")
    return Unavailable(f"{what} could not be reached in time.", not_executed=True)


def _broke_off(what: str) -> Failure:
    return TimeoutUnknown(f"The connection to {what} broke before its answer was complete; whether it did its work is not known.")
