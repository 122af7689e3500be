"""A function of the catalog as a model: OpenAI's chat contract with a whole answer (docs/serving.md)."""

from collections.abc import Iterator, Mapping

from faas_toolkit.capabilities.models.port import Asked, Report
from faas_toolkit.capabilities.models.sources.chat_completion import read_answer, request_body
from faas_toolkit.core.call import Call
from faas_toolkit.core.chain import InvokeFunction
from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.errors import BadResponse


class FunctionModel:
    """One function; it passes the function's own gate, so its limits are shared with whoever else calls it.

    Args:
        function: its name in the catalog.
        invoke: calls it.
    """

    def __init__(self, *, function: str, invoke: InvokeFunction) -> None:
        self._function = function
        self._invoke = invoke

    def generate(self, asked: Asked, call: Call, pace: StreamPace, report: Report) -> Iterator[str]:
        """See `ModelSource`; the one piece is the whole answer."""
        what = f"Function {self._function!r} as a model"
        answer = self._invoke(self._function, request_body(asked, ""), call)
        if not isinstance(answer, Mapping):
            raise BadResponse(f'{what} must answer {{"choices": [{{"message": {{"content": "…"}}}}]}}.')
        yield read_answer(answer, report, what, part="message")
        report.finish_reason = report.finish_reason or "stop"

    def check(self, deadline: Deadline) -> str:
        """The function has its own line."""
        return f"is answered by the function {self._function}"
