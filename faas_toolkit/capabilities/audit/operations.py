"""The operation of the audit trail."""

from collections.abc import Mapping

from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape

_NO_CHAIN: Mapping[str, object] = {}

SEARCH = Operation(
    name="audit.search",
    tool="audit_search",
    grant="admin.read",
    shape=Shape(
        (
            Parameter(name="query", max_chars=200, example="order 4711"),
            Parameter(name="since", max_chars=40, default="7d"),
            Parameter(name="until", max_chars=40, example="2026-11-26"),
            Parameter(name="caller", max_chars=255, example="dify:4711"),
            Parameter(name="operation", max_chars=64, example="function_call"),
            Parameter(name="outcome", max_chars=32, example="forbidden"),
            Parameter(name="limit", type="integer", minimum=1, maximum=200, default=20),
            Parameter(name="cursor", max_chars=300),
            Parameter(name="verify", type="boolean", default=False),
            Parameter(name="export", type="boolean", default=False),
        )
    ),
    large=frozenset({"rows"}),
    empty={"rows": [], "next_cursor": "", "chain": _NO_CHAIN},
)

OPERATIONS = (SEARCH,)
