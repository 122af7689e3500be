"""The ports of a cache: bytes under a name, per workspace, for a while; and which of several processes makes a value anew."""

from typing import NamedTuple, Protocol

from faas_toolkit.core.call import Workspace

MAX_VALUE_BYTES = 1_000_000
"""A larger value is not kept; one variable of an answer is at most 1 MB (tools.md §4)."""


class Kept(NamedTuple):
    """A value and how long it may still be used."""

    value: bytes
    seconds: float
    tier: str = ""
    """Which store had it, e.g. `redis`; empty on the way in."""


class CacheStore(Protocol):
    """Keeps values as long as it can, and forgets any of them at any time; so it never fails a call."""

    @property
    def name(self) -> str:
        """As records, metrics and diagnoses name it, e.g. `redis`."""
        ...

    @property
    def problem(self) -> str:
        """Why it is left alone for a while; empty while it works."""
        ...

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None: never kept, expired, pushed out, damaged, or the store is away."""
        ...

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value for at most that long; nothing happens where it is too large or the store is away."""
        ...


class Lead(NamedTuple):
    """What a process is told that wants to make a value."""

    token: str | None
    """Of the lease it holds now. Empty: it makes the value without one. None: another process is making it."""
    kept: Kept | None = None
    """The value, where there is one; looked up after the lease, so nothing that an earlier leader has put is missed."""


class SharedStore(CacheStore, Protocol):
    """A store of several processes, which says which of them makes a value while the others wait. Where it is away, each does."""

    def take(self, workspace: Workspace, name: str, seconds: float) -> Lead:
        """A lease that ends by itself after so many seconds, unless another process has one."""
        ...

    def finish(self, workspace: Workspace, name: str, token: str, kept: Kept) -> bool:
        """Keeps the value and ends the lease, in one step.

        Returns:
            Whether it was kept. One whose lease has ended meanwhile does not replace what is there: it may be newer.
        """
        ...

    def give_up(self, workspace: Workspace, name: str, token: str) -> None:
        """Ends the lease without a value: those who wait then ask for themselves, not one after the other."""
        ...
