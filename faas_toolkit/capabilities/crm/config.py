"""One source of the catalog's section `crm`."""

from typing import Annotated, Literal

from pydantic import Field

from faas_toolkit.net.config import Section
from faas_toolkit.net.target_config import StoreSection


class EmbeddedCrmConfig(StoreSection):
    """The toolkit's own store: nothing to reach, so no address, no auth and no timeout."""

    kind: Literal["embedded"]


class FunctionCrmConfig(Section):
    """A function that serves customers: its limits, breaker, timeout and cache stand at the function."""

    kind: Literal["function"]
    function: str = Field(min_length=1, max_length=64)


type CrmSourceConfig = Annotated[EmbeddedCrmConfig | FunctionCrmConfig, Field(discriminator="kind")]
