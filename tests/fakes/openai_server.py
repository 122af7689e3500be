"""Real servers that speak OpenAI's chat and embedding API: one plays a conversation, others misbehave as a test says."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.fakes import servers
from tests.fakes.servers import Exchange, Script

Turn = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The assistant's message of one turn, or what makes it from the request's body."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(document: object) -> bytes:
    data = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    return chunk(f"data: {data}\n\n".encode())


def words(text: str, *, finish: str | None = None, model: str = "served-model") -> bytes:
    return event({"model": model, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def usage(prompt: int, completion: int, *, model: str = "served-model") -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event({"model": model, "choices": [], "usage": counts})


END = event("[DONE]") + b"0\r\n\r\n"


def says(*pieces: str, tokens: tuple[int, int] = (11, 7)) -> Script:
    """A server that streams these pieces as OpenAI's does."""

    def script(exchange: Exchange) -> None:
        exchange.send(HEAD + b"".join(words(piece) for piece in pieces) + words("", finish="stop") + usage(*tokens) + END)

    return script


def plays(*parts: bytes, cut: bool = False, hold: float = 0.0) -> Script:
    """A server that sends these bytes, waits so many seconds (or until the test ends), and cuts the connection or keeps it."""

    def script(exchange: Exchange) -> bool:
        for part in parts:
            exchange.send(part)
        exchange.closing.wait(hold)
        return cut

    return script


def refuses(status: str, body: object = None, headers: str = "") -> Script:
    more = f"\r\n{headers}" if headers else ""
    content = json.dumps(body if body is not None else {"error": {"message": "no"}}).encode()
    return lambda exchange: exchange.answer(content, status=status, headers=f"Content-Type: application/json{more}")


def openai_at(port: int, name: str = "main", **more: object) -> dict:
    return {"name": name, "kind": "openai", "url": f"http://127.0.0.1:{port}/v1", "model": "large", "timeout": 2, **more}


class ScriptedServer:
    """Answers each chat request with the next turn of its script, and 500 when there is none left."""

    def __init__(self, script: list[Turn], key: str = "right-key") -> None:
        self.script = list(script)
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        """Known while it serves."""

    def __call__(self, exchange: Exchange) -> None:
        body, path = json.loads(exchange.body), exchange.first_line.split()[1]
        self.requests.append(body)
        if exchange.headers.get("authorization") != f"Bearer {self.key}":
            refuses("401 Unauthorized", {"error": {"message": "the key is wrong"}})(exchange)
        elif path == "/v1/embeddings":
            exchange.answer(json.dumps(_embedded(body)).encode())
        elif path == "/v1/chat/completions" and self.script:
            self._chat(exchange, body)
        else:
            refuses("500 Server Error", {"error": {"message": "nothing left to say"}})(exchange)

    def _chat(self, exchange: Exchange, body: Mapping[str, Any]) -> None:
        turn = self.script.pop(0)
        message = turn(body) if callable(turn) else turn
        if body.get("stream"):
            pieces = re.findall(r"\S+\s*|\s+", message["content"])
            exchange.send(
                HEAD + b"".join(words(piece, model="scripted") for piece in pieces) + usage(5, 2, model="scripted") + END
            )
            return
        choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
        counts = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
        exchange.answer(json.dumps({"model": "scripted", "choices": [choice], "usage": counts}).encode())


def _embedded(body: Mapping[str, Any]) -> dict[str, Any]:
    data = [{"index": index, "embedding": [float(len(text)), 0.5]} for index, text in enumerate(body["input"])]
    return {"model": body["model"], "data": data[::-1], "usage": {"total_tokens": 4}}


@contextmanager
def serving(script: list[Turn], key: str = "right-key") -> Iterator[ScriptedServer]:
    """A running server, stopped at the end of the block."""
    scripted = ScriptedServer(script, key)
    with servers.serving(scripted) as server:
        scripted.url = f"http://127.0.0.1:{server.port}/v1"
        yield scripted
