"""What a refused call is told: which limit, how it stands, when to come back, what an administrator could change."""

import math
from collections.abc import Mapping

from faas_toolkit.core.errors import Failure, Throttled, TooLarge, Unavailable
from faas_toolkit.core.outbound import LimitLine, Measure, Target
from faas_toolkit.pipeline.gate_steps import Entry

_FULL_PAUSE = 1.0
"""When to come back where calls in flight fill the target; nobody knows when one of them ends."""


def refusal(target: Target, entry: Entry, cost: Mapping[Measure, int]) -> Failure:
    """The failure that an `Entry` other than `go` means. Nothing was sent, so all of them may be repeated without harm."""
    when = seconds(entry.wait)
    if entry.outcome == "broken":
        return Unavailable(
            f"{target.id} failed too often and is left alone until it has recovered.",
            hint=f"Ask again in {when}, or use another source.",
            retry_after=entry.wait,
            not_executed=True,
        )
    if entry.outcome == "left_alone":
        return Throttled(
            f"{target.id} asked to be left alone for another {when}; a call waits {seconds(target.max_wait)} at most.",
            hint=f"Ask again in {when}.",
            retry_after=entry.wait,
            not_executed=True,
        )
    line = entry.line
    if line is None or entry.outcome == "full":
        return _full(target, line)
    if entry.outcome == "never":
        return TooLarge(
            f"This call needs {cost.get(line.of, 1)} {line.of} at once, but {target.id} allows {describe(line)}.",
            hint=f"Ask for less in one call, or have the target's `limits` raised to at least {cost.get(line.of, 1)} {line.of}.",
            not_executed=True,
        )
    return Throttled(
        f"{target.id} allows {describe(line)}; the next place is free in {when}, and this call could not wait that long.",
        hint=f"Ask again in {when}, or have `limits` or `max_wait` of the target raised in the catalog.",
        retry_after=entry.wait,
        not_executed=True,
    )


def _full(target: Target, line: LimitLine | None) -> Throttled:
    allowed = f"{line.limit} calls" if line is not None else "its number of calls"
    return Throttled(
        f"{target.id} may run {allowed} at the same time, and none of them ended in the time this call could wait.",
        hint="Ask again in a moment, or have `concurrency` in the target's `limits` raised in the catalog.",
        retry_after=_FULL_PAUSE,
        not_executed=True,
    )


def describe(line: LimitLine) -> str:
    """E.g. `50 requests in any 10 s`."""
    return f"{line.limit} {line.of} in any {seconds(line.per)}"


def seconds(value: float) -> str:
    """A wait as people say it, rounded up so that whoever comes back then is not too early."""
    if value >= 10:
        return f"{math.ceil(value)} s"
    return f"{math.ceil(value * 10) / 10:g} s"
