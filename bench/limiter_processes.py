"""Processes that share a limit on one Redis: what they started, and whether the limit held (`bench.limiter`, and a test).

Each process is a Python of its own with its own connection and greenlets that want more than the limit gives. What was started is
judged by moments that every process shares (the machine's monotonic clock): the asking and the answer of each decision, between
which it was made. So "more than the limit" and "out of order" are said only where they are certain.
"""

# isort: off
import bench.patched  # noqa: F401 - before anything that imports sockets
# isort: on

import itertools
import json
import random
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import gevent

from bench.servers import connection_to
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.pipeline.gate_steps import Enter, Repeat, Settle
from faas_toolkit.pipeline.script_forms import script_forms
from faas_toolkit.state.redis.cells import RedisCells

SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Load:
    """What every process of one run does."""

    url: str
    limit: int
    per: float
    seconds: float
    of: str = "requests"
    estimate: int = 1
    """What a call reserves."""
    used: tuple[int, int] = (1, 1)
    """What it really uses, at least and at most."""
    greenlets: int = 3
    processes: int = 8
    skew: float = 0.0
    """Seconds by which the clocks of every second process are ahead."""
    key: str = "run"
    limiter: str = "ours"
    patience: float = 20.0


@dataclass
class Run:
    """What became of it."""

    starts: list[tuple[float, float, int, int]] = field(default_factory=list)
    """Asked, answered (seconds), amount used, number of the caller."""
    bookings: list[tuple[float, float, float]] = field(default_factory=list)
    """Of each first asking: asked, answered, and the wait that was given."""
    began: float = 0.0

    def most_in_a_period(self, per: float) -> int:
        """The most that certainly started in one period."""
        most, window, total = 0, [], 0
        for start in sorted(self.starts, key=lambda start: start[1]):
            window.append(start)
            total += start[2]
            while window and window[0][1] <= start[1] - per:
                total -= window.pop(0)[2]
            certain = sum(amount for asked, _, amount, _ in window if asked > start[1] - per)
            most = max(most, certain)
        return most

    def use(self, load: Load) -> float:
        """What started of the most that may in this time: all at once at the beginning, and again at each full period."""
        end, bursts = self.began + load.seconds, 1 + int(load.seconds / load.per)
        return sum(start[2] for start in self.starts if start[1] <= end) / (load.limit * bursts)

    def inversions(self) -> int:
        """Bookings that certainly came later and were given a certainly earlier place."""
        found, latest = 0, 0.0
        answered = sorted(self.bookings, key=lambda booking: booking[1])
        at = 0
        for asked, replied, wait in sorted(self.bookings):
            while at < len(answered) and answered[at][1] < asked:
                latest = max(latest, answered[at][0] + answered[at][2])
                at += 1
            found += replied + wait < latest
        return found

    def jain(self, callers: int) -> float:
        """Jain's index of fairness over callers that want the same."""
        counts = [sum(1 for start in self.starts if start[3] == caller) for caller in range(callers)]
        return sum(counts) ** 2 / (callers * sum(count**2 for count in counts))


def run(load: Load) -> Run:
    """Runs all processes to their end."""
    module = "bench.limiter_processes" if load.limiter == "ours" else "bench.limiter_peers"
    command = [sys.executable, "-m", module, json.dumps(asdict(load))]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen([*command, str(number)], **pipes) for number in range(load.processes)]  # type: ignore[call-overload]
    for worker in workers:
        worker.stdout.readline()  # it is ready
    result = Run(began=time.monotonic() + 0.3)
    for worker in workers:
        worker.stdin.write(f"{result.began}\n")
        worker.stdin.flush()
    for worker in workers:
        text, _ = worker.communicate(timeout=load.seconds + load.patience + 60)
        if worker.returncode:
            raise RuntimeError(f"a process ended with {worker.returncode}")
        told = json.loads(text)
        result.starts += [tuple(start) for start in told["starts"]]
        result.bookings += [tuple(booking) for booking in told["bookings"]]
    return result


class SkewedClock(SystemClock):
    """A clock that is ahead."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def monotonic(self) -> float:
        """Seconds."""
        return super().monotonic() + self._ahead

    def epoch(self) -> float:
        """Seconds."""
        return super().epoch() + self._ahead


class Worker:
    """One process."""

    def __init__(self, load: Load, number: int) -> None:
        self.load = load
        self.number = number
        clock = SkewedClock(load.skew if number % 2 else 0.0)
        self.cells = RedisCells(connection_to(load.url, clock), script_forms())
        self.target = Target(id="target", limits=(LimitLine(load.of, load.limit, load.per),))  # type: ignore[arg-type]
        self.calls = itertools.count()
        self.random = random.Random(number)
        self.starts: list[tuple[float, float, int, int]] = []
        self.bookings: list[tuple[float, float, float]] = []

    def work(self, caller: int, until: float) -> None:
        """Asks, waits for the place that was booked, starts and settles, again and again."""
        while time.monotonic() < until:
            call = f"{self.number}-{next(self.calls)}"
            step = Enter(
                target=self.target,
                call=call,
                cost={self.load.of: self.load.estimate},
                first=True,
                patience=int(self.load.patience * SECOND),
                lease=60 * SECOND,
                probe_lease=60 * SECOND,
            )
            asked = time.monotonic()
            entry = self.cells.apply((f"{self.load.key}:target",), step)
            if entry.outcome in ("go", "wait"):
                self.bookings.append((asked, time.monotonic(), entry.wait / SECOND))
            while entry.outcome == "wait":
                gevent.sleep(entry.wait / SECOND)
                asked = time.monotonic()
                entry = self.cells.apply((f"{self.load.key}:target",), step)
            if entry.outcome != "go":
                gevent.sleep(min(0.2, max(0.01, entry.wait / SECOND)))
                continue
            used = self.random.randint(*self.load.used)
            self.starts.append((asked, time.monotonic(), used, caller))
            self.cells.apply((f"{self.load.key}:target",), Settle(call, answered=True, usage={self.load.of: used}))


def main(arguments: Sequence[str]) -> None:
    """A process: waits for the common beginning, works, and tells."""
    said: Mapping[str, object] = json.loads(arguments[0])
    load = Load(**{**said, "used": tuple(said["used"])})  # type: ignore[arg-type]
    worker = Worker(load, int(arguments[1]))
    worker.cells.apply(("warm:target",), Repeat())
    print("ready", flush=True)
    starts_at = float(sys.stdin.readline())
    gevent.sleep(max(0.0, starts_at - time.monotonic()))
    until = starts_at + load.seconds
    gevent.joinall([gevent.spawn(worker.work, caller, until) for caller in range(load.greenlets)], raise_error=True)
    print(json.dumps({"starts": worker.starts, "bookings": worker.bookings}))


if __name__ == "__main__":
    main(sys.argv[1:])
