"""What a limit costs and whether it holds, beside three limiters of Python: `python -m bench.limiter [seconds]`.

First the cost of one decision, in memory and on a Redis of its own: ours takes a place on three lines (requests, tokens, calls in
flight) and a breaker and settles it; the others count one request. Then eight processes that want more than the limit gives: the
most that certainly started in any period, and how much of the limit was used; also with tokens that are settled for less than
was reserved, with few per minute, and with every second clock 2.5 s ahead. Needs `requirements-bench.txt` and redis-server.
"""

# isort: off
import bench.patched  # noqa: F401 - before anything that imports sockets
# isort: on

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import limits
import pyrate_limiter
import redis  # noqa: TID253 - a benchmark loads what it compares with
import throttled

from bench.limiter_processes import SECOND, Load, run
from bench.measure import Goal, median, quantile, save
from bench.servers import connection_to
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.pipeline.gate_steps import Enter, Settle
from faas_toolkit.pipeline.script_forms import script_forms
from faas_toolkit.state.base import Cells
from faas_toolkit.state.memory import MemoryCells
from faas_toolkit.state.redis.cells import RedisCells, keys_of
from tests.fakes.data_servers import RedisServer, running

DECISIONS = 3_000
LINES = (LimitLine("requests", 1_000_000, 60.0), LimitLine("tokens", 2_000_000_000, 60.0), LimitLine("concurrency", 100))
TARGET = Target(id="target", limits=LINES)
KEY = ("bench:target",)


def timed(decide: Callable[[], object]) -> dict[str, float]:
    """Microseconds of one decision."""
    spent = []
    for _ in range(DECISIONS):
        began = time.perf_counter()
        decide()
        spent.append((time.perf_counter() - began) * 1_000_000)
    return {"median_us": round(median(spent), 1), "p99_us": round(quantile(spent, 0.99), 1)}


def ours(cells: Cells) -> Callable[[], object]:
    """Takes a place on all lines, and settles it."""
    numbers = itertools.count()

    def decide() -> None:
        call = str(next(numbers))
        cells.apply(KEY, Enter(TARGET, call, {"tokens": 900}, True, 0, 60 * SECOND, 60 * SECOND))  # noqa: FBT003 - `first`
        cells.apply(KEY, Settle(call, answered=True, usage={"tokens": 700}))

    return decide


def peers(url: str) -> dict[str, Callable[[], object]]:
    """The others, each counting one request, with the strategy that bounds a rolling period where it has one."""
    item, million = limits.RateLimitItemPerMinute(1_000_000), 1_000_000
    quota = throttled.rate_limiter.per_duration(timedelta(seconds=60), limit=million)
    found: dict[str, Callable[[], object]] = {}
    for place, storage in {"memory": limits.storage.MemoryStorage(), "redis": limits.storage.RedisStorage(url)}.items():
        limiter = limits.strategies.MovingWindowRateLimiter(storage)
        found[f"limits, moving window, {place}"] = lambda limiter=limiter: limiter.hit(item, "key")  # type: ignore[misc]
    for place, store in {"memory": throttled.store.MemoryStore(), "redis": throttled.store.RedisStore(server=url)}.items():
        throttle = throttled.Throttled(using="sliding_window", quota=quota, store=store)
        found[f"throttled-py, sliding window, {place}"] = lambda throttle=throttle: throttle.limit("key")  # type: ignore[misc]
    rates = [pyrate_limiter.Rate(million, 60_000)]
    buckets = {
        "memory": pyrate_limiter.InMemoryBucket(rates),
        "redis": pyrate_limiter.RedisBucket.init(rates, redis.Redis.from_url(url), "pyrate"),
    }
    for place, bucket in buckets.items():
        found[f"pyrate-limiter, log, {place}"] = lambda bucket=bucket: bucket.put(  # type: ignore[misc]
            pyrate_limiter.RateItem("key", int(time.time() * 1_000))  # noqa: TID251 - as its own clock does
        )
    return found


def decisions(url: str) -> dict[str, object]:
    """The cost of one decision of each."""
    shared = RedisCells(connection_to(url, SystemClock()), script_forms())
    subjects: dict[str, Callable[[], object]] = {
        "PING": redis.Redis.from_url(url).ping,
        "ours, enter and settle, memory": ours(MemoryCells(SystemClock())),
        "ours, enter and settle, redis": ours(shared),
        **peers(url),
    }
    figures: dict[str, object] = {name: timed(decide) for name, decide in subjects.items()}
    figures["ours, bytes of a full ring on redis"] = bytes_of_a_ring(url)
    return figures


