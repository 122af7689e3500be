"""What the host (Dify) does for a call, as ports."""

from typing import Protocol


class KeyValueStorage(Protocol):
    """Small values that the host keeps per workspace; no compare-and-set, no listing, no expiry."""

    def get(self, key: str) -> bytes | None:
        """The value, or None where there is none. Raises `Unavailable` when the host cannot say."""
        ...

    def set(self, key: str, value: bytes) -> None:
        """Stores the value (at most 2 MB). Raises `Unavailable` when the host refuses."""
        ...


class Host(Protocol):
    """The host as one call sees it; not to be kept after the call has ended."""

    @property
    def storage(self) -> KeyValueStorage:
        """The workspace's own store."""
        ...
