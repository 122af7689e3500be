"""What the cache gives: `python -m bench.cache [reads]`. It needs `redis-server`; the bucket needs ministack (`make ministack`).

* By tier: 16 greenlets read keys of a Zipf distribution; memory holds few of them, Redis more, the cold tier (disk, then bucket)
  more still, and the source, which takes 20 ms, has the rest. Which share each tier answers, and how fast.
* One question over processes: 6 processes ask the same 20 questions at once, over one Redis and without it; how often the source,
  which takes 300 ms, is asked.
* Warm start: the first 300 reads of a new process whose disk, or whose Redis, is warm, beside one where nothing is.
"""

# isort: off
import bench.patched  # noqa: F401 - before anything that imports sockets
# isort: on

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent

from bench.measure import Goal, quantile, save
from bench.servers import connection_to, served_bucket
from faas_toolkit.core.call import Answer, Call, Caller, Origin, Record, Scope, Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline, Deadlines
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.schema import Shape
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.pipeline.cache import Cache
from faas_toolkit.pipeline.cached_read import Lifetimes
from faas_toolkit.pipeline.refresh import Refreshes
from faas_toolkit.state.cache.config import S3Cold
from faas_toolkit.state.cache.disk import DiskCache
from faas_toolkit.state.cache.memory import BYTES_PER_ENTRY, MemoryCache
from faas_toolkit.state.cache.port import CacheStore
from faas_toolkit.state.cache.redis import RedisCache
from faas_toolkit.state.cache.s3 import S3Cache
from faas_toolkit.state.cache.tiers import TieredCache
from tests.fakes.data_servers import RedisServer, running

CLOCK = SystemClock()
WORKSPACE = Workspace("b" * 32, b"k" * 32)
OPERATION = Operation(name="crm.lookup", tool="crm_lookup", grant="crm.read", shape=Shape())
ANSWER = Answer(variables={"records": [{"name": "x" * 200, "id": f"p{number}"} for number in range(5)]}, source="main")
GREENLETS = 16
KEYS, IN_REDIS, IN_COLD, IN_MEMORY = 2_000, 500, 1_500, 200
SOURCE_SECONDS = 0.02
PROCESSES, QUESTIONS, SLOW_SECONDS = 6, 20, 0.3
FIRST_READS = 300


def main() -> None:
    """Measures and prints."""
    reads = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    figures: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(RedisServer, Path(folder)) as server,
        served_bucket(Path(folder)) as bucket,
    ):
        redis = server.url
        figures["by tier, disk"] = by_tier(redis, Side(Path(folder) / "disk.sqlite").cold(), reads)
        if bucket:
            figures["by tier, bucket"] = by_tier(redis, bucket_cache(bucket), reads)
        figures["one question"] = {"over one Redis": over_processes(redis), "without Redis": over_processes("")}
        figures["warm start"] = warm_start(redis, Path(folder))
    asked = figures["one question"]["over one Redis"]["asked"] / QUESTIONS
    start, tiers = figures["warm start"], figures["by tier, disk"]
    goals = [
        Goal("calls of the source for one question of 6 processes", asked, 1),
        Goal("p99 of a hit in memory, share of the source's time", tiers["memory"]["p99_ms"] / (SOURCE_SECONDS * 1_000), 0.5),
        Goal("p99 of a hit in Redis, share of p99 of a miss", tiers["redis"]["p99_ms"] / tiers["miss"]["p99_ms"], 0.8),
        Goal(
            "first reads over a warm disk, share of a cold start's time",
            start["disk"]["of_cold"],
            0.5,
        ),
        Goal("first reads over a warm Redis, same", start["redis"]["of_cold"], 0.5),
    ]
    for name, row in figures.items():
        print(f"{name}: {json.dumps(row)}")
    print(*goals, sep="\n")
    print(save("cache", figures, goals))


class Side:
    """One process' cache: the policy over its tiers."""

    def __init__(self, disk: Path | None = None, redis: str = "", cold: CacheStore | None = None, entries: int = 10_000) -> None:
        self.offload = GeventOffload()
        self._disk = disk
        self.redis = RedisCache(connection=connection_to(redis, CLOCK), clock=CLOCK) if redis else None
        self.memory = MemoryCache(clock=CLOCK, max_entries=entries, max_bytes=entries * BYTES_PER_ENTRY)
        self.tiers = TieredCache(
            near=self.memory, shared=self.redis, cold=cold or (self.cold() if disk else None), spawn=self.offload.spawn
        )
        self.policy = Cache(
            store=self.tiers,
            memory=self.tiers,
            outcomes=None,  # type: ignore[arg-type]  # reads only
            traits=lambda _: Traits(fresh_for=3_600),
            catalog_hash="bench",
            lifetimes=Lifetimes(),
            refreshes=Refreshes(spawn=self.offload.spawn, audit=lambda call, proceed: proceed(call), clock=CLOCK),
        )

    def cold(self) -> CacheStore:
        """The disk."""
        assert self._disk is not None  # noqa: S101 - said by whoever made it
        return DiskCache(path=self._disk, clock=CLOCK, offload=self.offload)

    def read(self, key: int, source: Callable[[Call], Answer]) -> tuple[str, float]:
        """Which tier had the answer, and the seconds it took."""
        asked = a_call(key)
        started = time.perf_counter()
        self.policy(asked, source)
        return asked.record.tier, time.perf_counter() - started

    def settle(self) -> None:
        """Waits until everything is where it belongs."""
        self.tiers.settle(Deadline.after(CLOCK, 30))


