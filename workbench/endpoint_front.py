r"""The HTTP front of a plugin's endpoints, as Dify's daemon is it: a real server on loopback that hands requests on as bytes.

What it does to a request is what the daemon does (its `internal/service/endpoint.go`, and dify-daemon.md, N4 and N5): the body is
cut at 10 MiB without a word, an empty one becomes `0\r\n\r\n`, the query is sorted, no address of a caller is handed on.
"""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from workbench.host import DEFAULT_WORKSPACE, PluginHost
from workbench.session import HostFailure
from workbench.wire import RequestRefused

MAX_BODY_BYTES = 10 * 1024 * 1024
_LONGEST_LINE = 65_536
_METHODS = ("HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS")
_REMOVED = frozenset(
    ["x-forwarded-for", "x-real-ip", "x-forwarded", "x-original-forwarded-for", "x-original-url", "x-original-host"]
)
_FRAMING = frozenset(["content-length", "transfer-encoding", "connection", "host"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One endpoint that an administrator set up: its address is `/e/<id>/…`."""

    id: str
    workspace: str = DEFAULT_WORKSPACE
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)


@contextlib.contextmanager
def serving(host: PluginHost, *hooks: Hook, port: int = 0) -> Iterator[str]:
    """Serves the hooks until the block ends; gives the front's address, e.g. `http://127.0.0.1:8765`."""
    with _Front(("127.0.0.1", port), host, hooks) as front:
        thread = threading.Thread(target=front.serve_forever, name="endpoint-front", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{front.server_port}"
        finally:
            front.shutdown()
            thread.join()


def raw_request(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The request as the daemon writes it for the plugin."""
    sent = {name: value for name, value in headers.items() if name.lower() not in _REMOVED | _FRAMING}
    if body:
        sent["Content-Length"] = str(len(body))
    elif method in ("POST", "PUT"):
        sent["Transfer-Encoding"], body = "chunked", b"0\r\n\r\n"
    target = quote(unquote(path)) + (f"?{urlencode(sorted(parse_qsl(query, keep_blank_values=True)))}" if query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {headers.get('Host', 'localhost')}", *(f"{n}: {v}" for n, v in sent.items())]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


class _Front(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1_024

    def __init__(self, address: tuple[str, int], host: PluginHost, hooks: tuple[Hook, ...]) -> None:
        super().__init__(address, _Handler)
        self.plugin = host
        self.hooks = {hook.id: hook for hook in hooks}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Front

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""

    def _serve(self) -> None:
        url = urlsplit(self.path)
        _, _, rest = url.path.partition("/e/")
        hook_id, _, path = rest.partition("/")
        hook = self.server.hooks.get(hook_id)
        try:
            body = self._body()
        except ValueError:  # a length that is none: where the next request begins is not known
            self.close_connection = True
            self._say(HTTPStatus.BAD_REQUEST, {"code": "bad_request", "message": "400 Bad Request"})
            return
        if hook is None:
            self._say(HTTPStatus.NOT_FOUND, {"code": "not_found", "message": "endpoint not found"})
            return
        headers = {**dict(self.headers.items()), "Dify-Hook-Id": hook.id, "Dify-Hook-Url": f"http://localhost{url.path}"}
        try:
            self._relay(raw_request(self.command, f"/{path}", url.query, headers, body), hook)
        except (HostFailure, RequestRefused) as error:
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, {"code": "internal_server_error", "message": str(error)})

    def _relay(self, raw: bytes, hook: Hook) -> None:
        session = self.server.plugin.open_endpoint(
            raw, workspace=hook.workspace, endpoint_id=f"endpoint-{hook.id}", settings=hook.settings
        )
        reply = self.server.plugin.result(session)
        if reply.error is not None or not reply.messages:
            message = reply.error.message if reply.error else "no response"
            self._say(HTTPStatus.INTERNAL_SERVER_ERROR, {"code": "internal_server_error", "message": message})
            return
        first = reply.messages[0]
        body = b"".join(bytes.fromhex(message.get("result", "")) for message in reply.messages)
        self._send(first["status"], first.get("headers") or {}, body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())[:MAX_BODY_BYTES]
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, MAX_BODY_BYTES))
        left = length - len(body)
        while left > 0 and (rest := self.rfile.read(min(left, 65_536))):
            left -= len(rest)
        return body

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(_LONGEST_LINE).partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline(_LONGEST_LINE)
        while self.rfile.readline(_LONGEST_LINE).strip():
            pass  # a trailer

    def _say(self, status: int, document: Mapping[str, str]) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in _FRAMING:
                self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


for _method in _METHODS:
    setattr(_Handler, f"do_{_method}", _Handler._serve)  # noqa: SLF001 - the class's own, under the names the server looks for
