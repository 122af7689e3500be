"""The operations of functions."""

from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape

LONGEST_CALL_SECONDS = 200
"""A call's most (tools.md §4); an Agent node gives up at 240 s."""

CALL = Operation(
    name="function.call",
    tool="function_call",
    grant="function.call",
    shape=Shape(
        (
            Parameter(name="function", required=True, max_chars=200, example="score_customer"),
            Parameter(name="arguments", type="object", example='{"customer_id": "company:12"}'),
            Parameter(name="mode", type="select", options=("auto", "sync"), default="auto"),
            Parameter(name="timeout_seconds", type="number", minimum=1, maximum=LONGEST_CALL_SECONDS),
            Parameter(name="idempotency_key", max_chars=200),
        )
    ),
    large=frozenset({"data"}),
    empty={"data": None, "status": "failed", "job_id": ""},
)

OPERATIONS = (CALL,)
