"""What the host (Dify) does for a call, as ports."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal, Protocol

from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.immutable import immutable

Speaker = Literal["system", "user", "assistant"]


@immutable
class Message:
    """One message of a conversation with a language model."""

    role: Speaker
    content: str


@immutable(kw_only=True)
class HostModel:
    """A language model that is set up in the host."""

    provider: str
    """E.g. `langgenius/openai/openai`."""
    name: str
    mode: str = "chat"
    parameters: Mapping[str, object] = field(default_factory=dict)
    """As the host takes them, e.g. `{"temperature": 0.2, "max_tokens": 500}`."""


@immutable(kw_only=True)
class Generated:
    """One piece of what a model says."""

    text: str = ""
    model: str = ""
    finish_reason: str = ""
    """E.g. `stop` or `length`; empty until the end, or where the host does not say."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    price: float | None = None
    """Of the whole answer."""
    currency: str = ""


class LanguageModels(Protocol):
    """The language models that are set up in the host."""

    def generate(self, model: HostModel, messages: Sequence[Message], pace: StreamPace) -> Iterator[Generated]:
        """What the model says, piece by piece, none waited for longer than `pace` allows; raises a `Failure`.

        Nothing is asked before the first piece is.
        """
        ...


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

    @property
    def llm(self) -> LanguageModels:
        """The workspace's language models."""
        ...

    def embed(
        self, texts: Sequence[str], provider: str, model: str, *, purpose: Literal["query", "document"], deadline: Deadline
    ) -> list[list[float]]:
        """A vector for each text, from an embedding model that the workspace has set up in Dify.

        Raises:
            Unavailable: the model is not set up or refuses.
            TimeoutUnknown: the host did not answer by the deadline.
        """
        ...


class AbsentHost:
    """The host of work that goes on after its call has ended: whatever it is asked, it says that it is not there."""

    @property
    def storage(self) -> KeyValueStorage:
        """Raises `Unavailable`."""
        raise _absent()

    @property
    def llm(self) -> LanguageModels:
        """Raises `Unavailable`."""
        raise _absent()

    def embed(
        self, texts: Sequence[str], provider: str, model: str, *, purpose: Literal["query", "document"], deadline: Deadline
    ) -> list[list[float]]:
        """Raises `Unavailable`."""
        raise _absent()


def _absent() -> Unavailable:
    return Unavailable("Dify cannot be asked here: the call that this belongs to has ended.", retryable=False, not_executed=True)
