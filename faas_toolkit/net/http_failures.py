"""Which failure an exception of the HTTP client is: what counts is how far the request came."""

import httpx

from faas_toolkit.core.errors import BadResponse, Blocked, Failure, TimeoutUnknown, Unavailable

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

UNREADABLE = (
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
    httpx.HTTPStatusError,
    httpx.RequestError,
    httpx.HTTPError,
    httpx.StreamError,
)
"""There was an answer, and it cannot be used."""


def translate(error: Exception, what: str) -> Failure:
    """The failure for one of httpx's exceptions."""
    if isinstance(error, NOT_SENT):
        return _not_reached(error, what)
    if isinstance(error, UNKNOWN) and not isinstance(error, httpx.RemoteProtocolError):
        return timed_out(what, sent=True) if isinstance(error, httpx.TimeoutException) else _broke_off(what)
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


def timed_out(what: str, *, sent: bool) -> Failure:
    """The failure where time is up; `sent`: whether the request was on its way."""
    if sent:
        return TimeoutUnknown(f"{what} did not answer in time; whether it did its work is not known.")
    return Unavailable(f"{what} could not be reached in time.", not_executed=True)


def _broke_off(what: str) -> Failure:
    return TimeoutUnknown(f"The connection to {what} broke before its answer was complete; whether it did its work is not known.")
