"""What an operation is: its name, who may use it, its parameters, and how it behaves."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.schema import Shape

Effects = Literal["none", "idempotent", "once"]


@immutable(kw_only=True)
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
    unkept: frozenset[str] = frozenset()
    """Arguments that no audit row holds."""
    empty: Mapping[str, object] = field(default_factory=dict)
    """The operation's own variables with the values they have when a call failed."""
    streamed: str | None = None
    """The text variable that a workflow gets piece by piece, where the answer is a stream."""


@immutable(kw_only=True)
class Traits:
    """How one particular call behaves; decides whether it may be cached or repeated."""

    effects: Effects = "none"
    fresh_for: float | None = None
    """Seconds an answer may be kept; None: only by `version`; 0: never."""
    version: str | None = None
    """The change counter of the source; an answer is kept while it stays the same. None: there is no counter."""
    local: bool = False
    """The source is a file beside us: its answers are kept in memory only, as a copy on the same disk would save nothing."""
    needs_host: bool = False
    """Answering asks the host, which is there while the call lasts and no longer: nothing to be done in the background."""

    @property
    def cacheable(self) -> bool:
        """Whether a read's answer may be kept at all."""
        return self.effects == "none" and self.fresh_for != 0 and (self.fresh_for is not None or self.version is not None)


NEVER_KEPT = Traits(fresh_for=0)
"""Of a read that is asked anew each time."""
