"""State in the memory of one process."""

from typing import Any

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.base import Step

_SECOND = 1_000_000
"""Microseconds."""

MAX_CELLS = 50_000
"""About 1.5 KB each where a limit is in full use, less than half of that where it is hardly used."""

_FIRST_SWEEP = 1_024
_SWEEP_PAUSE = _SECOND
"""Between two searches for expired cells while the store is full."""


class MemoryCells:
    """`Cells` of one process and one thread of the operating system; time is the monotonic clock.

    Nothing in `apply` lets another greenlet run, so a step is atomic without a lock. A cell is dropped when it has expired, and
    only then: where `max_cells` are alive, a new key is refused rather than an active limit forgotten.
    """

    def __init__(self, clock: Clock, *, max_cells: int = MAX_CELLS) -> None:
        self._monotonic = clock.monotonic
        self._max_cells = max_cells
        self._cells: dict[str, tuple[Any, int]] = {}  # key -> (state, time of expiry)
        self._sweep_at = min(_FIRST_SWEEP, max_cells)
        self._swept = -_SWEEP_PAUSE

    def __len__(self) -> int:
        """Cells held, expired ones that were not swept yet included."""
        return len(self._cells)

    def apply[R](self, keys: tuple[str, ...], step: Step[R]) -> R:
        """Runs the step; raises `Unavailable` where a key is new and all cells are in use."""
        now = int(self._monotonic() * _SECOND + 0.5)
        cells = self._cells
        held = [cells.get(key) for key in keys]
        if None in held and len(cells) + held.count(None) > self._sweep_at:
            self._make_room(keys, now)
            held = [cells.get(key) for key in keys]
        change = step([one[0] if one is not None and one[1] > now else None for one in held], now)
        for key, state, lifetime in zip(keys, change.states, change.lifetimes, strict=True):
            if state is None or lifetime <= 0:
                cells.pop(key, None)
            else:
                cells[key] = (state, now + lifetime)
        return change.reply

    def _make_room(self, keys: tuple[str, ...], now: int) -> None:
        if now - self._swept >= _SWEEP_PAUSE or len(self._cells) < self._max_cells:
            self._swept = now
            for key in [key for key, (_, expires) in self._cells.items() if expires <= now]:
                del self._cells[key]
        # Sweeping again only after the number has doubled keeps its cost constant for each new cell.
        self._sweep_at = min(max(_FIRST_SWEEP, 2 * len(self._cells)), self._max_cells)
        if len(self._cells) + sum(key not in self._cells for key in keys) > self._max_cells:
            raise Unavailable(
                f"All {self._max_cells} counters of this process are in use; none is left for one more caller or target.",
                hint="Try again in a minute; counters become free when their period has passed.",
                retry_after=60.0,
                not_executed=True,
            )
