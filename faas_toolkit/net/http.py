"""The one HTTP client: every request passes the guard, has a deadline, and every failure becomes one of ours."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

import httpx

from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.errors import BadResponse, Failure, TooLarge
from faas_toolkit.core.offload import Pace, nothing
from faas_toolkit.net.config import Tls
from faas_toolkit.net.egress import EgressGuard, Route
from faas_toolkit.net.http_failures import timed_out, translate

_PIECE = 512
"""What reading one piece costs, in characters that a detector looks at (`core/offload.py`, Pace)."""


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
        give_way: lets other calls run while a body comes of which there is always more to read: nothing waits there.
    """

    def __init__(
        self,
        *,
        guard: EgressGuard,
        transport: httpx.BaseTransport | None = None,
        hard_limit: HardLimit = nullcontext,
        give_way: Callable[[], None] = nothing,
    ) -> None:
        self._guard = guard
        self._transport = transport
        self._hard_limit = hard_limit
        self._give_way = give_way

    def send(
        self,
        request: httpx.Request,
        deadline: Deadline,
        *,
        what: str,
        max_bytes: int,
        tls: Tls | None = None,
        repeatable: bool = True,
    ) -> httpx.Response:
        """The response, read whole. Redirects are not followed.

        Args:
            request: what to send.
            deadline: bounds everything, the resolving of the name included.
            what: names the target in failures; a secret has no place in it.
            max_bytes: of the body, as sent and as unpacked.
            tls: the target's own wishes.
            repeatable: whether it may be sent twice; one that may not gets a connection of its own (`net/transport.py`).

        Raises:
            Blocked, Unavailable, TimeoutUnknown, TooLarge, BadResponse: see `net/http_failures.py`.
        """
        deadline.require(what, sent=False)
        sent = False
        try:
            with self._hard_limit(deadline.remaining()):
                route = self._guard.route(str(request.url))
                deadline.require(what, sent=False)
                request.extensions = {
                    **request.extensions,
                    "route": route,
                    "tls": tls,
                    "deadline": deadline,
                    "unrepeatable": not repeatable,
                }
                sent = True
                return self._read(self._open().handle_request(request), request, deadline, what, max_bytes)
        except Failure:
            raise
        except TimeoutError as error:
            raise timed_out(what, sent=sent) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
            raise translate(error, what) from error

    def stream(
        self, request: httpx.Request, pace: StreamPace, *, what: str, max_bytes: int, tls: Tls | None = None
    ) -> "StreamedResponse":
        """The response with its body unread, each piece of which `pace` bounds; to be closed. Otherwise as `send`."""
        if not pace.remaining():
            raise timed_out(what, sent=False)
        sent = False
        try:
            with self._hard_limit(pace.remaining()):
                route = self._guard.route(str(request.url))
                request.extensions = {**request.extensions, "route": route, "tls": tls, "deadline": pace}
                sent = True
                response = self._open().handle_request(request)
        except TimeoutError as error:
            raise timed_out(what, sent=sent) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
            raise translate(error, what) from error
        return StreamedResponse(response, pace, self._hard_limit, what, max_bytes, self._give_way)

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
            raise timed_out(what, sent=False) from error
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
        body, work = bytearray(), Pace(self._give_way)
        try:
            _require_one_coding(response, what)
            for chunk in response.iter_bytes():
                body += chunk
                work(len(chunk) + _PIECE)
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

    def __init__(
        self,
        response: httpx.Response,
        pace: StreamPace,
        hard_limit: HardLimit,
        what: str,
        max_bytes: int,
        give_way: Callable[[], None],
    ) -> None:
        self._response = response
        self._pace = pace
        self._hard_limit = hard_limit
        self._what = what
        self._max_bytes = max_bytes
        self._work = Pace(give_way)

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
            if not self._pace.remaining():  # where there is always something to read, no wait would end with the time
                raise timed_out(self._what, sent=True)
            try:
                with self._hard_limit(self._pace.remaining()):
                    piece = next(body, None)
            except TimeoutError as error:
                raise timed_out(self._what, sent=True) from error
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise translate(error, self._what) from error
            if piece is None:
                return
            size += len(piece)
            self._work(len(piece) + _PIECE)
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
