"""The links of the chains as protocols: what a policy, a capability and a presenter are to their neighbours."""

from collections.abc import Callable, Mapping
from typing import Protocol

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.stream import Stream


class Capability(Protocol):
    """The innermost part of the front: resolves names, plans, asks targets through `outbound`, merges."""

    def __call__(self, call: Call) -> Answer | Stream:
        """Answers the call or raises a `Failure`."""
        ...

    def traits(self, call: Call) -> Traits:
        """How this call behaves; cheap, at most one read of a change counter."""
        ...


type Proceed = Callable[[Call], Answer | Stream]
"""The rest of the chain, as a policy sees it."""


class Policy(Protocol):
    """One policy of the front: does its part and hands on through `proceed`."""

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The answer, its own or the one from further in."""
        ...


class Presenter(Protocol):
    """Writes the one text a model reads, from variables that were already reviewed."""

    def __call__(self, variables: Mapping[str, object], max_chars: int) -> str:
        """Facts first, ids that the next call can use, never longer than `max_chars`."""
        ...


class InvokeFunction(Protocol):
    """How a policy or a capability calls a function of the catalog by its name."""

    def __call__(self, name: str, payload: Mapping[str, object], call: Call) -> object:
        """What the function answered; raises a `Failure`."""
        ...
