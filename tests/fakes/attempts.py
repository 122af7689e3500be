"""Calls and attempts for the chains, without a host."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from faas_toolkit.core.call import ANONYMOUS, Call, Caller, Record, Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline, Deadlines
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.outbound import Attempt, Target
from faas_toolkit.core.schema import Shape
from faas_toolkit.core.stream import Stream
from tests.fakes.calls import make_call

OPERATION = Operation(name="test.ask", tool="test_ask", grant=None, shape=Shape(()))


def a_call(
    clock: Clock,
    *,
    workspace: str = "w1",
    first_content: float = 50.0,
    total: float = 230.0,
    caller: Caller = ANONYMOUS,
    app_id: str | None = "app-1",
) -> Call:
    made = make_call(
        {},
        operation=OPERATION,
        clock=clock,
        caller=caller,
        origin_workspace=Workspace(workspace, b"k" * 32),
        origin_app_id=app_id,
    )
    record = Record(request_id="r1", started=clock.monotonic())
    return replace(made, deadlines=Deadlines.start(clock, first_content, total), record=record)


def an_attempt(call: Call, target: Target, send: Callable[[Deadline], Any], **more: Any) -> Attempt[Any]:
    return Attempt(call=call, target=target, send=send, **more)


class Script:
    """A `send` that plays its steps in order: a `Failure` is raised, anything else is returned; the last one repeats."""

    def __init__(self, *steps: object) -> None:
        self.steps = list(steps)
        self.deadlines: list[Deadline] = []

    @property
    def sent(self) -> int:
        return len(self.deadlines)

    def __call__(self, deadline: Deadline) -> Any:
        self.deadlines.append(deadline)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, BaseException):
            raise step
        return step


class StreamingSource:
    """A `send` that primes a stream; each run is a list of chunks in which a `Failure` is raised where it stands."""

    def __init__(self, *runs: Sequence[str | Failure], usage: Mapping[str, int] | None = None) -> None:
        self.runs = list(runs)
        self.usage = usage or {}
        self.started = 0

    def __call__(self, deadline: Deadline) -> Stream:
        run = self.runs[min(self.started, len(self.runs) - 1)]
        self.started += 1
        return Stream.primed(self._chunks(run), usage=lambda: self.usage)

    @staticmethod
    def _chunks(run: Sequence[str | Failure]) -> Iterator[str]:
        for item in run:
            if isinstance(item, Failure):
                raise item
            yield item
