"""What a governed call costs beside a bare tool that sends the same messages: `python -m bench.call [calls]`.

Both run as plugin processes over stdio under the same host, in alternating rounds. For each case the messages of 40 governed
calls are recorded; the bare plugin replays them in turn. The host runs on one core, the plugins, of which one works at a time, on
another. Goals with `audit: fast`: without I/O p50 ≤ 1.25 x and ≥ 0.8 x the calls per second; an embedded lookup that misses the
cache ≤ 2 x.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from bench.measure import Goal, median, on_cores_of_their_own, quantile, save
from workbench.host import PluginHost
from workbench.surfaces import sender_for

ROOT = Path(__file__).parent.parent
ROUNDS = 6
CONCURRENT = 16
RATE_CALLS = 1_000
"""Of each round: long enough that what is done every 0.1 s, such as writing audit rows, falls into each alike."""
RECORDINGS = 40
APART = 17
"""Numbers from one recorded call to the next, so that they are of every kind."""
Parameters = Callable[[int], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """One governed call that is measured."""

    name: str
    tool: str
    audit: str
    parameters: Parameters
    p50_goal: float
    rate_goal: float | None = None


KEYS: list[str] = []
"""Names and e-mail addresses of the sample's people, as callers would type them."""


def another_lookup(number: int) -> dict[str, Any]:
    """A lookup by a name or an address; no two of a run are equal, so none is answered from the cache."""
    return {"query": KEYS[number % len(KEYS)] + "," * (number // len(KEYS) % 40), "limit": 5}


CASES = (
    Case("without I/O", "list_capabilities", "fast", lambda _: {}, 1.25, 0.8),
    Case("without I/O", "list_capabilities", "durable", lambda _: {}, 1.25, 0.8),
    Case("embedded lookup", "crm_lookup", "fast", another_lookup, 2.0),
    Case("embedded lookup", "crm_lookup", "durable", another_lookup, 2.0),
    Case("cached lookup", "crm_lookup", "fast", lambda _: {"query": "Wei"}, 1.25),
)


def main() -> None:
    """Measures every case and prints."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_800
    figures: dict[str, Any] = {}
    goals: list[Goal] = []
    for case in CASES:
        row = measure(case, calls)
        figures[f"{case.name}, audit {case.audit}"] = row
        print(f"{case.name}, audit {case.audit}: {json.dumps(row)}")
        if case.audit == "fast":
            goals.append(Goal(f"{case.name}: p50, ratio", row["p50_ratio"], case.p50_goal))
            if case.rate_goal is not None:
                goals.append(Goal(f"{case.name}: calls per second, ratio", row["rate_ratio"], case.rate_goal, at_most=False))
    print(*goals, sep="\n")
    print(save("call", figures, goals))


def measure(case: Case, calls: int) -> dict[str, float]:
    """The figures of one case."""
    with plugins(case) as (governed, bare):
        sides = {"governed": governed, "bare": bare}
        one: dict[str, list[float]] = {name: [] for name in sides}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        numbers = count(APART * RECORDINGS)
        for _ in range(ROUNDS):
            for name, call in sides.items():
                one[name] += [timed(call, next(numbers)) for _ in range(calls // ROUNDS)]
                rates[name].append(rate(call, numbers, RATE_CALLS))
    row = {
        f"{name}_{label}_ms": round(quantile(one[name], share) * 1_000, 2)
        for name in sides
        for label, share in (("p50", 0.5), ("p99", 0.99))
    }
    row |= {f"{name}_calls_per_second": round(median(rates[name])) for name in sides}
    row["p50_ratio"] = round(row["governed_p50_ms"] / row["bare_p50_ms"], 3)
    row["rate_ratio"] = round(median([ours / theirs for ours, theirs in zip(rates["governed"], rates["bare"], strict=True)]), 3)
    return row


@contextmanager
def plugins(case: Case) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """Both plugins running, as functions that make call number n."""
    catalog = json.dumps({"version": 1, "audit": {"write": case.audit}})
    sender = sender_for("workflow")
    with tempfile.TemporaryDirectory() as folder:
        environment = {"FAAS_TOOLKIT_DATA_DIR": f"{folder}/data"}
        with PluginHost(ROOT, environment=environment) as toolkit, PluginHost(ROOT / "bench" / "bare_plugin") as bare_plugin:

            def governed(number: int) -> None:
                reply = toolkit.invoke_tool(case.tool, case.parameters(number), sender=sender, credentials={"catalog": catalog})
                require_ok(reply)

            KEYS[:] = keys_of_sample(toolkit)
            for number in range(RECORDINGS):  # opens the store and loads what is loaded on first use, too
                parameters = case.parameters(APART * number)
                reply = toolkit.invoke_tool(case.tool, parameters, sender=sender, credentials={"catalog": catalog})
                require_ok(reply)
                messages = [["text", reply.text], *reply.variables.items()]
                (Path(folder) / f"{number}.json").write_text(json.dumps(messages), encoding="utf-8")

            def bare(number: int) -> None:
                bare_plugin.invoke_tool("replay", {"recording": f"{folder}/{number % RECORDINGS}.json"}, sender=sender)

            for number in range(RECORDINGS):
                bare(number)
            with on_cores_of_their_own(toolkit.process.pid, bare_plugin.process.pid):
                yield governed, bare


def keys_of_sample(toolkit: PluginHost) -> list[str]:
    """Asks for all people of the sample, page by page."""
    keys: list[str] = []
    page = {"entity": "person", "filters": '{"created": {"gte": "2000-01-01"}}', "limit": 50}
    cursor = ""
    while True:
        reply = toolkit.invoke_tool("crm_lookup", {**page, "cursor": cursor}, sender=sender_for("workflow"))
        require_ok(reply)
        keys += [str(record[name]) for record in reply.variables["records"] for name in ("name", "email") if record.get(name)]
        cursor = reply.variables["next_cursor"]
        if not cursor:
            return keys


def require_ok(reply: Any) -> None:  # noqa: ANN401 - the host's reply
    """A benchmark of failures would mean nothing."""
    if reply.error is not None or reply.variables.get("ok") is not True:
        raise RuntimeError(f"the call failed: {reply.error or reply.variables.get('error')}")


def timed(call: Callable[[int], None], number: int) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    call(number)
    return time.perf_counter() - began


def rate(call: Callable[[int], None], numbers: Iterator[int], calls: int) -> float:
    """Calls per second with 16 callers."""
    work = [next(numbers) for _ in range(calls)]
    began = time.perf_counter()
    with ThreadPoolExecutor(CONCURRENT) as callers:
        list(callers.map(call, work))
    return calls / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
