"""What an operation is: its name, who may use it, its parameters, and how it behaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from faas_toolkit.core.schema import Shape

if TYPE_CHECKING:
    from faas_toolkit.core.call import Answer, Call
    from faas_toolkit.core.stream import Stream

Effects = Literal["none", "idempotent", "once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, as the chains see it."""

    name: str
    """`family.verb`, e.g. `crm.lookup`; written into audit rows, never renamed."""
    tool: str
    """The tool that users see, e.g. `crm_lookup`."""
    grant: str | None
    """The grant a role needs; None: everyone may ask, and sees what their scope shows."""
    shape: Shape
    """The parameters."""
    large: frozenset[str] = frozenset()
    """Variables that are left out in agents, which either ignore or repeat them."""
    empty: Mapping[str, object] = field(default_factory=dict)
    """The operation's own variables with the values they have when a call failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """How one particular call behaves; decides whether it may be cached or repeated."""

    effects: Effects = "none"
    fresh_for: float | None = None
    """Seconds an answer may be kept; None: only by `version`; 0: never."""
    version: str | None = None
    """The change counter of the source; an answer is kept while it stays the same. None: there is no counter."""

    @property
    def cacheable(self) -> bool:
        """Whether a read's answer may be kept at all."""
        return self.effects == "none" and self.fresh_for != 0 and (self.fresh_for is not None or self.version is not None)


class Capability(Protocol):
    """The innermost part of the front: resolves names, plans, asks targets through `outbound`, merges."""

    def __call__(self, call: "Call") -> "Answer | Stream":
        """Answers the call or raises a `Failure`."""
        ...

    def traits(self, call: "Call") -> Traits:
        """How this call behaves; cheap, at most one read of a change counter."""
        ...


type Proceed = Callable[["Call"], "Answer | Stream"]
"""The rest of the chain, as a policy sees it."""


class Policy(Protocol):
    """One policy of the front: does its part and hands on through `proceed`."""

    def __call__(self, call: "Call", proceed: Proceed) -> "Answer | Stream":
        """The answer, its own or the one from further in."""
        ...


class Presenter(Protocol):
    """Writes the one text a model reads, from variables that were already reviewed."""

    def __call__(self, variables: Mapping[str, object], max_chars: int) -> str:
        """Facts first, ids that the next call can use, never longer than `max_chars`."""
        ...


class InvokeFunction(Protocol):
    """How a policy or a capability calls a function of the catalog by its name."""

    def __call__(self, name: str, payload: Mapping[str, object], call: "Call") -> object:
        """What the function answered; raises a `Failure`."""
        ...
