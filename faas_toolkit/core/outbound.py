"""How a capability asks a target: one attempt object in, one result out. The chain behind it is in `pipeline`."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Literal, Protocol

from faas_toolkit.core.call import Call
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.operation import Effects

Measure = Literal["requests", "tokens", "concurrency", "cost"]


@immutable
class LimitLine:
    """One line of a limit: in any rolling `per` seconds never more than `limit` of `of` start."""

    of: Measure
    limit: int
    per: float = 0.0
    """Seconds; 0 for `concurrency`, which counts what is in flight."""
    adapt_to: int | None = None
    """The limit may grow to this while the target does not answer 429."""
    currency: str = ""
    """Of a line of `cost`, which counts in millionths of it."""

    @property
    def unit(self) -> str:
        """What it counts, as estimates and usages name it: the measure, with its currency where it has one (`cost:CNY`)."""
        return f"{self.of}:{self.currency}" if self.currency else self.of


@immutable(kw_only=True)
class CallerLine:
    """One line of a caller's own quota that is spent where a model is asked."""

    key: str
    """Of its cell; begins with the workspace's id. Where the quota is by model, the deployment's name follows."""
    line: LimitLine
    whose: str
    """In words, e.g. `each user`."""
    by_model: bool = False
    """Another deployment has another counter."""


@immutable(kw_only=True)
class SaturationRules:
    """When a target that works is too busy to let anybody wait for it."""

    wait: float | None = None
    """Seconds that a call waits for the target's limits."""
    in_flight: float | None = None
    """Share of the limit of `concurrency`."""
    period: float = 10.0
    """Seconds for which one of both has to hold without relief."""


@immutable
class BreakerRules:
    """When a target is left alone for a while."""

    window: float = 30.0
    """Seconds over which failures are counted."""
    minimum: int = 5
    """Calls in the window before it may open."""
    failure_rate: float = 0.5
    open_for: float = 15.0
    """Seconds until one probe is let through."""
    slow: float | None = None
    """Seconds to the answer, of a stream to its first content, from which on it counts as slow."""
    slow_rate: float = 0.5
    """Slow answers among all answers."""
    saturation: SaturationRules | None = None


@immutable(kw_only=True)
class Target:
    """One thing that is asked. The id is shared by everyone who asks it, so they pass the same gate."""

    id: str
    """E.g. `function:score_customer`, `crm:sales`."""
    limits: tuple[LimitLine, ...] = ()
    breaker: BreakerRules | None = field(default_factory=BreakerRules)
    max_wait: float = 5.0
    """Seconds a call may wait for a limit."""
    timeout: float = 20.0
    """Seconds for one attempt."""
    attempts: int = 3
    """Attempts in all; pools that loop themselves set 1."""


@immutable(kw_only=True)
class Attempt[T]:
    """What a capability wants asked."""

    call: Call
    target: Target
    send: Callable[[Deadline], T]
    """Asks the target once, within the deadline; raises a `Failure`. May return a primed `Stream`."""
    effects: Effects = "none"
    cost: Mapping[str, int] = field(default_factory=dict)
    """What to reserve beside one request, by `LimitLine.unit`, e.g. `{"tokens": 900, "cost:CNY": 1200}`."""
    least: Mapping[str, int] = field(default_factory=dict)
    """How much of `cost` will be used in any case; only this is a reason to refuse a call for ever."""
    model: str | None = None
    """The deployment that is asked; the caller's quotas of tokens and cost, and those by model, are spent with it."""
    usage: Callable[[T], Mapping[str, int]] | None = None
    """Reads the real usage from a result that is not a stream."""
    spent: Callable[[], Mapping[str, int]] = dict
    """Asked where `send` failed: what the target says was used all the same; what is missing stays as it was reserved."""


class Outbound(Protocol):
    """The outbound chain (retry > gate > send)."""

    def __call__[T](self, attempt: Attempt[T]) -> T:
        """The result of `attempt.send`; raises a `Failure`."""
        ...
