"""One source of the catalog's section `crm`."""

from typing import Literal

from faas_toolkit.net.config import StoreSection


class EmbeddedCrmConfig(StoreSection):
    """The toolkit's own store: nothing to reach, so no address, no auth and no timeout."""

    kind: Literal["embedded"]


type CrmSourceConfig = EmbeddedCrmConfig
