"""What the benchmarks share: quantiles, and a table that a person reads. Figures are compared only within one run."""

import json
import math
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return quantile(values, 0.5)


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with what it should be; a benchmark reports, it does not fail."""

    name: str
    figure: float
    bound: float
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether the figure keeps its bound."""
        return self.figure <= self.bound if self.at_most else self.figure >= self.bound

    def __str__(self) -> str:
        """`name: figure (goal ≤ bound): met`."""
        sign = "≤" if self.at_most else "≥"
        return f"{self.name}: {self.figure:.2f} (goal {sign} {self.bound:g}): {'met' if self.met else 'MISSED'}"


@contextmanager
def on_cores_of_their_own(*processes: int) -> Iterator[None]:
    """Lets this process run on one core and the processes with these ids on another, where there are two and Linux.

    Else the kernel moves both sides of a wire about and puts them on one core as often as on two, by which a median differs by a
    third from run to run.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield
        return
    _run_on(os.getpid(), {cores[0]})
    for process in processes:
        _run_on(process, {cores[1]})
    try:
        yield
    finally:
        _run_on(os.getpid(), set(cores))


def _run_on(process: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{process}/task").iterdir():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), cores)


def save(name: str, figures: Mapping[str, object], goals: Sequence[Goal]) -> Path:
    """Writes one run's figures under its date."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{name}.json"
    document = {
        "measured": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "python": platform.python_version(),
        "figures": figures,
        "goals": [str(goal) for goal in goals],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
