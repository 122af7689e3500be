"""Gets a document from an address that a caller gave: through the egress guard, bounded, redirects not followed."""

import httpx

from faas_toolkit.capabilities.knowledge.reading.document import MAX_FILE_BYTES, Given
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, InvalidInput, NotFound, Unavailable
from faas_toolkit.core.untrusted import printable
from faas_toolkit.net.http import HttpClient

_ACCEPTED = "text/html, text/markdown, text/plain, text/csv;q=0.9, */*;q=0.1"


class Download:
    """Fetches addresses.

    Args:
        client: the HTTP client; what it may open the catalog and the operator decide.
    """

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def __call__(self, url: str, deadline: Deadline) -> Given:
        """What stands at the address.

        Raises:
            InvalidInput: it is no https address.
            Blocked, Unavailable, NotFound, BadResponse, TooLarge: why it could not be had.
        """
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise _no_address(url) from error
        if address.scheme not in ("https", "http") or not address.host or address.userinfo:
            raise _no_address(url)
        what = f"The page at {printable(address.host, 100)}"
        request = httpx.Request("GET", address, headers={"Accept": _ACCEPTED, "User-Agent": "faas-toolkit"})
        response = self._client.send(request, deadline, what=what, max_bytes=MAX_FILE_BYTES)
        _require_page(response, what)
        path = printable(address.path, 500).rstrip("/")
        return Given(
            content=response.content,
            name=f"{address.scheme}://{address.host}{path}",
            media_type=response.headers.get("content-type", "text/plain"),
            charset=response.charset_encoding or "",
        )


def _no_address(url: str) -> InvalidInput:
    return InvalidInput(
        f"url must be a whole https address without user name or password, got {printable(url, 100)!r}.",
        hint="Example: https://www.example.com/terms.html",
    )


def _require_page(response: httpx.Response, what: str) -> None:
    status = response.status_code
    if response.is_success:
        return
    if response.is_redirect:
        raise BadResponse(f"{what} sends on to another address (HTTP {status}).", hint="Give the address it leads to in the end.")
    if status in (404, 410):
        raise NotFound(f"{what} does not exist (HTTP {status}).", hint="Check the address.")
    if status in (401, 403):
        raise Unavailable(
            f"{what} is not open to us (HTTP {status}).", hint="Download it and give it as a file.", retryable=False
        )
    raise Unavailable(f"{what} cannot be had now (HTTP {status}).", retryable=status == 429 or status >= 500)
