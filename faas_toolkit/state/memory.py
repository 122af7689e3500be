"""State in the memory of one process."""

from typing import Any

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.base import Step

MAX_CELLS = 50_000
"""About 1.5 KB each where a limit is in full use, less than half of that where it is hardly used."""

_FIRST_SWEEP = 1_024
_SWEEP_PAUSE = 1.0
"""Seconds between two searches for expired cells while the store is full."""


class MemoryCells:
    """`Cells` of one process and one thread of the operating system; time is the monotonic clock.

    Nothing in `apply` lets another greenlet run, so a step is atomic without a lock. A cell is dropped when it has expired, and
    only then: where `max_cells` are alive, a new key is refused rather than an active limit forgotten.
    """

    def __init__(self, clock: Clock, *, max_cells: int = MAX_CELLS) -> None:
        self._now = clock.monotonic
        self._max_cells = max_cells
        self._cells: dict[str, tuple[Any, float]] = {}  # key -> (state, time of expiry)
        self._sweep_at = min(_FIRST_SWEEP, max_cells)
        self._swept = float("-inf")

    def __len__(self) -> int:
        """Cells held, expired ones that were not swept yet included."""
        return len(self._cells)

    def apply[S, R](self, key: str, step: Step[S, R]) -> R:
        """Runs the step; raises `Unavailable` where the key is new and all cells are in use."""
        now = self._now()
        held = self._cells.get(key)
        if held is None and len(self._cells) >= self._sweep_at:
            self._make_room(now)
        state, reply, lifetime = step(held[0] if held is not None and held[1] > now else None, now)
        if state is None or lifetime <= 0:
            self._cells.pop(key, None)
        else:
            self._cells[key] = (state, now + lifetime)
        return reply

    def _make_room(self, now: float) -> None:
        if now - self._swept >= _SWEEP_PAUSE or len(self._cells) < self._max_cells:
            self._swept = now
            for key in [key for key, (_, expires) in self._cells.items() if expires <= now]:
                del self._cells[key]
        # Sweeping again only after the number has doubled keeps its cost constant for each new cell.
        self._sweep_at = min(max(_FIRST_SWEEP, 2 * len(self._cells)), self._max_cells)
        if len(self._cells) >= self._max_cells:
            raise Unavailable(
                f"All {self._max_cells} counters of this process are in use; none is left for one more caller or target.",
                hint="Try again in a minute; counters become free when their period has passed.",
                retry_after=60.0,
                not_executed=True,
            )
