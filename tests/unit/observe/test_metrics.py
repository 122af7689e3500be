"""What is counted, as Prometheus reads it."""

import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from faas_toolkit.observe.metrics import BUCKETS, Metrics

ROOT = Path(__file__).parents[3]


def read(metrics):
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_calls_are_counted_by_operation_outcome_and_cache():
    metrics = Metrics()
    metrics.called("crm.lookup", "ok", 0.002, cached=False)
    metrics.called("crm.lookup", "ok", 0.3, cached=True)
    metrics.called("crm.lookup", "ok", 0.3, cached=True)
    metrics.called("function.call", "unavailable", 99, cached=False)
    numbers = read(metrics)

    assert numbers["faas_toolkit_calls_total", "true", "crm.lookup", "ok"] == 2
    assert numbers["faas_toolkit_calls_total", "false", "crm.lookup", "ok"] == 1
    assert numbers["faas_toolkit_calls_total", "false", "function.call", "unavailable"] == 1


def test_durations_are_a_cumulative_histogram():
    metrics = Metrics()
    for seconds in (0.005, 0.006, 0.5, 99):
        metrics.called("crm.lookup", "ok", seconds, cached=False)
    numbers = read(metrics)
    bucket = "faas_toolkit_call_duration_seconds_bucket"

    assert [numbers[bucket, str(bound), "crm.lookup"] for bound in BUCKETS[:2]] == [1, 2]
    assert numbers[bucket, "0.5", "crm.lookup"] == 3
    assert numbers[bucket, "60.0", "crm.lookup"] == 3
    assert numbers[bucket, "+Inf", "crm.lookup"] == numbers["faas_toolkit_call_duration_seconds_count", "crm.lookup"] == 4
    assert numbers["faas_toolkit_call_duration_seconds_sum", "crm.lookup"] == 0.005 + 0.006 + 0.5 + 99


def test_attempts_masks_and_lost_rows_are_counted():
    metrics = Metrics()
    metrics.attempted("function.call", "throttled")
    metrics.masked("email", 3)
    metrics.audit_rows_lost(2)
    numbers = read(metrics)

    assert numbers["faas_toolkit_attempts_total", "function.call", "throttled"] == 1
    assert numbers["faas_toolkit_masked_values_total", "email"] == 3
    assert numbers["faas_toolkit_audit_rows_lost_total",] == 2


def test_the_number_of_series_is_bounded_and_no_call_is_uncounted():
    metrics = Metrics()
    for number in range(5_000):
        metrics.called(f"made.up{number}", "ok", 0, cached=False)
    calls = {key: value for key, value in read(metrics).items() if key[0] == "faas_toolkit_calls_total"}

    assert len(calls) == 1_001
    assert sum(calls.values()) == 5_000


def test_counting_loads_no_library():
    program = (
        "import sys; from faas_toolkit.observe.metrics import Metrics\n"
        "Metrics().called('crm.lookup', 'ok', 0.1, cached=False)\n"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_looks_into_the_cache_are_counted_by_tier():
    metrics = Metrics()
    for tier in ("memory", "memory", "redis", "miss"):
        metrics.cache_read("crm.lookup", tier, stale=False)
    metrics.cache_read("crm.lookup", "redis", stale=True)
    numbers = read(metrics)

    assert numbers["faas_toolkit_cache_reads_total", "crm.lookup", "false", "memory"] == 2
    assert numbers["faas_toolkit_cache_reads_total", "crm.lookup", "false", "redis"] == 1
    assert numbers["faas_toolkit_cache_reads_total", "crm.lookup", "true", "redis"] == 1
    assert numbers["faas_toolkit_cache_reads_total", "crm.lookup", "false", "miss"] == 1
