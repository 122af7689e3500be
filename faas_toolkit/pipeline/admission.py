"""The caller's own quota: how often someone may ask, however the answer comes about. A cached answer spends it too.

Requests and calls in flight are counted here, all quotas of a call in one decision. What is only known when a model is asked
(tokens, cost, and everything that is counted by model) goes on with the call, and the gate decides it together with the
limits of the model.
"""

import hmac
import itertools
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal

from faas_toolkit.core.call import Answer, Call, Workspace
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import CallerLine, LimitLine, Measure
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.gate import LEASE_MARGIN
from faas_toolkit.pipeline.gate_refusal import quota_refusal
from faas_toolkit.pipeline.quota_steps import Release, Share, Spend
from faas_toolkit.pipeline.rolling import micros
from faas_toolkit.state.base import Cells

Dimension = Literal["user", "role", "app", "workspace", "model"]

_AT_ONCE = frozenset({"requests", "concurrency"})


@immutable(kw_only=True)
class Quota:
    """In any rolling `per` seconds never more than `limit` of each user, role, app, model, or combination of them."""

    of: Measure = "requests"
    limit: int
    """Of cost: in millionths of the currency."""
    per: float = 0.0
    """0 for concurrency."""
    by: tuple[Dimension, ...] = ("user",)
    currency: str = ""

    @property
    def line(self) -> LimitLine:
        """As the arithmetic takes it."""
        return LimitLine(self.of, self.limit, self.per, currency=self.currency)


class Admission:
    """Refuses a caller whose quota is used up. All quotas are spent, or none."""

    def __init__(self, *, quotas: tuple[Quota, ...], cells: Cells, clock: Clock) -> None:
        tightest_last = sorted(quotas, key=lambda quota: -quota.limit)
        # Two lines over the same counter would count each call twice; only the tighter can ever refuse.
        single = {(quota.line.unit, quota.per, quota.by): quota for quota in tightest_last}.values()
        self._quotas = sorted(single, key=lambda quota: "model" in quota.by)
        self._cells = cells
        self._clock = clock
        self._process = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Spends the caller's quotas and hands on.

        Raises:
            QuotaSpent: one of them has nothing left; nothing was taken from the others.
        """
        if not self._quotas:
            return proceed(call)
        lines = {line.key: line for quota in self._quotas for line in _lines(quota, call)}
        at_once = {key: line for key, line in lines.items() if line.line.of in _AT_ONCE and not line.by_model}
        later = tuple(line for key, line in lines.items() if key not in at_once)
        inner = replace(call, quotas=later) if later else call
        if not at_once:
            return proceed(inner)
        name = self._spend(call, tuple(at_once.values()))
        call.record.decide("admission", "allowed")
        held = tuple(key for key, line in at_once.items() if line.line.of == "concurrency")
        return self._while_held(held, name, inner, proceed) if held else proceed(inner)

    def _spend(self, call: Call, lines: tuple[CallerLine, ...]) -> str:
        name = f"{self._process}-{next(self._numbers)}"
        lease = call.deadlines.total.remaining() + LEASE_MARGIN
        step = Spend(name, tuple(Share(line.line) for line in lines), micros(lease))
        refused = self._cells.apply(tuple(line.key for line in lines), step)
        if refused is not None:
            failure = quota_refusal(lines[refused.index], 1, refused.wait)
            call.record.decide("admission", "refused", failure.message)
            raise failure
        return name

    def _while_held(self, keys: tuple[str, ...], name: str, call: Call, proceed: Proceed) -> Answer | Stream:
        """Holds the places in flight until the answer is there, or its stream has ended."""

        def release() -> None:
            with suppress(Unavailable):  # the answer is worth more than the place, which comes back when the lease ends
                self._cells.apply(keys, Release(name))

        try:
            answer = proceed(call)
        except BaseException:
            release()
            raise
        if isinstance(answer, Stream):
            answer.on_end(lambda _: release())
        else:
            release()
        return answer


def _lines(quota: Quota, call: Call) -> Iterator[CallerLine]:
    """The counters the quota means for this call: one of each dimension; a caller with several roles spends from each."""
    named = tuple(dimension for dimension in quota.by if dimension != "model")
    by_model = len(named) < len(quota.by)
    for owners in itertools.product(*(_names(dimension, call) for dimension in named)):
        counted = f"{quota.line.unit}:{quota.per:g}:{'+'.join(quota.by)}:{_blind(call.workspace, owners)}"
        key = f"{call.workspace.id}:quota:{counted}"
        yield CallerLine(key=key, line=quota.line, by_model=by_model, whose=_whose(quota, named, owners))


def _blind(workspace: Workspace, owners: tuple[str, ...]) -> str:
    """Whose counter it is, as a name that may lie on a server: it tells nothing to who has not the workspace's key."""
    if not any(owners):
        return ""
    return hmac.digest(workspace.naming_key, repr(owners).encode("utf-8", "surrogatepass"), "sha256")[:16].hex()


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
        case _:
            return ("",)


def _whose(quota: Quota, named: tuple[Dimension, ...], owners: tuple[str, ...]) -> str:
    each = f"each {' and '.join(quota.by)}"
    if any(owners) or not named:
        return each
    if named == ("workspace",):
        return "this workspace" if named == quota.by else "this workspace for each model"
    return f"{each}, shared in this workspace because this call does not say whose it is"
