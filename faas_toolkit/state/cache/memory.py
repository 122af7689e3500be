"""The cache in this process's memory."""

from cachetools import TLRUCache

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept

MAX_ENTRIES = 10_000
MAX_BYTES = 64_000_000


class MemoryCache:
    """Bounded by entries and by bytes; the least recently used go first. No work in it yields to another greenlet."""

    def __init__(self, *, clock: Clock, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        smallest = max_bytes // max_entries  # no entry counts less, so one bound on bytes holds both
        self._entries: TLRUCache[tuple[str, str], Kept] = TLRUCache(
            max_bytes,
            ttu=lambda _, kept, now: now + kept.seconds,
            timer=clock.monotonic,
            getsizeof=lambda kept: max(smallest, len(kept.value)),
        )

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None. What is in memory is its process's own, so it is not sealed."""
        return self._entries.get((workspace.id, name))

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value."""
        if kept.seconds > 0 and len(kept.value) <= min(MAX_VALUE_BYTES, self._entries.maxsize):
            self._entries[workspace.id, name] = kept
