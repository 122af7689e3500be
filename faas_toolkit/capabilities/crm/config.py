"""One source of the catalog's section `crm`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from faas_toolkit.core.outbound import Target
from faas_toolkit.net.config import Breaker, Limit, Section


def _switched_off(value: object) -> object:
    return None if value is False else value


class EmbeddedCrmConfig(Section):
    """The toolkit's own store: nothing to reach, so no address, no auth and no timeout."""

    kind: Literal["embedded"]
    limits: tuple[Limit, ...] = ()
    breaker: Annotated[Breaker | None, BeforeValidator(_switched_off)] = Breaker()
    """`false` switches it off."""

    def to_target(self, target_id: str) -> Target:
        """The target as the outbound chain takes it, e.g. `crm:main`."""
        return Target(
            id=target_id,
            limits=tuple(limit.to_line() for limit in self.limits),
            breaker=self.breaker.to_rules() if self.breaker else None,
        )


class FunctionCrmConfig(Section):
    """A function that serves customers: its limits, breaker, timeout and cache stand at the function."""

    kind: Literal["function"]
    function: str = Field(min_length=1, max_length=64)


type CrmSourceConfig = Annotated[EmbeddedCrmConfig | FunctionCrmConfig, Field(discriminator="kind")]
