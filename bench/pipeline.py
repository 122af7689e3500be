"""What each policy costs a call: `python -m bench.pipeline [calls]`.

Each policy is run alone, on a call as its neighbours hand it over, around an answer that is there already; beside it, in the same
rounds, the same answer without a policy. Figures are microseconds of the thread's processor time for each call, so the work that
a policy leaves to the background is not in them, but for the last lines: whole fronts, with all that they cause. Then the gate
in front of a target: `enter` and `settle`, with one limit and with four, in memory; goal: with one limit at most 10 us.
"""

# isort: off
import bench.patched  # noqa: F401 - before anything that imports sockets
# isort: on

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path

import gevent

from bench.measure import Goal, median, save
from faas_toolkit.core.call import Answer, Call, Origin, Record, Workspace
from faas_toolkit.core.chain import Policy
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.outbound import Attempt, LimitLine, Target
from faas_toolkit.core.stream import Stream
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.pipeline.front import compose
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.service import Service
from faas_toolkit.state.memory import MemoryCells
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.host import FakeHost

ROUNDS = 7
CLOCK = SystemClock()
ORIGIN = Origin(workspace=Workspace("b" * 32, b"k" * 32), surface="workflow", user_id="u", app_id="bench")
LOOKUP = operation_named("crm.lookup")
CATALOG = {
    "version": 1,
    "roles": {"member": {"allow": ["crm.read"], "crm": {"sources": ["*"]}, "mask": {"email": "partial", "phone": "partial"}}},
    "review": {"detect": ["email", "phone"], "refuse": [{"pattern": "(?i)ignore all previous"}, {"words": ["forbidden"]}]},
    "limits": [
        {"of": "requests", "limit": "100M", "per": "60s", "by": ["user"]},
        {"of": "requests", "limit": "100M", "per": "1d", "by": ["role"]},
    ],
    "audit": {"write": "fast"},
}
GATE_LINES = (
    LimitLine("requests", 10**9, 60.0),
    LimitLine("requests", 10**8, 1.0),
    LimitLine("tokens", 10**12, 60.0),
    LimitLine("concurrency", 100),
)

HOST = FakeHost()
Work = Callable[[], object]


def main() -> None:
    """Measures and prints."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    with tempfile.TemporaryDirectory() as folder:
        process = Process(
            clock=CLOCK,
            offload=GeventOffload(),
            environment={"FAAS_TOOLKIT_DATA_DIR": folder},
            working_directory=Path(folder),
        )
        service = Service(process)
        policies, answer, fronts = prepared(service)
        sides = {**{name: alone(policy, call, answer) for name, (policy, call) in policies.items()}, **gates(), **fronts}
        call = next(iter(policies.values()))[1]
        sides["nothing"] = lambda: replace(call, record=a_record())
        times = measured(sides, calls)
        service.close()
    base = times.pop("nothing")
    figures = {name: round(spent if ":" in name else spent - base, 1) for name, spent in times.items()}
    for name, figure in figures.items():
        print(f"{name:32} {figure:8.1f} us")
    goals = [Goal("gate with one limit, us", figures["gate: 1 limit"], 10)]
    print(*goals, sep="\n")
    print(save("pipeline", figures, goals))


def measured(sides: Mapping[str, Work], calls: int) -> dict[str, float]:
    """Microseconds of each, the median of rounds that take turns."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for work in sides.values():
        work()
    for _ in range(ROUNDS):
        for name, work in sides.items():
            began = time.thread_time()
            for _ in range(calls // ROUNDS):
                work()
            spent[name].append((time.thread_time() - began) / (calls // ROUNDS) * 1e6)
            gevent.sleep(0.15)  # what was left to the background is done before the next one is timed
    return {name: median(figures) for name, figures in spent.items()}


def prepared(service: Service) -> tuple[dict[str, tuple[Policy, Call]], Answer, dict[str, Work]]:
    """The policies by name, each with a call as it sees it, the answer of that call, and whole fronts."""
    settings = RuntimeSettings(catalog=json.dumps(CATALOG))
    with service._lease(settings, ORIGIN.workspace.id) as runtime:  # noqa: SLF001 - the policies, as the service has made them
        policies = runtime._policies.front  # noqa: SLF001 - same
    answer = complete(runtime.handle(a_call()))
    seen: dict[str, tuple[Policy, Call]] = {}
    for place, policy in enumerate(policies):

        def look(call: Call, policy: Policy = policy) -> Answer:
            seen[type(policy).__name__.lower()] = (policy, call)
            return answer

        compose(policies[:place], look)(a_call(limit=1 + place))
    numbers = count()
    fronts = {
        "front: answered from the cache": lambda: runtime.handle(a_call()),
        "front: embedded lookup": lambda: runtime.handle(a_call(query=f"Wei {next(numbers)}")),
    }
    return seen, answer, fronts


def alone(policy: Policy, call: Call, answer: Answer) -> Work:
    """One policy around the answer."""
    around = compose((policy,), lambda _: answer)
    return lambda: around(replace(call, record=a_record()))


def a_record() -> Record:
    """What happened to a call so far."""
    return Record(request_id="bench", started=CLOCK.monotonic())


def a_call(query: str = "Wei", limit: int = 5) -> Call:
    """A lookup as an adapter hands it over."""
    return Call(
        operation=LOOKUP,
        arguments={"query": query, "limit": limit},
        origin=ORIGIN,
        deadlines=Deadlines.start(CLOCK),
        record=a_record(),
        host=HOST,
    )


def gates() -> dict[str, Work]:
    """An attempt at a target that answers at once, through retry and gate."""
    outbound = build_outbound(cells=MemoryCells(CLOCK), clock=CLOCK, random=lambda: 0.5)
    works: dict[str, Work] = {}
    for lines in (GATE_LINES[:1], GATE_LINES):
        target = Target(id=f"bench:{len(lines)}", limits=lines)
        attempt = Attempt(call=a_call(), target=target, send=lambda _: None, cost={"tokens": 900})

        def ask(attempt: Attempt[None] = attempt) -> None:
            attempt.call.record.attempts.clear()
            outbound(attempt)

        works[f"gate: {len(lines)} limit{'s' * (len(lines) > 1)}"] = ask
    return works


def complete(answer: Answer | Stream) -> Answer:
    """The answer, which is no stream."""
    if not isinstance(answer, Answer):
        raise TypeError(answer)
    return answer


if __name__ == "__main__":
    main()
