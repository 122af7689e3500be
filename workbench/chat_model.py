"""A model behind OpenAI's chat API as the deciding part of an agent, with the tools described as Dify describes them."""

from collections.abc import Sequence
from typing import Any

from workbench.agent import Decision, Step, ToolCall
from workbench.declaration import Tool
from workbench.openai_models import ModelServer
from workbench.surfaces import SurfaceName, prompt_tool

DEFAULT_MODEL = "gpt-4o-mini"
INSTRUCTIONS = """\
You answer questions about customers. Use the tools for every fact; never guess one. Look the customer up first, with their deals,
tickets and activities. list_capabilities tells you which functions there are and what they take; run one with function_call.
What we promise to customers stands in documents: search them with knowledge_search. At the end give model_generate (pool chat)
all facts that you found and let it write one paragraph. Answer in a few sentences with the numbers you found, name the records,
passages (by their ids, such as handbook:12#3) and functions that they come from, and put that paragraph in word for word."""


class ChatModel:
    """Asks the server what to do next."""

    surface: SurfaceName = "agent-chat"

    def __init__(self, server: ModelServer, tools: Sequence[Tool]) -> None:
        self._server = server
        self._model = server.model or DEFAULT_MODEL
        self._tools = [{"type": "function", "function": prompt_tool(tool)} for tool in tools if _is_offered(tool)]
        self._said: list[dict[str, Any]] = []
        """The model's own messages; tool answers are put between them in `_messages`."""

    @property
    def name(self) -> str:
        """The model and its server."""
        return f"model {self._model} at {self._server.url}"

    def decide(self, question: str, steps: Sequence[Step]) -> Decision:
        """What the model says next; raises `ModelServerError`."""
        body = {"model": self._model, "messages": self._messages(question, steps), "tools": self._tools, "temperature": 0}
        message = self._server.chat(body)["choices"][0]["message"]
        calls = message.get("tool_calls") or []
        self._said.append({"role": "assistant", "content": message.get("content") or "", "tool_calls": calls})
        return Decision([_call(call) for call in calls], (message.get("content") or "").strip())

    def _messages(self, question: str, steps: Sequence[Step]) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": question},
        ]
        answered = {step.call.id: step for step in steps}
        for said in self._said:
            messages.append(said)
            messages += [
                {"role": "tool", "tool_call_id": call["id"], "name": call["function"]["name"], "content": step.observation}
                for call in said["tool_calls"]
                if (step := answered.get(call["id"]))
            ]
        return messages


def _is_offered(tool: Tool) -> bool:
    """Whether an agent gets the tool although nobody has set anything for it (dify-daemon N10)."""
    return not any(parameter.form == "form" and parameter.required and not parameter.default for parameter in tool.parameters)


def _call(call: dict[str, Any]) -> ToolCall:
    return ToolCall(call["function"]["name"], call["function"].get("arguments") or "{}", call["id"])
