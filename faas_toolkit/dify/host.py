"""What Dify does for a call, through the session of the SDK."""

from typing import Protocol

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.host import LanguageModels


class SessionStorage(Protocol):
    """The part of the SDK's `session.storage` that is used."""

    def get(self, key: str) -> bytes:
        """The value; any exception where there is none."""
        ...

    def set(self, key: str, val: bytes) -> None:
        """Stores the value."""
        ...

    def exist(self, key: str) -> bool:
        """Whether there is a value."""
        ...


class DifyStorage:
    """The workspace's own key-value store, isolated by Dify."""

    def __init__(self, storage: SessionStorage) -> None:
        self._storage = storage

    def get(self, key: str) -> bytes | None:
        """The value, or None.

        The SDK reports a missing key as an exception with a text of the daemon's, so what counts is `exist`, asked only then.

        Raises:
            Unavailable: Dify could not say.
        """
        try:
            return self._storage.get(key)
        except Exception:  # noqa: BLE001 - the SDK raises bare Exception for everything, a missing key included
            try:
                # Another call may have stored it since: then it is there to be read now.
                return self._storage.get(key) if self._storage.exist(key) else None
            except Exception as error:
                raise _unavailable() from error

    def set(self, key: str, value: bytes) -> None:
        """Stores the value.

        Raises:
            Unavailable: Dify refused or could not be reached.
        """
        try:
            self._storage.set(key, value)
        except Exception as error:
            raise _unavailable() from error


class DifyHost:
    """Dify as one call sees it; not to be kept after the call (late requests vanish: dify-runtime §4.3)."""

    def __init__(self, storage: SessionStorage, llm: LanguageModels) -> None:
        self.storage = DifyStorage(storage)
        self.llm = llm


def _unavailable() -> Unavailable:
    return Unavailable(
        "Dify's storage for this plugin does not answer.",
        hint="Check that the plugin has the storage permission, and the plugin daemon's log; then call again.",
    )
