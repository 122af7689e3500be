"""Calls for tests of policies, everything filled in and replaceable, and an end of the chain that remembers what reached it."""

from collections.abc import Callable

from faas_toolkit.core.call import Answer, Call, Origin, Record, Workspace
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost

LOOKUP = Operation(
    name="crm.lookup",
    tool="crm_lookup",
    grant="crm.read",
    shape=Shape(
        (
            Parameter(name="query", required=True, max_chars=2_000, example="ana"),
            Parameter(name="limit", type="integer", default=5, minimum=1, maximum=50),
            Parameter(name="filters", type="object", max_chars=1_000_000),
        )
    ),
)


def make_call(arguments=None, *, operation=LOOKUP, clock=None, **changes) -> Call:
    """A call; `origin_*` changes its origin, everything else the call itself."""
    origin = {name.removeprefix("origin_"): changes.pop(name) for name in list(changes) if name.startswith("origin_")}
    return Call(
        operation=operation,
        arguments={"query": "ana"} if arguments is None else arguments,
        origin=Origin(
            **{"workspace": Workspace("w1", bytes(32)), "surface": "workflow", "app_id": "app", "user_id": "u1"} | origin
        ),
        deadlines=Deadlines.start(clock or FakeClock()),
        record=Record(request_id="r1", started=0.0),
        host=FakeHost(),
        **changes,
    )


class End:
    """The innermost part: answers, or raises what it was given, and keeps the calls that reached it."""

    def __init__(self, answer=None) -> None:
        self.answer = Answer(variables={"total": 1}, source="main") if answer is None else answer
        self.calls: list[Call] = []

    def __call__(self, call: Call):
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class FakeFunctions:
    """`core.chain.InvokeFunction` over plain Python functions: what one raises is its failure."""

    def __init__(self, **functions: Callable) -> None:
        self.functions = functions
        self.asked: list[tuple[str, dict]] = []

    def __call__(self, name, payload, call):
        self.asked.append((name, payload))
        return self.functions[name](payload)


class InTurn:
    """The innermost part: gives or raises one result after the other, the last one for ever, and keeps the calls."""

    def __init__(self, *results) -> None:
        self.results = list(results)
        self.calls: list[Call] = []

    def __call__(self, call: Call):
        self.calls.append(call)
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(result, BaseException):
            raise result
        return result
