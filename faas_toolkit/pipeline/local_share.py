"""What one process may let through by itself while the store it shares with others is away: its share of each limit.

Among `processes`, None where the catalog wants no limits meanwhile. A share is at least one, since a share of nothing would shut
out what the store would let through. A weight that is larger than the share, but not than the limit, takes the whole share.
"""

from dataclasses import replace
from functools import lru_cache

from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.pipeline.gate_steps import Enter
from faas_toolkit.pipeline.limits import MOST_USED, weight_on
from faas_toolkit.pipeline.quota_steps import Share, Spend


def share_of_entry(step: Enter, processes: int | None) -> Enter:
    """The step with its share of the target's limits and of the caller's quotas."""
    target = _target(step.target, processes)
    cost = dict(step.cost)
    for line, share in zip(step.target.limits, target.limits, strict=True):
        cost[line.unit] = _weight(weight_on(line, step.cost), line, share)
    return replace(step, target=target, cost=cost, shares=_shares(step.shares, processes))


def share_of_spending(step: Spend, processes: int | None) -> Spend:
    """The step with its share of the caller's quotas."""
    return replace(step, shares=_shares(step.shares, processes))


@lru_cache(maxsize=1_000)
def _line(line: LimitLine, processes: int | None) -> LimitLine:
    return replace(line, limit=MOST_USED if processes is None else max(1, line.limit // processes), adapt_to=None)


@lru_cache(maxsize=1_000)
def _target(target: Target, processes: int | None) -> Target:
    return replace(target, limits=tuple(_line(line, processes) for line in target.limits))


def _shares(shares: tuple[Share, ...], processes: int | None) -> tuple[Share, ...]:
    found = []
    for share in shares:
        line = _line(share.line, processes)
        found.append(Share(line, _weight(share.weight, share.line, line)))
    return tuple(found)


def _weight(weight: int, whole: LimitLine, share: LimitLine) -> int:
    return min(weight, share.limit) if weight <= whole.limit else weight
