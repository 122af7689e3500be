"""An effect is written down before it begins, so that a process that dies in between leaves a trace.

The row has the outcome `intent`; the row of how the call ended has the same request id and follows it in the same chain.
"""

from collections.abc import Callable, Mapping

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import InvokeFunction, Proceed
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.stream import Stream


class Intent:
    """The intent policy.

    Args:
        write: writes the row; raises `Unavailable` where the effect must not happen without it.
        traits: how a call behaves; what has effects is written down.
    """

    def __init__(self, *, write: Callable[[Call], None], traits: Callable[[Call], Traits]) -> None:
        self._write = write
        self._traits = traits

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Hands the call on, once its row is written.

        Raises:
            Unavailable: the row could not be written, and nothing was executed.
        """
        if not _only_reads(call) and self._traits(call).effects != "none":
            self._write(call)
        return proceed(call)


def with_intent(invoke: InvokeFunction, *, write: Callable[[Call], None], has_effects: Callable[[str], bool]) -> InvokeFunction:
    """The same for functions before and after an operation, which may have effects where the operation has none.

    Args:
        invoke: calls a function of the catalog.
        write: as for the policy.
        has_effects: whether the function of that name has any.
    """

    def invoke_written_down(name: str, payload: Mapping[str, object], call: Call) -> object:
        if has_effects(name):
            call.record.decide("intent", "function", name)
            write(call)
        return invoke(name, payload, call)

    return invoke_written_down


def _only_reads(call: Call) -> bool:
    """A grant to read covers nothing with effects: no need to ask the source, which may have to look at its change counter."""
    return call.operation.grant is None or call.operation.grant.endswith(".read")
