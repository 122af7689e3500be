"""What is decided about a caller's own quotas, as steps on their cells: pure, in whole microseconds.

Each line of a quota has a cell of its own for each owner it counts (a user, a role with a model, …), which holds `Limits` of
that one line. A quota never lets wait: there is room now, or the call is refused. All that one call spends is decided together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import LimitLine
from faas_toolkit.pipeline.limits import Limits
from faas_toolkit.state.base import Change


@immutable
class Share:
    """What one call takes of one line."""

    line: LimitLine
    weight: int = 1


@dataclass(slots=True)
class Refused:
    """No room."""

    index: int
    """Of the share."""
    wait: int
    """Microseconds until asking again makes sense, as far as is known now; 0 where the weight is above the limit: never."""


def counters(states: Sequence[Limits | None], shares: Sequence[Share], now: int) -> list[Limits]:
    """The cells' counters, new where there is none, restated where the catalog says another limit; what was counted stays."""
    found = []
    for state, share in zip(states, shares, strict=True):
        lines = (share.line,)
        counter = state or Limits(lines, now)
        if counter.lines != lines:
            counter.restate(lines, now)
        found.append(counter)
    return found


def refused_share(quotas: Sequence[Limits], shares: Sequence[Share], now: int) -> Refused | None:
    """The first share for which there is no room now; None where there is room for all. Takes nothing."""
    for index, (quota, share) in enumerate(zip(quotas, shares, strict=True)):
        place = quota.find({share.line.unit: share.weight}, now=now, earliest=now, latest=now)
        if place.outcome == "never":
            return Refused(index, 0)
        if place.outcome != "reserved":
            return Refused(index, max(1, place.start - now))
    return None


def book_shares(quotas: Sequence[Limits], shares: Sequence[Share], call: str, now: int, lease: int) -> None:
    """Takes them all, in the part of `now`; `lease` as in `Limits.book`."""
    for quota, share in zip(quotas, shares, strict=True):
        quota.book(call, {share.line.unit: share.weight}, now, lease)


@dataclass(slots=True)
class Spend:
    """Takes a call's shares of all its quotas, now or not at all; replies the first one that had no room, or None."""

    name: ClassVar[str] = "quota.spend"
    call: str
    """Names the reservation; unique."""
    shares: tuple[Share, ...]
    """In the order of their cells."""
    lease: int
    """Microseconds for which the call counts as in flight on a line of concurrency; on other lines what is taken stays taken."""

    def __call__(self, states: Sequence[Any], now: int) -> Change[Refused | None]:
        """Decides."""
        quotas = counters(states, self.shares, now)
        refused = refused_share(quotas, self.shares, now)
        if refused is None:
            for quota, share in zip(quotas, self.shares, strict=True):
                book_shares([quota], [share], self.call, now, self.lease if share.line.of == "concurrency" else 0)
        return Change(quotas, [quota.lifetime(now) for quota in quotas], refused)


@dataclass(slots=True)
class Release:
    """The call has ended: it is in flight on none of these lines any more. Counts once."""

    name: ClassVar[str] = "quota.release"
    call: str

    def __call__(self, states: Sequence[Any], now: int) -> Change[None]:
        """Gives its places back."""
        for quota in states:
            if quota is not None:
                quota.settle(self.call, {})
        return Change(states, [quota.lifetime(now) if quota is not None else 0 for quota in states], None)
