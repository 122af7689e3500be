"""The ports of everything that is kept between calls.

`Cells` holds what calls decide together: limits, breakers, quotas, leases. A decision is a *step* that sees the cells it was
given and the store's own clock, and nothing else; so the in-process store simply calls it, and a store shared by many processes
can run the decision of the same name as one script beside the data, in one round trip. Times and lifetimes are whole
microseconds and every number stays below 2^53, so that a script that knows only doubles comes to the same decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(slots=True)
class Change[R]:
    """What a step decided."""

    states: Sequence[Any]
    """To keep, one for each cell in the order of the keys; None empties the cell."""
    lifetimes: Sequence[int]
    """Microseconds after which each cell means nothing any more."""
    reply: R


class Step[R](Protocol):
    """One decision on one or several cells: no I/O, no clock of its own, nothing that lets another greenlet run."""

    @property
    def name(self) -> str:
        """Names the decision and its version for stores that keep it as a script, e.g. `gate.enter`."""
        ...

    def __call__(self, states: Sequence[Any], now: int) -> Change[R]:
        """Decides.

        Args:
            states: what the cells hold, in the order of the keys; None where one is new or has expired. The step owns them and
                may change them in place. One that refuses has taken nothing from any of them.
            now: whole microseconds on the store's clock; only differences mean something.
        """
        ...


class Cells(Protocol):
    """Keyed cells, changed by one step at a time. Keys begin with the workspace's id."""

    def apply[R](self, keys: tuple[str, ...], step: Step[R]) -> R:
        """Runs the step on the cells and keeps what it returns, as one atomic change of all of them.

        Args:
            keys: all of the same workspace, each once.
            step: the decision.

        Raises:
            Unavailable: the store cannot be reached, or has no room for one more cell; nothing was changed.
        """
        ...
