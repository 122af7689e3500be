"""A pool of models as the plugin has it, over real servers."""

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
from faas_toolkit.state.base import Change
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.calls import make_call

SCOPE = Scope(grants=frozenset(["model.use"]), sources={"models": ("*",)})


@dataclass
class Limit:
    """Reads what a target's lines have booked."""

    name: ClassVar[str] = "test.peek"
    used: dict[str, int] = field(default_factory=dict)
    pending: int = 0

    def __call__(self, states, now):
        [state] = states
        if state is not None:
            self.used = {ring.line.unit: ring.used for ring in state.limits.rings}
            self.pending = len(state.limits.pending)
        return Change([state], [1_000_000_000], None)


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
        self.cells.apply((f"w1:{target}",), limit)
        return limit
