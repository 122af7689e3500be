"""Checks the tool's own shape: defaults, types, bounds, unknown keys, sizes. Knows no names of the catalog."""

from dataclasses import replace

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import TooLarge
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import MAX_JSON_BYTES, json_size

_SMALL_TEXT = 3_000
"""Characters; JSON needs up to six bytes for one."""


class Validation:
    """Hands on a call whose arguments all have their own type and their default, and hold at most 1 MB of JSON together."""

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Raises `InvalidInput` or `TooLarge`, naming every problem at once."""
        checked = call.operation.shape.check(call.arguments)
        if not all(map(_is_small, checked.values())) and (size := json_size(checked)) > MAX_JSON_BYTES:
            largest = max(checked, key=lambda name: json_size(checked[name]))
            raise TooLarge(
                f"The arguments of {call.operation.tool} are {size:,} bytes of JSON together; {MAX_JSON_BYTES:,} are allowed.",
                hint=f"Send less; the largest of them is {largest}.",
            )
        key = checked.get("idempotency_key")
        return proceed(replace(call, arguments=checked, idempotency_key=key if isinstance(key, str) else call.idempotency_key))


def _is_small(value: object) -> bool:
    """Whether as many such values as any tool has parameters stay within the bound together; seen without writing them."""
    if isinstance(value, str):
        return len(value) <= _SMALL_TEXT
    return value is None or value == () or isinstance(value, (int, float))
