"""What the host (Dify) does for a call, as ports."""

from collections.abc import Sequence
from typing import Literal, Protocol


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

    def embed(
        self, texts: Sequence[str], provider: str, model: str, *, purpose: Literal["query", "document"]
    ) -> list[list[float]]:
        """A vector for each text, from an embedding model that the workspace has set up in Dify.

        Raises:
            Unavailable: the model is not set up, refuses, or the host does not answer.
        """
        ...
