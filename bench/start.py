"""Start-up and idle memory of the plugin beside a bare one: `python -m bench.start [rounds]`.

Both start in turn, so that both meet the same machine. Our share is the difference of the medians to the first heartbeat; memory
is the resident set one second after it, before any call. Goals: ≤ 50 ms, ≤ 1.25 x (design.md §3.7).
"""

import sys
import time
from pathlib import Path

from bench.measure import Goal, median, save
from workbench.host import PluginHost

ROOT = Path(__file__).parent.parent
PLUGINS = {"bare": ROOT / "bench" / "bare_plugin", "toolkit": ROOT}
SETTLE_SECONDS = 1.0


def main() -> None:
    """Measures and prints."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    seconds: dict[str, list[float]] = {name: [] for name in PLUGINS}
    memory: dict[str, list[float]] = {name: [] for name in PLUGINS}
    for number in range(rounds + 1):
        for name, root in PLUGINS.items():
            to_ready, resident = start_once(root)
            if number:  # the first round fills the caches of bytecode and disk
                seconds[name].append(to_ready)
                memory[name].append(resident)
    report(seconds, memory)


def start_once(root: Path) -> tuple[float, float]:
    """Seconds to the first heartbeat, and resident MB when idle."""
    began = time.monotonic()
    with PluginHost(root) as host:
        to_ready = host.process.heartbeats[0] - began
        time.sleep(SETTLE_SECONDS)
        status = Path(f"/proc/{host.process.pid}/status").read_text(encoding="utf-8")
        kilobytes = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return to_ready, kilobytes / 1024


def report(seconds: dict[str, list[float]], memory: dict[str, list[float]]) -> None:
    """Prints the table and keeps the figures."""
    figures = {
        name: {
            "median_ms": round(median(seconds[name]) * 1_000, 1),
            "fastest_ms": round(min(seconds[name]) * 1_000, 1),
            "idle_mb": round(median(memory[name]), 1),
        }
        for name in PLUGINS
    }
    share = figures["toolkit"]["median_ms"] - figures["bare"]["median_ms"]
    goals = [
        Goal("our share of start-up, ms", share, 50),
        Goal("idle memory, ratio", figures["toolkit"]["idle_mb"] / figures["bare"]["idle_mb"], 1.25),
    ]
    for name, row in figures.items():
        print(f"{name:8} start {row['median_ms']:7.1f} ms (fastest {row['fastest_ms']:.1f})   idle {row['idle_mb']:6.1f} MB")
    print(*goals, sep="\n")
    print(save("start", figures, goals))


if __name__ == "__main__":
    main()
