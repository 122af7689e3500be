"""An agent: something decides, tools are called as a surface of Dify calls them, until there is an answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workbench.declaration import Declaration
from workbench.host import PluginHost
from workbench.session import Reply
from workbench.surfaces import (
    ParameterRefused,
    SurfaceName,
    arguments_from_model,
    observation,
    prepare,
    refused_observation,
    sender_for,
    workflow_node,
)

MAX_STEPS = 10
CALL_TIMEOUT = 60.0


class NoAnswer(RuntimeError):
    """The agent did not come to an answer."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What the deciding part wants called."""

    tool: str
    arguments: Mapping[str, Any] | str
    """A text is what a model wrote, to be read as Dify reads it."""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One tool call and what came of it."""

    call: ToolCall
    observation: str
    seconds: float
    reply: Reply | None = None
    """None where Dify did not make the call."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """What the tool answered beside its text; no model sees it."""
        return self.reply.variables if self.reply else {}

    @property
    def ok(self) -> bool:
        """Whether the tool answered."""
        return self.variables.get("ok") is True


@dataclass(frozen=True, slots=True)
class Decision:
    """Either calls to make, or the answer."""

    calls: Sequence[ToolCall] = ()
    answer: str = ""


class Brain(Protocol):
    """What decides."""

    @property
    def name(self) -> str:
        """What it is, in words for the reader of the output."""
        ...

    @property
    def surface(self) -> SurfaceName:
        """As what its calls reach the plugin: a model's in an agent-chat app, a plan's as nodes of a workflow."""
        ...

    def decide(self, question: str, steps: Sequence[Step]) -> Decision:
        """What to do next, after these steps."""
        ...


@dataclass(slots=True)
class Agent:
    """Answers questions with the plugin's tools."""

    host: PluginHost
    brain: Brain
    credentials: Mapping[str, str]
    on_step: Callable[[int, Step], None]
    """Told of each step, with its number from 1."""

    def answer(self, question: str) -> tuple[str, list[Step]]:
        """The answer and the steps that led to it.

        Raises:
            NoAnswer: after `MAX_STEPS` tool calls.
        """
        steps: list[Step] = []
        while len(steps) < MAX_STEPS:
            decision = self.brain.decide(question, steps)
            if not decision.calls:
                return decision.answer, steps
            for call in decision.calls:
                steps.append(self._step(call))
                self.on_step(len(steps), steps[-1])
        raise NoAnswer(f"No answer after {MAX_STEPS} tool calls.")

    def _step(self, call: ToolCall) -> Step:
        started = time.monotonic()
        surface = self.brain.surface
        try:
            parameters = self._parameters(self.host.declaration, call)
        except LookupError:
            return Step(call, f"there is not a tool named {call.tool}", time.monotonic() - started)
        except ParameterRefused as refusal:
            text = refused_observation(surface, str(refusal)).text
            return Step(call, text, time.monotonic() - started)
        reply = self.host.invoke_tool(
            call.tool, parameters, sender=sender_for(surface), credentials=self.credentials, timeout=CALL_TIMEOUT
        )
        return Step(call, self._read(reply), reply.seconds, reply)

    def _read(self, reply: Reply) -> str:
        if self.brain.surface != "workflow":
            return observation(self.brain.surface, reply).text
        node = workflow_node(reply, self.host.declaration.provider_id)
        return node.error or str(node.outputs["text"])

    def _parameters(self, declaration: Declaration, call: ToolCall) -> dict[str, Any]:
        tool = declaration.tool(call.tool)
        arguments = arguments_from_model(tool, call.arguments) if isinstance(call.arguments, str) else call.arguments
        return prepare(self.brain.surface, tool, arguments)
