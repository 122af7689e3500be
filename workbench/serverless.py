"""The plugin as a serverless platform runs it: an HTTP server; what it asks of Dify goes to another one, the daemon's."""

import contextlib
import http.client
import socket
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from workbench.process import Launch, PluginProcess
from workbench.wire import MAX_LINE_BYTES, RequestRefused, event_of, is_backwards_call

MAX_REQUEST_BYTES = 5_242_880
"""The daemon's MAX_SERVERLESS_REQUEST_BYTES."""
MAX_TRANSACTION_BYTES = 6 * 1024 * 1024
"""What the daemon reads of one backwards call."""
TRANSACTION = "/backwards-invocation/transaction"
_SESSION_HEADER = "Dify-Plugin-Session-ID"
_ASK_EVERY = 0.05


class ServerlessProcess(PluginProcess):
    """Each request is a POST of its own, answered by the lines of its session; no heartbeat, and nothing watches silence."""

    method: ClassVar[str] = "serverless"

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self._port = 0
        self._daemon: ThreadingHTTPServer | None = None

    @property
    def daemon_url(self) -> str:
        """Where the plugin asks Dify for something."""
        if self._daemon is None:
            raise RuntimeError("The plugin was not started.")
        return f"http://127.0.0.1:{self._daemon.server_port}"

    def request(self, session_id: str, line: bytes) -> None:
        """Posts the line; the answer is read in a thread of its own."""
        if len(line) > MAX_REQUEST_BYTES:
            raise RequestRefused(f"ServerlessPayloadTooLarge: payload_bytes={len(line)} max_request_bytes={MAX_REQUEST_BYTES}")
        self._begin(self._post, session_id, line)

    def start(self) -> None:
        """Starts the process and asks for its health until it answers."""
        super().start()
        self._begin(self._ask_for_health)

    def stop(self) -> None:
        """Closes the port for backwards calls and kills the process."""
        if self._daemon is not None:
            self._daemon.shutdown()
            self._daemon.server_close()
        super().stop()

    def _settings(self) -> Mapping[str, str]:
        self._port = _free_port()
        self._daemon = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._daemon.daemon_threads = True
        self._begin(self._daemon.serve_forever, 0.05)
        without_proxy = ",".join(part for part in (self._inherited.get("NO_PROXY", ""), "127.0.0.1") if part)
        return {
            "SERVERLESS_HOST": "127.0.0.1",
            "SERVERLESS_PORT": str(self._port),
            "DIFY_PLUGIN_DAEMON_URL": self.daemon_url,
            "NO_PROXY": without_proxy,
        }

    def _dispatch(self, event: Mapping[str, Any]) -> None:
        if is_backwards_call(event):
            self._violated("wire", "a backwards call inside the answer to a request")
        else:
            self._launch.on_event(event)

    def _ask_for_health(self) -> None:
        while not self._stopping.is_set() and not self._ended.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
            with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
                connection.request("GET", "/health")
                if connection.getresponse().status == http.client.OK:
                    self._ready.set()
                    return
            time.sleep(_ASK_EVERY)

    def _post(self, session_id: str, line: bytes) -> None:
        """One request and everything it answers; its end is the session's end, whatever came before, as with the daemon."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream", _SESSION_HEADER: session_id}
        try:
            with contextlib.closing(connection):
                connection.request("POST", "/invoke", line, headers)
                ended = self._read_answer(session_id, connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            ended = False
            self._tell(session_id, "error", _inner_error(f"Error sending request to serverless: {type(error).__name__}: {error}"))
        if not ended:
            self._tell(session_id, "end", {})

    def _read_answer(self, session_id: str, response: http.client.HTTPResponse) -> bool:
        """Whether the session's end was among the lines."""
        if response.status != http.client.OK:
            message = f"Plugin runtime request failed: {response.status} {response.reason}"
            self._tell(session_id, "error", {"error_type": "PluginRuntimeError", "message": message})
            return False
        ended = False
        while line := response.readline(MAX_LINE_BYTES + 1):
            if self._too_long(line):
                self._tell(session_id, "error", _inner_error("failed to read response body: bufio.Scanner: token too long"))
                return ended
            if line.strip():
                ended = (self._take(line).get("data") or {}).get("type") == "end" or ended
        return ended

    def _tell(self, session_id: str, kind: str, data: Mapping[str, Any]) -> None:
        """What the daemon itself adds to a session."""
        if not self._stopping.is_set():
            self._launch.on_event({"event": "session", "session_id": session_id, "data": {"type": kind, "data": data}})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answers = self._launch.answers

        class Transaction(BaseHTTPRequestHandler):
            """One backwards call."""

            def do_POST(self) -> None:
                self.close_connection = True
                if self.path != TRANSACTION:
                    self.send_error(404)
                    return
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), MAX_TRANSACTION_BYTES))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                try:
                    for line in answers(event_of(body) or {}):
                        self.wfile.write(line)
                        self.wfile.flush()
                except LookupError as error:
                    self.wfile.write(str(error).encode())

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the base class
                """Nothing: what matters is in the answer."""

        return Transaction


def _inner_error(message: str) -> Mapping[str, str]:
    return {"error_type": "PluginDaemonInnerError", "message": message}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
