"""How long the plugin's one thread is away under a load of all tools: `python -m bench.heartbeat [seconds]`.

The plugin runs as a process under the development host. In it, a greenlet of its own sleeps 1 ms at a time and writes down how
much later than that it was woken, while callers work through every tool, with small questions and with large arguments and
answers alike. What a busy machine adds is taken off: the time for which the thread was ready and another process had the core.
Goal: never later than 35 ms, once what is loaded on first use has been loaded.
"""

import itertools
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.measure import Goal, quantile, save
from bench.model_server import serving
from workbench.host import PluginHost
from workbench.surfaces import sender_for

ROOT = Path(__file__).parent.parent
GOAL_MS = 35
CALLERS = 4
WARM_UP = 60
"""Calls after which the beat is listened to."""

MAIN = """
import sys
sys.path.insert(0, {root!r})
from main import plugin
from bench.beating import beat
import gevent
gevent.spawn(beat, {folder!r})
plugin.run()
"""
"""The plugin's own entry point, with the greenlet beside it."""

PROSE = "The customer asked about order 2024-1234, paid 1,250.00 EUR and wrote from ana@example.com about the renewal. "


def calls(url: str) -> Mapping[str, Sequence[Callable[[int], dict[str, Any]]]]:
    """Arguments of every tool, by the number of the call."""
    return {
        "crm_lookup": [
            lambda n: {"query": ("Aurora", "Wei", "佐藤", "silva", "maria garcia")[n % 5], "limit": 1 + n % 50},
            lambda n: {"query": f"nobody called {n}", "limit": 50},
            lambda _: {"entity": "deal", "filters": '{"open": true}', "limit": 50, "include": "company,people"},
        ],
        "knowledge_search": [lambda n: {"query": f"how do I return item {n}", "top_k": 1 + n % 20}],
        "knowledge_add": [
            lambda n: {"text": PROSE * 20, "title": f"note {n % 40}", "base": "notes"},
            lambda n: {"text": PROSE * 2_000, "title": f"report {n % 4}", "base": "notes"},
        ],
        "knowledge_remove": [lambda n: {"base": "notes", "filters": json.dumps({"title": f"note {n % 40}"})}],
        "function_call": [
            lambda n: {"function": "small", "arguments": json.dumps({"n": n})},
            lambda n: {"function": "large", "arguments": json.dumps({"n": n, "text": PROSE * 500})},
        ],
        "model_generate": [lambda n: {"prompt": f"Say twelve words, the {n}th time.", "pool": "chat"}],
        "model_fallback": [lambda _: {"prompt": "Hello", "model": MODEL, "fallback_model": MODEL}],
        "list_capabilities": [lambda _: {}],
        "diagnose": [lambda _: {"check": "all"}],
        "audit_search": [lambda n: {"limit": 1 + n % 100}],
        "cache_warm": [
            lambda n: {"calls": json.dumps([{"tool": "function_call", "arguments": {"function": "small"}}] * (n % 5 + 1))}
        ],
        "erase_person": [lambda n: {"person": f"nobody{n}@example.com"}],
    }


MODEL = {"provider": "langgenius/bench/bench", "model": "bench", "model_type": "llm", "mode": "chat"}
PIECE = {
    "model": "bench",
    "prompt_messages": [],
    "system_fingerprint": None,
    "delta": {
        "index": 0,
        "message": {"role": "assistant", "content": "Hello.", "name": None, "tool_calls": []},
        "usage": None,
        "finish_reason": "stop",
    },
}
"""What a model of Dify answers."""


