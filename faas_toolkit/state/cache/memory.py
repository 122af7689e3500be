"""The cache in this process's memory."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from cachetools import TLRUCache

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.untrusted import printable
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept

ENTRIES_SETTING = "FAAS_TOOLKIT_CACHE_ENTRIES"
MAX_ENTRIES = 10_000
BYTES_PER_ENTRY = 6_400
"""On average; so ten thousand take 64 MB at most."""
_ENTRIES = re.compile("[1-9][0-9]{0,5}")


class _Entry(NamedTuple):
    value: bytes
    ends: float
    """On the monotonic clock."""


class MemoryCache:
    """Bounded by entries and by bytes; the least recently used go first. No work in it yields to another greenlet."""

    name = "memory"
    problem = ""

    def __init__(self, *, clock: Clock, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_ENTRIES * BYTES_PER_ENTRY) -> None:
        self._clock = clock
        smallest = max_bytes // max_entries  # no entry counts less, so one bound on bytes holds both
        self._entries: TLRUCache[tuple[str, str], _Entry] = TLRUCache(
            max_bytes,
            ttu=lambda _, entry, _now: entry.ends,
            timer=clock.monotonic,
            getsizeof=lambda entry: max(smallest, len(entry.value)),
        )

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None. What is in memory is its process's own, so it is not sealed."""
        entry = self._entries.get((workspace.id, name))
        return None if entry is None else Kept(entry.value, entry.ends - self._clock.monotonic(), self.name)

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value."""
        if kept.seconds > 0 and len(kept.value) <= min(MAX_VALUE_BYTES, self._entries.maxsize):
            self._entries[workspace.id, name] = _Entry(kept.value, self._clock.monotonic() + kept.seconds)


def entries_of(environment: Mapping[str, str]) -> int:
    """How many entries the operator lets it hold; the memory is the process's, so no catalog decides that.

    Raises:
        Unavailable: the setting cannot be read.
    """
    setting = environment.get(ENTRIES_SETTING, "").strip()
    if not setting:
        return MAX_ENTRIES
    if not _ENTRIES.fullmatch(setting):
        raise Unavailable(
            f"The operator's setting {ENTRIES_SETTING} is no number from 1 to 999999: {printable(setting, 40)}.",
            hint=f"Write e.g. {ENTRIES_SETTING}={MAX_ENTRIES}, or leave it out.",
            retryable=False,
            not_executed=True,
        )
    return int(setting)
