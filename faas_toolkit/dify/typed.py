"""Typed tools: a tool of a private package stands for one function, and each of its parameters for one argument.

Dify hands objects and lists over as texts (dify-daemon, list, 9), fills an unset text with "", and may turn 3 into 3.0.
"""

from collections.abc import Mapping

from faas_toolkit.core.schema import Parameter, Shape
from faas_toolkit.dify.invocation import ADAPTER_PARAMETERS

IDEMPOTENCY_KEY = "idempotency_key"
RESERVED = ADAPTER_PARAMETERS | {IDEMPOTENCY_KEY}
"""Parameters of every typed tool; an argument of such a name has a parameter of another one."""


def function_call(
    function: str, parameters: Mapping[str, object], *, json: tuple[str, ...], renamed: Mapping[str, str]
) -> dict[str, object]:
    """The arguments of `function.call`; the function's own schema is left to it, so that a typed tool is checked as any call.

    Raises:
        InvalidInput: a parameter that holds JSON does not, all of them named at once.
        TooLarge: one of them is above its bound.
    """
    given = {name: value for name, value in parameters.items() if name not in RESERVED and value not in (None, "")}
    texts = Shape(tuple(Parameter(name=name, type="value") for name in json if name in given))
    parsed = texts.check({name: given[name] for name in texts.names()})
    arguments = {renamed.get(name, name): parsed.get(name, _whole(value)) for name, value in given.items()}
    key = parameters.get(IDEMPOTENCY_KEY)
    return {"function": function, "arguments": arguments, **({IDEMPOTENCY_KEY: key} if key else {})}


def _whole(value: object) -> object:
    """3.0 as 3: to JSON Schema they are the same number, to many functions they are not."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value
