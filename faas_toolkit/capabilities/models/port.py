"""What a deployment of a model is to the rest of the slice."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from faas_toolkit.capabilities.models.price import Price
from faas_toolkit.core.call import Call
from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.host import Message
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import Target


@immutable(kw_only=True)
class Asked:
    """What a model is asked."""

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(slots=True)
class Report:
    """What a deployment says about its answer; filled while the answer is read."""

    model: str = ""
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    price: float | None = None
    """Of the whole answer, where the deployment says."""
    currency: str = ""


class ModelSource(Protocol):
    """One deployment of a model, asked once; limits, breaker and fallback stand in front of it, not in it."""

    def generate(self, asked: Asked, call: Call, pace: StreamPace, report: Report) -> Iterator[str]:
        """What the model says, piece by piece; it sends nothing before the first piece is asked for.

        Ends normally only where the answer is known to be complete, and raises a `Failure` otherwise.
        """
        ...

    def check(self, deadline: Deadline) -> str:
        """The cheapest sign of life, without generating; a sentence, or raises a `Failure`."""
        ...


@immutable(kw_only=True)
class Deployment:
    """A model at one place."""

    name: str
    """As answers, audit rows and texts name it, e.g. `chat.main`."""
    model: str
    """What it is called where it runs; answers name what the deployment itself says, where it does."""
    source: ModelSource
    target: Target | None
    """None: the source passes a gate of its own, as a function does."""
    price: Price | None = None
    api_version: str = ""
    """What the model's name stands for today."""
    also: Target | None = None
    """Limits that count beside the target's own, so that they can only tighten them."""


class OutputSchema(Protocol):
    """A JSON Schema that an answer has to fit."""

    def problems(self, value: object) -> list[str]:
        """What does not fit, in the schema's words."""
        ...


type CompileSchema = Callable[[Mapping[str, object]], OutputSchema]
"""Makes it from JSON; raises ValueError that says what is wrong with it."""
