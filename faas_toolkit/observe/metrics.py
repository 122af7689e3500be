"""Counters and durations of this process, by operation and outcome: nothing of a user, a workspace or an argument.

Kept in plain numbers, which costs a call about a microsecond; `prometheus_client` is loaded when somebody reads them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client import Metric

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds in seconds."""
_MOST_SERIES = 1_000
_OTHER = "other"


class Metrics:
    """What is counted. No method yields to another greenlet."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str, str]] = Counter()
        self._durations: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._masked: Counter[str] = Counter()
        self._cache_reads: Counter[tuple[str, str, str]] = Counter()
        self._audit_rows_lost = 0
        self._without_redis: Counter[str] = Counter()

    def called(self, operation: str, outcome: str, seconds: float, *, cached: bool) -> None:
        """Counts an ended call; `outcome` is `ok` or the kind of the failure, `seconds` its duration."""
        series = (operation, outcome, "true" if cached else "false")
        if len(self._calls) >= _MOST_SERIES and series not in self._calls:  # labels come from our own tables; this is a fuse
            series = (_OTHER, _OTHER, series[2])
        self._calls[series] += 1
        buckets = self._durations.get(series[0])
        if buckets is None:
            buckets = self._durations[series[0]] = [0] * (len(BUCKETS) + 1)
        buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds[series[0]] += seconds  # type: ignore[assignment]  # a Counter adds floats as well

    def attempted(self, operation: str, outcome: str) -> None:
        """Counts one attempt at a target."""
        self._attempts[operation, outcome] += 1

    def cache_read(self, operation: str, tier: str, *, stale: bool) -> None:
        """Counts one look into the cache; `tier` is the one that had the answer, or `miss`."""
        self._cache_reads[operation, tier, "true" if stale else "false"] += 1

    def masked(self, detector: str, count: int) -> None:
        """Counts values that were masked."""
        self._masked[detector] += count

    def audit_rows_lost(self, count: int) -> None:
        """Counts audit rows that could not be kept."""
        self._audit_rows_lost += count

    def decided_without_redis(self, how: str) -> None:
        """Counts one decision about limits while Redis was away; `how` is the catalog's `state.redis_gone`."""
        self._without_redis[how] += 1

    def exposition(self) -> bytes:
        """All numbers in Prometheus' text format (version 0.0.4)."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> "Iterator[Metric]":
        """The numbers as a collector of prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        calls = CounterMetricFamily("faas_toolkit_calls", "Calls that ended.", labels=("operation", "outcome", "cached"))
        for series, count in self._calls.items():
            calls.add_metric(series, count)
        yield calls
        durations = HistogramMetricFamily("faas_toolkit_call_duration_seconds", "How long calls took.", labels=("operation",))
        for operation, buckets in self._durations.items():
            durations.add_metric((operation,), _cumulative(buckets), self._seconds[operation])
        yield durations
        attempts = CounterMetricFamily("faas_toolkit_attempts", "Attempts at targets.", labels=("operation", "outcome"))
        for attempt, count in self._attempts.items():
            attempts.add_metric(attempt, count)
        yield attempts
        reads = CounterMetricFamily(
            "faas_toolkit_cache_reads",
            "Looks into the cache, by the tier that had the answer.",
            labels=("operation", "tier", "stale"),
        )
        for read, count in self._cache_reads.items():
            reads.add_metric(read, count)
        yield reads
        masked = CounterMetricFamily("faas_toolkit_masked_values", "Values masked in answers.", labels=("detector",))
        for detector, count in self._masked.items():
            masked.add_metric((detector,), count)
        yield masked
        without = CounterMetricFamily(
            "faas_toolkit_decisions_without_redis", "Decisions about limits while Redis was away.", labels=("how",)
        )
        for how, count in self._without_redis.items():
            without.add_metric((how,), count)
        yield without
        yield CounterMetricFamily(
            "faas_toolkit_audit_rows_lost", "Audit rows that could not be kept.", value=self._audit_rows_lost
        )


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    total, result = 0, []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
        total += count
        result.append((bound, float(total)))
    return result