def catalog(url: str) -> str:
    """Everything is looked at and masked; nothing is limited."""
    functions = {
        name: {
            "platform": "http",
            "target": {"url": f"{url}/{name}"},
            "describe": f"Answers with {name} data.",
            "arguments": {"type": "object"},
        }
        for name in ("small", "large")
    }
    deployment = {"name": "main", "kind": "openai", "url": f"{url}/v1", "model": "m"}
    return json.dumps(
        {
            "version": 1,
            "roles": {"member": {"allow": ["*"], "mask": {"email": "partial", "phone": "partial"}}},
            "crm": {"main": {"kind": "embedded"}},
            "knowledge": {"notes": {"kind": "embedded"}},
            "functions": functions,
            "models": {"pools": {"chat": {"deployments": [deployment]}}},
            "review": {"detect": ["email", "phone"], "refuse": [{"pattern": "(?i)ignore all previous"}]},
            "audit": {"write": "fast"},
        }
    )


def main() -> None:
    """Measures and prints."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    with ExitStack() as stack:
        url = stack.enter_context(serving())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plugin = stack.enter_context(PluginHost(beating(folder), environment=environment(folder, url)))
        outcomes = load(plugin, url, seconds, folder)
        beats = json.loads(stopped(folder).read_text(encoding="utf-8"))
    late = [wall - ready for wall, ready in beats]
    figures: dict[str, object] = {
        "beats": len(beats),
        "calls": dict(sorted(outcomes.items())),
        "late_p50_ms": quantile(late, 0.5),
        "late_p99_ms": quantile(late, 0.99),
        "late_p999_ms": quantile(late, 0.999),
        "late_longest_ms": max(late),
        "with_the_machine_longest_ms": max(wall for wall, _ in beats),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    failed = sum(count for name, count in outcomes.items() if not name.endswith(": ok"))
    goals = [Goal("longest wait of a beat, ms", max(late), GOAL_MS), Goal("calls that failed", failed, 0)]
    print(*goals, sep="\n")
    print(save("heartbeat", figures, goals))


def environment(folder: Path, url: str) -> Mapping[str, str]:
    """What the operator sets."""
    return {"FAAS_TOOLKIT_DATA_DIR": str(folder / "data"), "FAAS_TOOLKIT_NETWORK_ALLOW": url}


def beating(folder: Path) -> Path:
    """The plugin's folder, with another entry point."""
    plugin = folder / "plugin"
    plugin.mkdir()
    for path in ROOT.iterdir():
        if path.name != "main.py" and not path.name.startswith("."):
            (plugin / path.name).symlink_to(path)
    (plugin / "main.py").write_text(MAIN.format(root=str(ROOT), folder=str(folder)), encoding="utf-8")
    return plugin


def load(plugin: PluginHost, url: str, seconds: float, folder: Path) -> Counter[str]:
    """Calls every tool over and over; how often each came to what."""
    table = calls(url)
    declared = {path.stem for path in (ROOT / "tools").glob("*.yaml")}
    if missing := declared - set(table):
        raise RuntimeError(f"no arguments for {', '.join(sorted(missing))}")
    kinds = [(tool, make) for tool in sorted(declared) for make in table[tool]]
    credentials = {"catalog": catalog(url)}
    plugin.workspace().handlers["llm"] = lambda _: iter([PIECE])
    outcomes: Counter[str] = Counter()
    numbers = itertools.count()
    until = time.monotonic() + seconds
    listening = threading.Event()

    def work(_: int) -> None:
        while time.monotonic() < until:
            number = next(numbers)
            tool, make = kinds[number % len(kinds)]
            reply = plugin.invoke_tool(
                tool, {**make(number), "on_error": "return"}, sender=sender_for("workflow"), credentials=credentials
            )
            error = reply.variables.get("error") or {}
            outcomes[f"{tool}: {'ok' if reply.variables.get('ok') else error.get('kind', reply.error)}"] += 1
            if number >= WARM_UP and not listening.is_set():
                listening.set()
                (folder / "listen").touch()

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(work, range(CALLERS)))
    return outcomes


def stopped(folder: Path) -> Path:
    """The file with the beats, which the plugin writes when it is asked to."""
    (folder / "tell").touch()
    written = folder / "beats.json"
    until = time.monotonic() + 10
    while not written.exists():
        if time.monotonic() > until:
            raise RuntimeError("the plugin did not tell")
        time.sleep(0.05)
    return written


if __name__ == "__main__":
    main()
