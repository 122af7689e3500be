"""The caller's own quota: how often someone may ask, however the answer comes about. A cached answer spends it too."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Throttled
from faas_toolkit.core.outbound import LimitLine
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.gate_refusal import describe, seconds
from faas_toolkit.pipeline.limits import Ring, micros
from faas_toolkit.state.base import Cells

Dimension = Literal["user", "role", "app", "workspace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """In any rolling `per` seconds never more than `limit` requests of each user, role, app, or combination of them."""

    of: Literal["requests"] = "requests"
    limit: int
    per: float
    by: tuple[Dimension, ...] = ("user",)


class Admission:
    """Refuses a caller whose quota is used up.

    All quotas are spent or none: what was taken from the first ones is given back where a later one refuses.
    """

    def __init__(self, *, quotas: tuple[Quota, ...], cells: Cells, clock: Clock) -> None:
        tightest_last = sorted(quotas, key=lambda quota: -quota.limit)
        # Two lines over the same counter would count each call twice; only the tighter can ever refuse.
        self._quotas = tuple({(quota.per, quota.by): quota for quota in tightest_last}.values())
        self._cells = cells

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Spends the caller's quotas and hands on; raises `Throttled` where one of them has nothing left."""
        spent: list[tuple[str, int]] = []
        try:
            for quota in self._quotas:
                for owners in _owners(quota, call):
                    key = f"{call.workspace.id}:quota:{quota.per:g}:{'+'.join(quota.by)}:{owners!r}"
                    spent.append((key, self._spend(key, quota, owners)))
        except Failure as failure:
            for key, part in spent:
                self._cells.apply(key, GiveBack(part))
            call.record.decide("admission", "refused", failure.message)
            raise
        if spent:
            call.record.decide("admission", "allowed")
        return proceed(call)

    def _spend(self, key: str, quota: Quota, owners: tuple[str, ...]) -> int:
        line = LimitLine(quota.of, quota.limit, quota.per)
        part, wait = self._cells.apply(key, Spend(line))
        if part is None:
            raise _refusal(quota, line, owners, wait)
        return part


def _owners(quota: Quota, call: Call) -> Iterator[tuple[str, ...]]:
    """Whose counters the quota means for this call: one of each dimension; a caller with several roles spends from each."""
    return itertools.product(*(_names(dimension, call) for dimension in quota.by))


def _names(dimension: Dimension, call: Call) -> tuple[str, ...]:
    """The names on one dimension, `""` where the whole workspace stands in: no name can be empty, so it cannot be taken."""
    match dimension:
        case "user":
            # Without an app the host may make up a new user for each call (catalog.md, rules).
            lasting = call.caller.verified or call.origin.app_id is not None
            return (call.caller.subject if lasting else "",)
        case "role":
            return call.caller.roles or ("",)
        case "app":
            return (call.origin.app_id or "",)
        case "workspace":
            return ("",)


def _refusal(quota: Quota, line: LimitLine, owners: tuple[str, ...], wait: float) -> Throttled:
    whole = all(not owner for owner in owners)
    whose = "this workspace" if whole else "each " + " and ".join(quota.by)
    stands_in = whole and quota.by != ("workspace",)
    why = (
        f" It is the quota of each {' and '.join(quota.by)}, shared here because this call does not say whose it is." * stands_in
    )
    return Throttled(
        f"The quota of {whose} is used up: {describe(line)}.{why}",
        hint=f"Ask again in {seconds(wait)}, or have `limits` raised in the catalog.",
        retry_after=wait,
        not_executed=True,
    )


@dataclass(slots=True)
class Spend:
    """Takes one from a quota, now or not at all; replies the part it was taken from, or None and the seconds to wait."""

    name: ClassVar[str] = "quota.spend"
    line: LimitLine

    def __call__(self, state: Ring | None, now: float) -> tuple[Ring, tuple[int | None, float], float]:
        """Decides."""
        at = micros(now)
        if state is None:
            state = Ring(self.line, at)
        elif state.line != self.line:
            state.restate(self.line)
        due = state.earliest(1, at)
        if due == at:
            return state, (state.add(at, 1), 0.0), state.memory / 1_000_000
        wait = self.line.per if due is None else (due - at) / 1_000_000
        return state, (None, wait), state.memory / 1_000_000


@dataclass(slots=True)
class GiveBack:
    """Gives one back to the part it was taken from."""

    name: ClassVar[str] = "quota.give_back"
    part: int

    def __call__(self, state: Ring | None, now: float) -> tuple[Ring | None, None, float]:
        """Gives back."""
        if state is None:
            return None, None, 0.0
        state.change(self.part, -1)
        return state, None, state.memory / 1_000_000
