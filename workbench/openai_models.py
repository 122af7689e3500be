"""Handlers that let a real OpenAI-compatible server stand behind a plugin's `llm` and `text_embedding` calls.

They turn Dify's request into the server's, and its answer into the response lines of the SDK (dify-runtime §4.3).
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from workbench.backwards import Handler, Refused

_TIMEOUT_SECONDS = 120.0
_FREE = {"unit_price": "0", "price_unit": "0.001", "total_price": "0", "currency": "USD"}


class ModelServerError(Exception):
    """The server said no, or is not one; the text is its own."""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """An OpenAI-compatible server."""

    url: str
    """Up to and including `/v1`."""
    key: str
    model: str = ""
    """Asked for instead of what the plugin named, where set."""

    @classmethod
    def from_environment(cls) -> "ModelServer | None":
        """The server of OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL; None where the first two are not both set."""
        url, key = os.environ.get("OPENAI_BASE_URL", ""), os.environ.get("OPENAI_API_KEY", "")
        return cls(url.rstrip("/"), key, os.environ.get("OPENAI_MODEL", "")) if url and key else None

    def handlers(self) -> dict[str, Handler]:
        """What to register for a workspace."""
        return {"llm": self._llm, "text_embedding": self._text_embedding}

    def chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One answer of `/chat/completions`; raises `ModelServerError`."""
        return self._post("/chat/completions", body)

    def _llm(self, request: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        started = time.monotonic()
        body = {
            **request.get("completion_params", {}),
            "model": self.model or request["model"],
            "messages": [_message(message) for message in request["prompt_messages"]],
        }
        if request.get("tools"):
            body["tools"] = [{"type": "function", "function": tool} for tool in request["tools"]]
        if request.get("stop"):
            body["stop"] = request["stop"]
        if not request.get("stream"):
            yield from _whole(self._asked(body), started)
            return
        yield from self._streamed(body, started)

    def _asked(self, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.chat(body)
        except ModelServerError as error:
            raise Refused(str(error)) from error

    def _streamed(self, body: Mapping[str, Any], started: float) -> Iterator[Mapping[str, Any]]:
        asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
        try:
            with httpx.stream(
                "POST", f"{self.url}/chat/completions", json=asked, headers=self._headers(), timeout=_TIMEOUT_SECONDS
            ) as response:
                if response.is_error:
                    response.read()
                _require_success(response)
                for number, chunk in enumerate(_server_sent(response.iter_lines())):
                    yield _chunk(chunk, number, started)
        except (httpx.HTTPError, ModelServerError) as error:
            raise Refused(str(error)) from error

    def _text_embedding(self, request: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        started = time.monotonic()
        body = {"model": request["model"], "input": request["texts"]}
        try:
            answer = self._post("/embeddings", body)
        except ModelServerError as error:
            raise Refused(str(error)) from error
        tokens = int((answer.get("usage") or {}).get("total_tokens") or 0)
        yield {
            "model": answer.get("model") or body["model"],
            "embeddings": [item["embedding"] for item in sorted(answer["data"], key=lambda item: item["index"])],
            "usage": {"tokens": tokens, "total_tokens": tokens, **_FREE, "latency": time.monotonic() - started},
        }

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            response = httpx.post(self.url + path, json=body, headers=self._headers(), timeout=_TIMEOUT_SECONDS)
        except httpx.HTTPError as error:
            raise ModelServerError(f"{type(error).__name__}: {error}") from error
        answer: dict[str, Any] = _require_success(response).json()
        return answer

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def _require_success(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise ModelServerError(f"HTTP {response.status_code}: {response.text[:500]}")
    return response


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A prompt message of Dify's as the OpenAI API takes it."""
    kept = {key: message[key] for key in ("role", "content", "name", "tool_calls", "tool_call_id") if message.get(key)}
    return {"content": "", **kept}


def _server_sent(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data:") and (data := line[5:].strip()) != "[DONE]":
            yield json.loads(data)


def _whole(answer: Mapping[str, Any], started: float) -> Iterator[Mapping[str, Any]]:
    choice = answer["choices"][0]
    yield _result(answer, 0, choice["message"], choice.get("finish_reason"), started)


def _chunk(chunk: Mapping[str, Any], number: int, started: float) -> Mapping[str, Any]:
    choice = (chunk.get("choices") or [{}])[0]
    return _result(chunk, number, choice.get("delta") or {}, choice.get("finish_reason"), started)


def _result(
    answer: Mapping[str, Any], index: int, message: Mapping[str, Any], finish_reason: str | None, started: float
) -> Mapping[str, Any]:
    return {
        "model": answer.get("model", ""),
        "prompt_messages": [],
        "system_fingerprint": answer.get("system_fingerprint"),
        "delta": {
            "index": index,
            "message": {
                "role": "assistant",
                "content": message.get("content") or "",
                "name": None,
                "tool_calls": [_tool_call(call) for call in message.get("tool_calls") or ()],
            },
            "usage": _usage(answer.get("usage"), time.monotonic() - started),
            "finish_reason": finish_reason,
        },
    }


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    return {
        "id": call.get("id") or "",
        "type": "function",
        "function": {"name": function.get("name") or "", "arguments": function.get("arguments") or ""},
    }


def _usage(usage: Mapping[str, Any] | None, latency: float) -> dict[str, Any] | None:
    """The twelve fields of Dify's usage; a server tells no price, so it is 0."""
    if usage is None:
        return None
    prices = {f"{part}_{key}": "0" for part in ("prompt", "completion") for key in ("unit_price", "price_unit", "price")}
    tokens = {key: int(usage.get(key) or 0) for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return {**prices, **tokens, "total_price": "0", "currency": "USD", "latency": latency}
