"""What every platform does: sends one payload to one function, once."""

from typing import Protocol

from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.immutable import immutable

MAX_ANSWER_BYTES = 1_000_000
"""Below what platforms can answer (AWS Lambda: 6 MB): one variable holds 1 MB (tools.md §4), and reading more JSON would hold up
every other call of the process (design.md §3.1)."""


@immutable(kw_only=True)
class Invocation:
    """One call of a function."""

    function: str
    """Its name in the catalog, for texts."""
    payload: object
    """JSON-able."""
    message_id: str
    """The same on every attempt of one call, so that a receiver can drop what it has seen."""
    trace_id: str
    repeatable: bool = True
    """Whether the call may be sent a second time where nobody knows what became of the first."""


@immutable(kw_only=True)
class InvocationResult:
    """What the function answered."""

    data: object
    """JSON-able; a text where the answer was no JSON."""
    status: int
    request_id: str | None = None
    """The platform's own id, for its logs."""
    version: str | None = None
    """Which version of the function ran, where the platform says."""


class Platform(Protocol):
    """One function on one platform. Retries, limits and the breaker stand in front of it, not in it."""

    def invoke(self, invocation: Invocation, deadline: Deadline) -> InvocationResult:
        """Invokes the function once; raises a `Failure`."""
        ...

    def check(self, deadline: Deadline) -> str:
        """The cheapest sign of life, without running the function; a sentence, or raises a `Failure`."""
        ...
