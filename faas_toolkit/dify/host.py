"""What Dify does for a call, through the session of the SDK."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import TimeoutUnknown, Unavailable
from faas_toolkit.dify.models import DifyModels

if TYPE_CHECKING:
    from dify_plugin.core.runtime import Session

    from faas_toolkit.net.http import HardLimit


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
    """Dify as one call sees it; not to be kept after the call (late requests vanish: dify-runtime §4.3).

    Args:
        session: of the SDK.
        hard_limit: ends a wait for Dify, which itself waits for minutes.
    """

    def __init__(self, session: "Session", hard_limit: "HardLimit") -> None:
        self.storage = DifyStorage(session.storage)
        self.llm = DifyModels(session, hard_limit)
        self._session = session
        self._hard_limit = hard_limit

    def embed(
        self, texts: Sequence[str], provider: str, model: str, *, purpose: Literal["query", "document"], deadline: Deadline
    ) -> list[list[float]]:
        """See `core.host.Host`; Dify itself would be waited for by the minute."""
        from dify_plugin.entities.model import EmbeddingInputType
        from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig

        config = TextEmbeddingModelConfig(provider=provider, model=model)
        try:
            with self._hard_limit(deadline.remaining()):
                result = self._session.model.text_embedding.invoke(config, list(texts), EmbeddingInputType(purpose))
        except TimeoutError as error:
            raise TimeoutUnknown(f"Dify's embedding model {model!r} of {provider!r} did not answer in time.") from error
        except Exception as error:
            raise Unavailable(
                f"Dify's embedding model {model!r} of {provider!r} does not answer.",
                hint="Check in Dify that the provider is set up, that the model is an embedding model, and its credentials.",
            ) from error
        return [list(vector) for vector in result.embeddings]


def _unavailable() -> Unavailable:
    return Unavailable(
        "Dify's storage for this plugin does not answer.",
        hint="Check that the plugin has the storage permission, and the plugin daemon's log; then call again.",
    )
