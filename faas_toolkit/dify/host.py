"""What Dify does for a call, through the session of the SDK."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.host import LanguageModels

if TYPE_CHECKING:
    from dify_plugin.invocations.model.text_embedding import TextEmbeddingInvocation


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

    def __init__(
        self, storage: SessionStorage, llm: LanguageModels, *, embedding: "TextEmbeddingInvocation | None" = None
    ) -> None:
        self.storage = DifyStorage(storage)
        self.llm = llm
        self._embedding = embedding

    def embed(
        self, texts: Sequence[str], provider: str, model: str, *, purpose: Literal["query", "document"]
    ) -> list[list[float]]:
        """A vector for each text, from a model of the workspace.

        Raises:
            Unavailable: Dify or the model's provider refused, or did not answer.
        """
        from dify_plugin.entities.model import EmbeddingInputType
        from dify_plugin.entities.model.text_embedding import TextEmbeddingModelConfig

        if self._embedding is None:
            raise Unavailable("This call came in a way that cannot use Dify's models.", retryable=False)
        try:
            result = self._embedding.invoke(
                TextEmbeddingModelConfig(provider=provider, model=model), list(texts), EmbeddingInputType(purpose)
            )
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
