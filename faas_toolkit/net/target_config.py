"""What every target of the catalog may say about itself, from the parts in `net/config.py`."""

from dataclasses import replace
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.net.config import Breaker, Duration, Limit, Section, Tls


def _switched_off(value: object) -> object:
    return None if value is False else value


def _breaker_fits(breaker: Breaker | None, limits: tuple[Limit, ...], timeout: float | None = None) -> None:
    """Raises ValueError where a breaker waits for what can never be."""
    if breaker is None:
        return
    if breaker.slow is not None and timeout is not None and breaker.slow >= timeout:
        raise ValueError(f"breaker.slow is at least the timeout ({timeout:g}s), and what takes that long has failed; write less")
    busy = breaker.saturated
    if busy is not None and busy.in_flight is not None and not any(limit.concurrency for limit in limits):
        raise ValueError("breaker.saturated.in_flight is a share of concurrency; add a line to limits, e.g. {concurrency: 8}")
    if busy is not None and not limits:
        raise ValueError("breaker.saturated.wait is the wait for limits; add a line to limits, e.g. {requests: 60, per: 60s}")


def _lines(limits: tuple[Limit, ...]) -> tuple[LimitLine, ...]:
    """Of lines that count the same over the same period one: together they are the tightest, which grows as far as all allow."""
    single: dict[tuple[str, float], LimitLine] = {}
    for line in (limit.to_line() for limit in limits):
        other = single.setdefault((line.unit, line.per), line)
        limit, bound = min(line.limit, other.limit), min(line.adapt_to or line.limit, other.adapt_to or other.limit)
        single[line.unit, line.per] = replace(line, limit=limit, adapt_to=bound if bound > limit else None)
    return tuple(single.values())


class TargetSection(Section):
    """What any target takes beside what makes it a function, a model or a source."""

    tls: Tls = Tls()
    timeout: Duration = Field(default=20.0, gt=0, le=200)
    limits: tuple[Limit, ...] = ()
    breaker: Annotated[Breaker | None, BeforeValidator(_switched_off)] = Breaker()
    """`false` switches it off."""

    @model_validator(mode="after")
    def _breaker_can_trip(self) -> Self:
        _breaker_fits(self.breaker, self.limits, self.timeout)
        return self

    def to_target(self, target_id: str, *, attempts: int = 3) -> Target:
        """The target as the outbound chain takes it; the id is shared by everyone who asks it, e.g. `function:score_customer`."""
        return Target(
            id=target_id,
            limits=_lines(self.limits),
            breaker=self.breaker.to_rules() if self.breaker else None,
            timeout=self.timeout,
            attempts=attempts,
        )


class StoreSection(Section):
    """What a target takes that is in the toolkit's own store or in its host: nothing to reach, so no auth, TLS or timeout."""

    limits: tuple[Limit, ...] = ()
    breaker: Annotated[Breaker | None, BeforeValidator(_switched_off)] = Breaker()
    """`false` switches it off."""

    @model_validator(mode="after")
    def _breaker_can_trip(self) -> Self:
        _breaker_fits(self.breaker, self.limits)
        return self

    def to_target(self, target_id: str) -> Target:
        """The target as the outbound chain takes it, e.g. `crm:main`."""
        return Target(
            id=target_id,
            limits=_lines(self.limits),
            breaker=self.breaker.to_rules() if self.breaker else None,
        )
