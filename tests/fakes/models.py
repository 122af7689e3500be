"""Model servers that misbehave exactly as a test says, and what is needed to ask them as the plugin does."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import TypeAdapter

from faas_toolkit.capabilities.faas.json_schema import compile_object_schema
from faas_toolkit.capabilities.models.capability import ModelCapability
from faas_toolkit.capabilities.models.config import ModelsConfig
from faas_toolkit.capabilities.models.generation import Generation
from faas_toolkit.capabilities.models.operations import GENERATE
from faas_toolkit.capabilities.models.pools import make_pools
from faas_toolkit.capabilities.models.sources.dify import DifyModel
from faas_toolkit.capabilities.models.sources.function import FunctionModel
from faas_toolkit.capabilities.models.sources.openai import OpenAiModel
from faas_toolkit.core.call import Call, Scope
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline, Deadlines
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.calls import make_call
from tests.fakes.servers import Exchange, Script

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SCOPE = Scope(grants=frozenset(["model.use"]), sources={"models": ("*",)})


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(document: object) -> bytes:
    data = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    return chunk(f"data: {data}\n\n".encode())


def words(text: str, *, finish: str | None = None, model: str = "served-model") -> bytes:
    return event({"model": model, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})


def usage(prompt: int, completion: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event({"model": "served-model", "choices": [], "usage": counts})


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


@dataclass
class Limit:
    """Reads what a target's lines have booked."""

    name: ClassVar[str] = "test.peek"
    used: dict[str, int] = field(default_factory=dict)
    pending: int = 0

    def __call__(self, state, now):
        if state is not None:
            self.used = {ring.line.of: ring.used for ring in state.limits.rings}
            self.pending = len(state.limits.pending)
        return state, None, 1_000.0


class Models:
    """A pool over real servers, with the real outbound chain."""

    def __init__(self, pools: dict, *, functions=None, ports: Iterable[int] = (), host=None) -> None:
        self.clock = SystemClock()
        self.cells = MemoryCells(self.clock)
        opened = ",".join(f"http://127.0.0.1:{port}" for port in ports)
        self.client = HttpClient(guard=EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": opened}))
        self.config = TypeAdapter(ModelsConfig).validate_python({"pools": pools})
        self.functions = functions
        self.host = host
        outbound = build_outbound(cells=self.cells, clock=self.clock, random=lambda: 0.0)
        self.generation = Generation(outbound=outbound, now=self.clock.epoch)
        self.capability = ModelCapability(
            pools=make_pools(self.config, self._open), generation=self.generation, compile_schema=compile_object_schema
        )

    def _open(self, name, key, config):
        match config.kind:
            case "openai":
                return OpenAiModel(name=name, key=key, config=config, client=self.client, now=self.clock.epoch)
            case "dify":
                return DifyModel(provider=config.provider, model=config.model, mode=config.mode)
            case _:
                return FunctionModel(function=config.function, invoke=self.functions)

    def call(self, arguments: dict, *, first_content=20.0, total=30.0, idle=20.0, operation=GENERATE, scope=SCOPE) -> Call:
        deadlines = Deadlines(Deadline.after(self.clock, first_content), Deadline.after(self.clock, total), idle)
        checked = operation.shape.check(arguments)
        call = make_call(checked, operation=operation, clock=self.clock, scope=scope)
        object.__setattr__(call, "deadlines", deadlines)
        if self.host is not None:
            object.__setattr__(call, "host", self.host)
        return call

    def booked(self, target: str) -> Limit:
        """What stands on the target's lines now."""
        limit = Limit()
        self.cells.apply(f"w1:{target}", limit)
        return limit


def openai_at(port: int, name: str = "main", **more: object) -> dict:
    return {"name": name, "kind": "openai", "url": f"http://127.0.0.1:{port}/v1", "model": "large", "timeout": 2, **more}
