"""The agent loop with the probe's tools, and a model that speaks OpenAI's chat API over a real server."""

import json

import pytest

from tests.fakes.openai_server import serving
from workbench.agent import MAX_STEPS, Agent, Decision, NoAnswer, ToolCall
from workbench.chat_model import ChatModel
from workbench.openai_models import ModelServer, ModelServerError
from workbench.surfaces import prompt_tool


class Script:
    """A brain that plays its decisions."""

    name = "script"
    surface = "agent-chat"

    def __init__(self, *decisions):
        self._decisions = list(decisions)

    def decide(self, question, steps):
        return self._decisions.pop(0)


def agent(probe, brain, seen=None):
    return Agent(
        probe, brain, {"key": "k"}, lambda number, step: seen.append((number, step.call.tool)) if seen is not None else None
    )


def turn(*calls):
    """An assistant's message with tool calls of (id, name, arguments as the model writes them)."""
    return {
        "content": None,
        "tool_calls": [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for call_id, name, arguments in calls
        ],
    }


def test_tools_are_called_as_an_agent_chat_app_does(probe):
    seen = []
    brain = Script(Decision([ToolCall("answer", {"word": "tree"})]), Decision(answer="a tree"))
    answer, steps = agent(probe, brain, seen).answer("what?")
    received = steps[0].variables["received"]
    assert answer == "a tree"
    assert seen == [(1, "answer")]
    assert received["parameters"] == {"word": "tree", "secret": "", "tone": "plain"}
    assert received["credentials"] == {"key": "k"}
    assert None not in (received["app_id"], received["conversation_id"], received["message_id"])


@pytest.mark.parametrize(
    ("call", "read"),
    [
        (ToolCall("nothing", {}), "there is not a tool named nothing"),
        (ToolCall("answer", {"count": "abc"}), "tool invoke error: invalid literal"),
        (ToolCall("answer", "tree"), "should be a dict"),
    ],
)
def test_a_call_that_cannot_be_made_is_read_by_the_one_who_made_it(probe, call, read):
    _, steps = agent(probe, Script(Decision([call]), Decision(answer="sorry"))).answer("what?")
    assert read in steps[0].observation
    assert not steps[0].ok


def test_an_agent_that_never_answers_is_stopped(probe):
    calls = [Decision([ToolCall("wait", {"seconds": 0})])] * (MAX_STEPS + 1)
    with pytest.raises(NoAnswer):
        agent(probe, Script(*calls)).answer("what?")


def test_a_model_calls_tools_and_answers_with_what_it_read(probe):
    def final(request):
        observations = [message["content"] for message in request["messages"] if message["role"] == "tool"]
        return {"content": f"I read: {observations}"}

    script = [
        turn(("c1", "answer", json.dumps({"word": "oak"})), ("c2", "answer", json.dumps({"word": "elm"}))),
        turn(("c3", "wait", "0")),
        final,
    ]
    with serving(script) as server:
        brain = ChatModel(ModelServer(server.url, server.key, "scripted"), probe.declaration.tools)
        answer, steps = agent(probe, brain).answer("which trees?")
    assert [step.call.tool for step in steps] == ["answer", "answer", "wait"]
    assert "word: oak" in answer
    assert "waited 0" in answer

    first, _, last = server.requests
    assert [tool["function"] for tool in first["tools"]] == [prompt_tool(tool) for tool in probe.declaration.tools]
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert [(message["role"], message.get("tool_call_id")) for message in last["messages"][2:]] == [
        ("assistant", None),
        ("tool", "c1"),
        ("tool", "c2"),
        ("assistant", None),
        ("tool", "c3"),
    ]


def test_a_refusal_of_the_model_server_ends_the_run(probe):
    with serving([]) as server, pytest.raises(ModelServerError, match="nothing left to say"):
        agent(probe, ChatModel(ModelServer(server.url, server.key), probe.declaration.tools)).answer("which?")
