"""What a refused call is told: which limit, how it stands, when to come back, what an administrator could change."""

import math
from collections.abc import Mapping

from faas_toolkit.core.errors import Failure, QuotaSpent, Throttled, TooLarge, Unavailable
from faas_toolkit.core.outbound import CallerLine, LimitLine, Target
from faas_toolkit.pipeline.gate_steps import Entry
from faas_toolkit.pipeline.limits import weight_on

_FULL_PAUSE = 1.0
"""Seconds. When to come back where calls in flight fill the target; nobody knows when one of them ends."""


_OPENED = {"failed": "failed too often", "slow": "answered too slowly"}


def refusal(target: Target, entry: Entry, cost: Mapping[str, int]) -> Failure:
    """The failure that an `Entry` other than `go` means. Nothing was sent, so all of them may be repeated without harm."""
    wait = entry.wait / 1_000_000
    when = seconds(wait)
    if entry.outcome in _OPENED:
        return Unavailable(
            f"{target.id} {_OPENED[entry.outcome]} and is left alone until it has recovered.",
            hint=f"Ask again in {when}, or use another source.",
            retry_after=wait,
            not_executed=True,
        )
    if entry.outcome == "saturated":
        return _saturated(target, wait)
    if entry.outcome == "left_alone":
        return Throttled(
            f"{target.id} asked to be left alone for another {when}; a call waits {seconds(target.max_wait)} at most.",
            hint=f"Ask again in {when}.",
            retry_after=wait,
            not_executed=True,
        )
    line = entry.line
    if line is None or entry.outcome == "full":
        return _full(target, line)
    if entry.outcome == "never":
        needed = amount(line, weight_on(line, cost))
        return TooLarge(
            f"This call needs {needed} at once, but {target.id} allows {describe(line)}.",
            hint=f"Ask for less in one call, or have the target's `limits` raised to at least {needed}.",
            not_executed=True,
        )
    return Throttled(
        f"{target.id} allows {describe(line)}; the next place is free in {when}, and this call could not wait that long.",
        hint=f"Ask again in {when}, or have `limits` or `max_wait` of the target raised in the catalog.",
        retry_after=wait,
        not_executed=True,
    )


def quota_refusal(quota: CallerLine, needed: int, wait: int) -> QuotaSpent:
    """What a caller is told whose own quota has no room: it counts against nobody else, and nothing was sent.

    Args:
        quota: the line that refused.
        needed: what the call would have taken of it.
        wait: microseconds until asking again makes sense; 0: never.
    """
    line = quota.line
    if wait:
        again = _FULL_PAUSE if line.of == "concurrency" else wait / 1_000_000
        spent = QuotaSpent(
            f"The quota of {quota.whose} is used up: {describe(line)}.",
            hint=f"Ask again in {seconds(again)}, or have `limits` raised in the catalog.",
            retry_after=again,
            not_executed=True,
        )
    else:
        spent = QuotaSpent(
            f"This call needs {amount(line, needed)} at once, but the quota of {quota.whose} is {describe(line)}.",
            hint="Ask for less in one call, or have `limits` raised in the catalog.",
            retryable=False,
            not_executed=True,
        )
    spent.by_model = quota.by_model
    return spent


def _saturated(target: Target, wait: float) -> Throttled:
    """A call that would have to wait behind too many others."""
    again = wait if 0 < wait < target.max_wait else _FULL_PAUSE
    return Throttled(
        f"{target.id} has been saturated for a while; it takes who can start at once, and lets nobody else wait.",
        hint=f"Ask again in {seconds(again)}, use another source, or have the target's `limits` raised in the catalog.",
        retry_after=again,
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
    """E.g. `50 requests in any 10 s`, `2.5 CNY in any 86400 s`, `3 calls at the same time`."""
    if line.of == "concurrency":
        return f"{line.limit} calls at the same time"
    return f"{amount(line, line.limit)} in any {seconds(line.per)}"


def amount(line: LimitLine, number: int) -> str:
    """A number of what the line counts, e.g. `900 tokens`, `0.5 CNY`."""
    return f"{number / 1_000_000:.6g} {line.currency}" if line.currency else f"{number} {line.of}"


def seconds(value: float) -> str:
    """A wait as people say it, rounded up so that whoever comes back then is not too early."""
    if value >= 10:
        return f"{math.ceil(value)} s"
    return f"{math.ceil(value * 10) / 10:g} s"
