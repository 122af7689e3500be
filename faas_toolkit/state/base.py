"""The ports of everything that is kept between calls.

`Cells` holds what calls decide together: limits, breakers, quotas, leases. A decision is a *step* that sees one cell and the
store's own clock, and nothing else; so the in-process store simply calls it, and a store shared by many processes can run the
decision of the same name as one script beside the data, in one round trip.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol


@dataclass(frozen=True)
class Script:
    """A decision in Redis' Lua, named by what it says: a changed text is another script, so versions never mix."""

    text: str

    @cached_property
    def sha1(self) -> str:
        """The name under which Redis knows it; no secret depends on it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Step[S, R](Protocol):
    """One decision on one cell: no I/O, no clock of its own, nothing that lets another greenlet run."""

    @property
    def name(self) -> str:
        """Names the decision and its version for stores that keep it as a script, e.g. `gate.enter`."""
        ...

    def __call__(self, state: S | None, now: float) -> tuple[S | None, R, float]:
        """Decides.

        Args:
            state: what the cell holds; None where it is new or has expired. The step owns it and may change it in place.
            now: seconds on the store's clock; only differences mean something.

        Returns:
            The state to keep (None empties the cell), the reply, and the seconds after which the cell means nothing any more.
        """
        ...


class Cells(Protocol):
    """Keyed cells, each changed by one step at a time. Keys begin with the workspace's id."""

    def apply[S, R](self, key: str, step: Step[S, R]) -> R:
        """Runs the step on the cell and keeps what it returns, as one atomic change.

        Raises:
            Unavailable: the store cannot be reached, or has no room for one more cell; nothing was changed.
        """
        ...
