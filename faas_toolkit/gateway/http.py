"""An HTTP request and its response as plain values, whatever carries them."""

import json
from collections.abc import Mapping
from dataclasses import field

from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import whole_characters

MAX_BODY_BYTES = 1_000_000
"""Arguments are at most 1 MB (tools.md §4); Dify's daemon cuts bodies at 10 MiB without a word."""
MAX_ANSWER_BYTES = 2_000_000
"""An answer leaves as hexadecimal in one line, and a line above 5 MiB kills the plugin (dify-daemon N8)."""
_NO_BODY = b"0\r\n\r\n"
"""What Dify's daemon makes of an empty body (dify-daemon N4)."""

CROSS_ORIGIN = {
    "Access-Control-Allow-Origin": "*",  # nothing is granted by where a page comes from: every call shows a key
    "Access-Control-Expose-Headers": "WWW-Authenticate",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Last-Event-ID, X-Identity-Token"
    ),
    "Access-Control-Max-Age": "86400",
}


@immutable(kw_only=True)
class HttpRequest:
    """What came in."""

    method: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By lower-case name."""
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The header of this lower-case name; empty where there is none."""
        return self.headers.get(name, "").strip()

    @property
    def content(self) -> bytes:
        """The body; empty where the daemon stands for an empty one."""
        return b"" if self.body == _NO_BODY else self.body


@immutable(kw_only=True)
class HttpResponse:
    """What goes out."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_response(status: int, document: object, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """The document as JSON."""
    said = {"Content-Type": "application/json", "Cache-Control": "no-store", **CROSS_ORIGIN, **(headers or {})}
    return HttpResponse(status=status, headers=said, body=to_json(document))


def to_json(document: object) -> bytes:
    """Compact UTF-8 JSON; half characters (lone surrogates) become U+FFFD, which every reader takes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)
    return whole_characters(text).encode()


def answer_preflight() -> HttpResponse:
    """The answer to a browser that asks what it may send (Fetch standard, CORS-preflight)."""
    return HttpResponse(status=204, headers={**CROSS_ORIGIN, **_PREFLIGHT})


def answer_health() -> HttpResponse:
    """The process answers. No more is told to those who show no key, and nothing is asked on their behalf."""
    return json_response(200, {"status": "ok"})
