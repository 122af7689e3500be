"""A function of the catalog as knowledge base: it is asked, and answers, as an External Knowledge API does."""

from faas_toolkit.capabilities.knowledge.config import FunctionKnowledgeConfig
from faas_toolkit.capabilities.knowledge.port import Found, Question
from faas_toolkit.capabilities.knowledge.sources.retrieval import found_in, request_of
from faas_toolkit.core.call import Call, Workspace
from faas_toolkit.core.chain import InvokeFunction
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.outbound import Target


class FunctionKnowledge:
    """A `KnowledgeSource` over a function; its limits, breaker and timeout are the function's, whoever asks it.

    Args:
        name: the base's name in the catalog.
        config: its section.
        invoke: calls a function of the catalog.
        fresh_for: seconds that its answers may be kept, as the function's section says.
    """

    kind = "function"
    needs_host = False
    target: Target | None = None

    def __init__(self, *, name: str, config: FunctionKnowledgeConfig, invoke: InvokeFunction, fresh_for: float) -> None:
        self.fresh_for = fresh_for
        self._name = name
        self._config = config
        self._invoke = invoke

    def find(self, question: Question, deadline: Deadline) -> Found:
        """Calls the function once."""
        answer = self._invoke(self._config.function, request_of(question, self._config.id or self._name), question.call)
        return found_in(answer, question, self._name, f"The function {self._config.function!r}")

    def version(self, workspace: Workspace) -> str | None:
        """A function counts no changes."""
        return None

    def check(self, call: Call, deadline: Deadline) -> str:
        """The function has a line of its own."""
        return f"answered by the function {self._config.function}"