def bytes_of_a_ring(url: str) -> int:
    """Of a line that was used in every part of its period, with weights of seven digits."""
    seconds = itertools.count(1_000_000_000)
    cells = RedisCells(connection_to(url, SystemClock()), script_forms(), now=lambda: next(seconds) * SECOND)
    for number in range(200):
        cells.apply(("full:target",), Enter(TARGET, str(number), {"tokens": 1_234_567}, True, 0, SECOND, SECOND))  # noqa: FBT003 - `first`
    state, _ = keys_of("full:target")
    size: int = redis.Redis.from_url(url).hstrlen(state, "r:tokens@60000000")
    return size


def holds(load: Load) -> dict[str, float]:
    """Whether the limit held in one run, how much of it was used, and in which order."""
    done = run(load)
    figures = {
        "starts": len(done.starts),
        "limit": load.limit,
        "most_in_a_period": done.most_in_a_period(load.per),
        "use": round(done.use(load), 4),
    }
    if load.limiter == "ours":
        figures |= {"inversions": done.inversions(), "jain": round(done.jain(load.greenlets), 4)}
    print(load.limiter, load.of, f"{load.limit} per {load.per:g} s, clocks +{load.skew:g} s:", figures, flush=True)
    return figures


def runs(url: str, seconds: float) -> dict[str, dict[str, float]]:
    """Every run of eight processes."""
    base = Load(url=url, limit=50, per=10.0, seconds=seconds)
    slow, short = 119.0 if seconds > 30 else seconds, min(seconds, 29.0)
    loads = {
        "requests": base,
        "requests, clocks ahead": replace(base, skew=2.5),
        "tokens, settled": replace(base, of="tokens", limit=5_000, estimate=100, used=(40, 100), greenlets=6, patience=1),
        "5 per minute": replace(base, limit=5, per=60.0, seconds=slow, patience=90),
        "50 per minute": replace(base, limit=50, per=60.0, seconds=slow, patience=90),
        **{name: replace(base, limiter=name, seconds=short) for name in ("limits", "pyrate", "throttled")},
        **{
            f"{name}, clocks ahead": replace(base, limiter=name, skew=2.5, seconds=short)
            for name in ("limits", "pyrate", "throttled")
        },
    }
    return {name: holds(replace(load, key=f"run{number}")) for number, (name, load) in enumerate(loads.items())}


def goals(cost: Mapping[str, object], held: Mapping[str, Mapping[str, float]]) -> list[Goal]:
    """What the guide asks for (model-routing.md §5.4)."""
    ping, memory, on_redis = (
        float(cost[name]["median_us"])  # type: ignore[index]
        for name in ("PING", "ours, enter and settle, memory", "ours, enter and settle, redis")
    )
    mine = {name: figures for name, figures in held.items() if "inversions" in figures}
    return [
        Goal("enter and settle in memory, µs", memory, 10),
        Goal("enter and settle on Redis, PINGs", on_redis / ping, 3.5),
        Goal("bytes of a full ring", float(cost["ours, bytes of a full ring on redis"]), 1_024),  # type: ignore[arg-type]
        *(Goal(f"{name}: most in a period, of the limit", f["most_in_a_period"] / f["limit"], 1.0) for name, f in mine.items()),
        *(Goal(f"{name}: use", f["use"], 0.97, at_most=False) for name, f in mine.items()),
        Goal("inversions", sum(f["inversions"] for f in mine.values()), 0),
        Goal("Jain's index of three equal callers", mine["requests"]["jain"], 0.95, at_most=False),
    ]


def main(seconds: float) -> None:
    """Measures and tells."""
    with tempfile.TemporaryDirectory() as folder, running(RedisServer, Path(folder)) as server:
        cost = decisions(server.url)
        for name, figures in cost.items():
            print(f"{name:45} {figures}")
        held = runs(server.url, seconds)
    met = goals(cost, held)
    print(*met, sep="\n")
    print("written to", save("limiter", {"decision": cost, "processes": held}, met))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 59.0)
