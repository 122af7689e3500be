"""Lets through what is kept and nothing else: stands before the cache where calls are made to warm it."""

from collections.abc import Callable

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.stream import Stream


class OnlyKept:
    """Refuses calls whose answer would not be kept: effects, models, and sources that declare no time.

    Args:
        traits: how a call behaves.
    """

    def __init__(self, traits: Callable[[Call], Traits]) -> None:
        self._traits = traits

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Hands the call on, or notes that it was skipped and raises `InvalidInput`."""
        if not self._traits(call).cacheable:
            call.record.decide("warming", "skipped")
            raise InvalidInput(
                f"{call.operation.tool} with these arguments is never kept, so there is nothing to warm.",
                hint="What is kept: reads of sources that count their changes, and of functions with `cache` in the catalog.",
            )
        return proceed(call)
