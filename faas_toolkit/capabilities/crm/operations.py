"""The operations on customers."""

from faas_toolkit.capabilities.crm.fields import ENTITIES, RELATIONS
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape

LOOKUP = Operation(
    name="crm.lookup",
    tool="crm_lookup",
    grant="crm.read",
    shape=Shape(
        (
            Parameter(name="query", max_chars=2_000, example="maria.silva@acme.example"),
            Parameter(name="entity", type="select", options=("any", *ENTITIES), default="any"),
            Parameter(name="include", type="list", options=RELATIONS, default=()),
            Parameter(name="filters", type="object", max_chars=1_000_000, example='{"stage": "won", "amount": {"gte": 10000}}'),
            Parameter(name="sources", type="list", default=()),
            Parameter(name="limit", type="integer", minimum=1, maximum=50, default=5),
            Parameter(name="cursor", max_chars=2_000),
        )
    ),
    large=frozenset({"records"}),
    empty={"records": [], "total": 0, "next_cursor": "", "ambiguous": False},
)

OPERATIONS = (LOOKUP,)
