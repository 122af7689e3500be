"""What a routed model call costs beside a plain httpx call: `python -m bench.routing [calls]`.

32 greenlets ask a model server (a process of its own) for streamed answers and read them whole, in alternating rounds: with one
shared `httpx.Client`, which parses the same events and does nothing else; through the pool (limits of requests, tokens and
concurrency, breaker, settlement, fallback); and through the whole service (validation, access, review, audit). Goals: no error,
and the pool makes at least twice the calls per second of plain httpx in the same run.
"""

# isort: off
import bench.patched  # noqa: F401 - before anything that imports sockets
# isort: on

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import gevent
import httpx

from bench.measure import Goal, median, quantile, save
from bench.model_server import serving
from faas_toolkit.capabilities.models.operations import GENERATE
from faas_toolkit.core.call import Call, Caller, Origin, Record, Scope, Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.stream import Stream
from faas_toolkit.dify.node import hard_limit
from faas_toolkit.service import Outcome, Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings
from tests.fakes.host import FakeHost

GREENLETS = 32
ROUNDS = 5
ARGUMENTS = {"prompt": "Say twelve words."}
CLOCK = SystemClock()
ORIGIN = Origin(workspace=Workspace("b" * 32, b"k" * 32), surface="workflow", user_id="u", app_id="bench")


HOST = FakeHost()


def main() -> None:
    """Measures and prints."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 3_200
    with tempfile.TemporaryDirectory() as folder, serving() as address:
        sides = {"httpx": plain(f"{address}/v1"), **routed(address, Path(folder))}
        times: dict[str, list[float]] = {name: [] for name in sides}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        errors: dict[str, int] = dict.fromkeys(sides, 0)
        for ask in sides.values():
            burst(ask, GREENLETS)  # opens connections, loads what is loaded on first use
        for _ in range(ROUNDS):
            for name, ask in sides.items():
                taken, seconds, failed = burst(ask, calls // ROUNDS)
                times[name] += taken
                rates[name].append(len(taken) / seconds)
                errors[name] += failed
    figures: dict[str, object] = {
        name: {
            "calls_per_second": round(median(rates[name])),
            "p50_ms": round(quantile(times[name], 0.5) * 1_000, 2),
            "p99_ms": round(quantile(times[name], 0.99) * 1_000, 2),
            "errors": errors[name],
        }
        for name in sides
    }
    ratio = {name: median([ours / theirs for ours, theirs in zip(rates[name], rates["httpx"], strict=True)]) for name in sides}
    goals = [
        Goal("errors of the pool and of the service", errors["pool"] + errors["service"], 0),
        Goal("pool: calls per second, ratio to httpx", ratio["pool"], 2.0, at_most=False),
        Goal("service: calls per second, ratio to httpx", ratio["service"], 1.0, at_most=False),
    ]
    for name, row in figures.items():
        print(f"{name}: {json.dumps(row)}")
    print(*goals, sep="\n")
    print(save("routing", figures, goals))


def burst(ask: Callable[[], None], calls: int) -> tuple[list[float], float, int]:
    """Seconds of each call, seconds of all, and how many failed."""
    taken: list[float] = []
    failed: list[BaseException] = []

    def work(share: int) -> None:
        for _ in range(share):
            started = time.perf_counter()
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - counted and shown
                failed.append(error)
            taken.append(time.perf_counter() - started)

    started = time.perf_counter()
    gevent.joinall([gevent.spawn(work, calls // GREENLETS) for _ in range(GREENLETS)])
    for error in failed[:3]:
        print(f"failed: {error!r}", file=sys.stderr)
    return taken, time.perf_counter() - started, len(failed)


def plain(url: str) -> Callable[[], None]:
    """A call with httpx alone."""
    limits = httpx.Limits(max_connections=GREENLETS, max_keepalive_connections=GREENLETS)
    client = httpx.Client(timeout=30, limits=limits, trust_env=False)
    body = {"model": "m", "messages": [{"role": "user", "content": ARGUMENTS["prompt"]}], "stream": True}

    def ask() -> None:
        texts = []
        with client.stream("POST", f"{url}/chat/completions", json=body) as response:
            for line in response.iter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    choices = json.loads(line[6:])["choices"]
                    texts += [choice["delta"].get("content", "") for choice in choices]
        require("".join(texts))

    return ask


def routed(address: str, folder: Path) -> dict[str, Callable[[], None]]:
    """A call through the pool, and one through the whole service."""
    process = Process(
        clock=CLOCK,
        offload=InlineOffload(),
        environment={"FAAS_TOOLKIT_DATA_DIR": str(folder), "FAAS_TOOLKIT_NETWORK_ALLOW": address},
        working_directory=folder,
        hard_limit=hard_limit,
    )
    limits = [{"requests": 1_000_000, "per": "60s"}, {"tokens": "900M", "per": "60s"}, {"concurrency": 64}]
    model = {"kind": "openai", "url": f"{address}/v1", "model": "m", "limits": limits, "price": PRICE}
    deployments = [{"name": name, **model} for name in ("main", "second")]
    catalog = {
        "version": 1,
        "roles": {"member": {"allow": ["model.use"]}},
        "models": {"pools": {"chat": {"deployments": deployments}}},
        "audit": {"write": "fast"},
    }
    service, settings = Service(process), RuntimeSettings(catalog=json.dumps(catalog))
    request = Request(operation=GENERATE, arguments=ARGUMENTS, origin=ORIGIN, host=HOST)

    def through_service() -> None:
        *_, outcome = service.stream(settings, request)
        if not isinstance(outcome, Outcome) or outcome.failure is not None:
            raise RuntimeError(outcome)
        require(str(outcome.variables["answer"]))

    through_service()
    with service._lease(settings, ORIGIN.workspace.id) as runtime:  # noqa: SLF001 - the pool alone, as the service has made it
        capability = runtime._capability(GENERATE.name)  # noqa: SLF001 - same

    def through_pool() -> None:
        *pieces, _ = stream_of(capability(a_call()))
        require("".join(str(piece) for piece in pieces))

    return {"pool": through_pool, "service": through_service}


PRICE = {"currency": "USD", "input": 1, "output": 2}


def a_call() -> Call:
    """A call as the front hands it to a capability."""
    return Call(
        operation=GENERATE,
        arguments=GENERATE.shape.check(ARGUMENTS),
        origin=ORIGIN,
        deadlines=Deadlines.start(CLOCK),
        record=Record(request_id="bench", started=CLOCK.monotonic()),
        host=HOST,
        caller=Caller(subject="bench"),
        scope=Scope(grants=frozenset(["model.use"]), sources={"models": ("*",)}),
    )


def stream_of(answer: object) -> Stream:
    """The stream, if it is one."""
    if not isinstance(answer, Stream):
        raise TypeError(answer)
    return answer


def require(text: str) -> None:
    """Raises where the answer is not whole."""
    if not text.startswith("word0 ") or not text.endswith("word11 "):
        raise RuntimeError(f"not the whole answer: {text!r}")


if __name__ == "__main__":
    main()
