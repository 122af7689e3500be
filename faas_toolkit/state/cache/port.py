"""The port of a cache: bytes under a name, per workspace, for a while."""

from typing import NamedTuple, Protocol

from faas_toolkit.core.call import Workspace

MAX_VALUE_BYTES = 1_000_000
"""A larger value is not kept; one variable of an answer is at most 1 MB (tools.md §4)."""


class Kept(NamedTuple):
    """A value and how long it may still be used."""

    value: bytes
    seconds: float


class CacheStore(Protocol):
    """Keeps values as long as it can, and forgets any of them at any time; so it never fails a call."""

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None: never kept, expired, pushed out, damaged, or the store is away."""
        ...

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value for at most that long; nothing happens where it is too large or the store is away."""
        ...