def source(_: Call) -> Answer:
    """What is asked where nothing is kept."""
    gevent.sleep(SOURCE_SECONDS)
    return ANSWER


def at_once(keys: list[int], read: Callable[[int], Any]) -> list[Any]:
    """What each read gave; several greenlets share the keys."""
    left, results = iter(keys), []

    def work() -> None:
        for key in left:
            results.append(read(key))  # noqa: PERF401 - the greenlets share the list

    gevent.joinall([gevent.spawn(work) for _ in range(GREENLETS)], raise_error=True)
    return results


def by_tier(redis: str, cold: CacheStore, reads: int) -> dict[str, Any]:
    """Share, p50 and p99 of each tier."""
    with connected(redis) as raw:
        raw.ask("", "FLUSHALL")
    writer = Side(redis="", cold=cold)
    at_once(list(range(IN_COLD)), lambda key: writer.read(key, lambda _: ANSWER))
    writer.settle()
    shared = Side(redis=redis)
    at_once(list(range(IN_REDIS)), lambda key: shared.read(key, lambda _: ANSWER))
    shared.settle()
    side = Side(redis=redis, cold=cold, entries=IN_MEMORY)
    chance = random.Random(7)
    ranks = chance.sample(range(KEYS), KEYS)
    chosen = chance.choices(range(KEYS), weights=[1 / (1 + rank) for rank in ranks], k=reads)
    found = at_once(chosen, lambda key: side.read(key, source))
    side.settle()
    table = {}
    for tier in sorted({tier for tier, _ in found}):
        taken = [seconds for name, seconds in found if name == tier]
        table[tier] = {"share": round(len(taken) / reads, 3)} | {
            f"p{share * 100:.0f}_ms": round(quantile(taken, share) * 1_000, 2) for share in (0.5, 0.99)
        }
    return table


def over_processes(redis: str) -> dict[str, Any]:
    """How often the source was asked, and the seconds until every process had every answer."""
    command = [sys.executable, "-c", "from bench.cache import one_of_many; one_of_many()", redis]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(PROCESSES)]
    streams = [(process.stdin, process.stdout) for process in processes if process.stdin and process.stdout]
    for _, out in streams:
        out.readline()
    with connected(redis) as raw:
        raw.ask("", "FLUSHALL")
    for into, _ in streams:
        into.write("go\n")
        into.flush()
    told = [json.loads(out.readline()) for _, out in streams]
    for process in processes:
        process.wait()
    return {"asked": sum(each["asked"] for each in told), "slowest_ms": round(max(each["seconds"] for each in told) * 1_000)}


def one_of_many() -> None:
    """A process that asks the same questions as the others, when it is told to."""
    side, asked = Side(redis=sys.argv[1]), []

    def slow(call: Call) -> Answer:
        asked.append(call)
        gevent.sleep(SLOW_SECONDS)
        return ANSWER

    print("ready", flush=True)
    sys.stdin.readline()
    started = time.perf_counter()
    at_once(list(range(QUESTIONS)), lambda key: side.read(key, slow))
    print(json.dumps({"asked": len(asked), "seconds": time.perf_counter() - started}), flush=True)
    side.settle()


def warm_start(redis: str, folder: Path) -> dict[str, Any]:
    """The first reads of a process that was started anew."""
    with connected(redis) as raw:
        raw.ask("", "FLUSHALL")
    before = Side(disk=folder / "warm.sqlite", redis=redis)
    keys = list(range(FIRST_READS))
    at_once(keys, lambda key: before.read(key, lambda _: ANSWER))
    before.settle()
    table = {}
    sides = {"nothing": Side(disk=folder / "new.sqlite"), "disk": Side(disk=folder / "warm.sqlite"), "redis": Side(redis=redis)}
    for name, side in sides.items():
        started = time.perf_counter()
        found = at_once(keys, lambda key, side=side: side.read(key, source))
        seconds = time.perf_counter() - started
        hits = sum(tier != "miss" for tier, _ in found) / FIRST_READS
        table[name] = {"seconds": round(seconds, 3), "hits": hits}
    cold = table["nothing"]["seconds"]
    return {name: {**row, "of_cold": round(row["seconds"] / cold, 3)} for name, row in table.items()}


def a_call(key: int) -> Call:
    """A call as the front hands it to the cache."""
    return Call(
        operation=OPERATION,
        arguments={"query": f"customer {key}"},
        origin=Origin(workspace=WORKSPACE, surface="workflow"),
        deadlines=Deadlines.start(CLOCK),
        record=Record(request_id="bench", started=CLOCK.monotonic()),
        host=None,  # type: ignore[arg-type]  # nothing asks it
        caller=Caller(subject="bench"),
        scope=Scope(grants=frozenset(["crm.read"]), sources={"crm": ("*",)}),
    )


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Commands for the server; none where there is none."""
    made = connection_to(url, CLOCK) if url else None
    try:
        yield made or type("NoRedis", (), {"ask": lambda *_: None})()
    finally:
        if made is not None:
            made.close()


def bucket_cache(endpoint: str) -> CacheStore:
    """The bucket."""
    keys = {"access_key_id": "test", "secret_access_key": "test-secret"}
    config = S3Cold.model_validate({"kind": "s3", "endpoint": endpoint, "bucket": "answers", "auth": keys, "timeout": "10s"})
    client = HttpClient(guard=EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": endpoint}))
    return S3Cache(config=config, client=client, clock=CLOCK, spawn=GeventOffload().spawn)


if __name__ == "__main__":
    main()
