"""A model that is set up in Dify, asked through the call's host."""

from collections.abc import Iterator

from faas_toolkit.capabilities.models.port import Asked, Report
from faas_toolkit.core.call import Call
from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.host import HostModel


class DifyModel:
    """One model of the workspace.

    Args:
        provider: e.g. `langgenius/openai/openai`.
        model: its name there.
        mode: `chat` or `completion`.
        parameters: what the builder of an app set; a call's own sampling stands above them.
    """

    def __init__(self, *, provider: str, model: str, mode: str = "chat", parameters: dict[str, object] | None = None) -> None:
        self._provider = provider
        self._model = model
        self._mode = mode
        self._parameters = parameters or {}

    def generate(self, asked: Asked, call: Call, pace: StreamPace, report: Report) -> Iterator[str]:
        """See `ModelSource`; Dify says when an answer is complete, whether or not the model says why."""
        sampling = {"temperature": asked.temperature, "max_tokens": asked.max_tokens}
        given = {name: value for name, value in sampling.items() if value is not None}
        model = HostModel(provider=self._provider, name=self._model, mode=self._mode, parameters={**self._parameters, **given})
        for piece in call.host.llm.generate(model, asked.messages, pace):
            report.model = piece.model or report.model
            report.finish_reason = piece.finish_reason or report.finish_reason
            if piece.prompt_tokens is not None and piece.completion_tokens is not None:
                report.prompt_tokens, report.completion_tokens = piece.prompt_tokens, piece.completion_tokens
            if piece.price is not None and piece.currency:
                report.price, report.currency = piece.price, piece.currency
            if piece.text:
                yield piece.text
        report.finish_reason = report.finish_reason or "stop"

    def check(self, deadline: Deadline) -> str:
        """Dify is asked only when the model is."""
        return "is set up in Dify and asked when it is used"
