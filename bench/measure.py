"""What the benchmarks share: quantiles, and a table that a person reads. Figures are compared only within one run."""

import json
import math
import platform
from collections.abc import Mapping, Sequence
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
