"""A small real HTTP server that speaks OpenAI's chat and embedding API and plays a scripted conversation."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Turn = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The assistant's message of one turn, or what makes it from the request's body."""


class ScriptedServer(ThreadingHTTPServer):
    """Answers each chat request with the next turn of its script, and 500 when there is none left."""

    daemon_threads = True

    def __init__(self, script: list[Turn], key: str = "right-key") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = list(script)
        self.key = key
        self.requests: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._json(401, {"error": {"message": "the key is wrong"}})
        elif self.path == "/v1/embeddings":
            self._embed(body)
        elif self.path == "/v1/chat/completions" and self.server.script:
            self._chat(body)
        else:
            self._json(500, {"error": {"message": "nothing left to say"}})

    def _embed(self, body: Mapping[str, Any]) -> None:
        data = [{"index": index, "embedding": [float(len(text)), 0.5]} for index, text in enumerate(body["input"])]
        self._json(200, {"model": body["model"], "data": data[::-1], "usage": {"total_tokens": 4}})

    def _chat(self, body: Mapping[str, Any]) -> None:
        turn = self.server.script.pop(0)
        message = turn(body) if callable(turn) else turn
        usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        if not body.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
            self._json(200, {"model": "scripted", "choices": [choice], "usage": usage})
            return
        self._start(200, "text/event-stream")
        for word in re.findall(r"\S+\s*|\s+", message["content"]):
            self._event({"model": "scripted", "choices": [{"index": 0, "delta": {"content": word}}]})
        self._event({"model": "scripted", "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, document: Mapping[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(document).encode() + b"\n\n")

    def _json(self, status: int, document: Mapping[str, Any]) -> None:
        self._start(status, "application/json")
        self.wfile.write(json.dumps(document).encode())

    def _start(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Nothing on stderr."""


@contextmanager
def serving(script: list[Turn], key: str = "right-key") -> Iterator[ScriptedServer]:
    """A running server, stopped at the end of the block."""
    server = ScriptedServer(script, key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
