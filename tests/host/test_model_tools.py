"""The model tools through the plugin process, as a workflow, an agent-chat app and an Agent node call them."""

import json
import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.fakes import openai_server
from tests.fakes.openai_server import END, HEAD, event, openai_at, plays, refuses, says, usage, words
from tests.fakes.servers import serving
from workbench.backwards import Refused
from workbench.host import PluginHost
from workbench.openai_models import ModelServer
from workbench.surfaces import SURFACES, observation, prepare, sender_for, workflow_node

ROOT = Path(__file__).parents[2]
NUMBERS = count(1)
AGENTS = ("agent-chat", "agent-node")
SELECTORS = {
    "model": {"provider": "vendor/openai/openai", "model": "small", "model_type": "llm", "mode": "chat"},
    "fallback_model": {"provider": "vendor/openai/openai", "model": "large", "model_type": "llm", "mode": "chat"},
}


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path_factory.mktemp("data")), "FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"}
    with PluginHost(ROOT, environment=environment) as host:
        yield host


def opened(*servers):
    """Plain HTTP is opened by the catalog, this machine by the operator."""
    return {"network": {"allow": [f"http://127.0.0.1:{server.port}" for server in servers]}}


@pytest.fixture
def catalog():
    """A catalog whose pool has one server for each script."""
    with ExitStack() as stack:

        def make(*scripts, **more):
            servers = [stack.enter_context(serving(script)) for script in scripts]
            deployments = [openai_at(server.port, f"server{number}", **more) for number, server in enumerate(servers)]
            models = {"pools": {"chat": {"deployments": deployments}}}
            document = {"version": 1, "roles": {"member": {"allow": ["model.use"]}}, "models": models, **opened(*servers)}
            return {"catalog": json.dumps(document)}, servers

        yield make


@pytest.fixture
def workspace(plugin):
    """A workspace of its own for each test: limits and breakers of the others do not show."""
    return plugin.workspace(f"workspace-{next(NUMBERS)}")


@pytest.fixture
def open_tool(plugin, workspace):
    def start(surface, tool, arguments, *, credentials=None, settings=None):
        declared = plugin.declaration.tool(tool)
        return plugin.open_tool(
            tool,
            prepare(surface, declared, arguments, settings),
            workspace=workspace.name,
            sender=sender_for(surface, app=f"{workspace.name}-app"),
            credentials=credentials or {},
            timeout=60,
        )

    return start


@pytest.fixture
def run(plugin, open_tool):
    return lambda *args, **kwargs: plugin.result(open_tool(*args, **kwargs))


def streamed(messages):
    return [
        message["message"]["variable_value"]
        for message in messages
        if message["type"] == "variable" and message["message"].get("stream")
    ]


def test_a_workflow_gets_the_answer_piece_by_piece_and_then_everything_else(plugin, run, catalog):
    credentials, _ = catalog(says("I am", " fine"))
    reply = run("workflow", "model_generate", {"prompt": "How are you?"}, credentials=credentials)
    assert streamed(reply.messages) == ["I am", " fine"]
    names = [message["message"].get("variable_name") for message in reply.messages if message["type"] == "variable"]
    assert names.count("answer") == 2, "the whole answer must not be sent again over its pieces"
    node = workflow_node(reply, plugin.declaration.provider_id)
    assert not node.failed
    assert node.outputs["answer"] == node.outputs["text"] == "I am fine"
    assert node.outputs["usage"]["total_tokens"] == 18
    assert node.outputs["model"] == "served-model"
    assert node.outputs["source"] == "chat.server0"


def test_the_first_piece_is_there_before_the_answer_has_ended(plugin, open_tool, catalog):
    def slow(exchange):
        exchange.send(HEAD + words("I am"))
        exchange.closing.wait(1.5)
        exchange.send(words(" fine", finish="stop") + END)

    credentials, _ = catalog(slow)
    session = open_tool("workflow", "model_generate", {"prompt": "How are you?"}, credentials=credentials)
    started = time.monotonic()
    first = next(session.messages())
    assert time.monotonic() - started < 1.4
    assert first["message"] == {"variable_name": "answer", "variable_value": "I am", "stream": True}
    assert plugin.result(session).text == "I am fine"


@pytest.mark.parametrize("surface", AGENTS)
def test_an_agent_reads_the_answer_once_and_nothing_comes_early(run, catalog, surface):
    credentials, _ = catalog(says("I am", " fine"))
    reply = run(surface, "model_generate", {"prompt": "How are you?"}, credentials=credentials)
    assert streamed(reply.messages) == []
    assert reply.messages[0]["type"] == "text"
    assert observation(surface, reply).text.startswith("I am fine")
    assert "answer" not in reply.variables


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("first", [refuses("429 Too Many Requests", headers="Retry-After: 5"), plays(HEAD, words(""), cut=True)])
def test_the_fallback_s_answer_comes_whatever_the_first_did_before_its_first_word(run, catalog, surface, first):
    credentials, servers = catalog(first, says("from the second"))
    reply = run(surface, "model_generate", {"prompt": "Hello"}, credentials=credentials)
    assert reply.text == "from the second"
    assert [len(server.exchanges) for server in servers] == [1, 1]


BROKEN = {
    "cut": (plays(HEAD, words("I am "), cut=True), {}),
    "no end": (plays(HEAD, words("I am "), b"0\r\n\r\n"), {}),
    "its own error": (plays(HEAD, words("I am "), event({"error": {"message": "overloaded"}})), {}),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_answer_that_breaks_off_fails_the_node_and_says_so(plugin, run, catalog, how):
    script, more = BROKEN[how]
    credentials, servers = catalog(script, says("never asked"), **more)
    reply = run("workflow", "model_generate", {"prompt": "Hello"}, credentials=credentials)
    assert streamed(reply.messages) == ["I am "]
    node = workflow_node(reply, plugin.declaration.provider_id)
    assert node.failed
    assert "The answer is incomplete: it broke off after 5 characters" in node.error
    assert not node.error.startswith("An error occurred")
    assert servers[1].exchanges == []


def test_a_broken_answer_that_is_returned_keeps_what_had_arrived(plugin, run, catalog):
    credentials, _ = catalog(BROKEN["cut"][0])
    settings = {"on_error": "return"}
    reply = run("workflow", "model_generate", {"prompt": "Hello"}, credentials=credentials, settings=settings)
    outputs = workflow_node(reply, plugin.declaration.provider_id).outputs
    assert outputs["ok"] is False
    assert outputs["answer"] == "I am "
    assert "incomplete" in outputs["error"]["message"]


@pytest.mark.parametrize("surface", AGENTS)
def test_an_agent_is_told_that_an_answer_broke_off(run, catalog, surface):
    credentials, _ = catalog(BROKEN["cut"][0])
    reply = run(surface, "model_generate", {"prompt": "Hello"}, credentials=credentials)
    assert reply.variables["ok"] is False
    assert "incomplete" in observation(surface, reply).text


def test_a_stall_before_the_first_word_is_left_at_the_deployment_s_timeout(run, catalog):
    credentials, _ = catalog(plays(HEAD, hold=30), says("from the second"), timeout=0.5)
    started = time.monotonic()
    assert run("workflow", "model_generate", {"prompt": "Hello"}, credentials=credentials).text == "from the second"
    assert time.monotonic() - started < 10


def test_json_is_checked_repaired_once_and_set_as_a_variable(plugin, run, catalog):
    answers = iter(['{"city": 5}', '```json\n{"city": "Lyon"}\n```'])

    def script(exchange):
        exchange.send(HEAD + words(next(answers), finish="stop") + usage(10, 5) + END)

    credentials, servers = catalog(script)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    reply = run("workflow", "model_generate", {"prompt": "Where?", "json_schema": json.dumps(schema)}, credentials=credentials)
    outputs = workflow_node(reply, plugin.declaration.provider_id).outputs
    assert outputs["structured"] == {"city": "Lyon"}
    assert outputs["usage"]["total_tokens"] == 30
    second = json.loads(servers[0].exchanges[1].body)["messages"]
    assert second[-2] == {"role": "assistant", "content": '{"city": 5}'}
    assert "is not of type 'string'" in second[-1]["content"]


@pytest.mark.parametrize(
    ("detect", "expected"),
    [(["email"], "write to [email] with [secret] please"), ([], "write to ana@example.com with [secret] please")],
)
def test_personal_data_and_our_own_secrets_are_taken_out_of_the_pieces_too(run, detect, expected):
    token = "".join(reversed("the-bearer-of-this-test"))
    with serving(says("write to ana@exa", "mple.com with ", token[:9], token[9:], " please")) as server:
        deployment = openai_at(server.port, auth={"bearer": "${secret:token}"})
        catalog = {
            "version": 1,
            "roles": {"member": {"allow": ["model.use"], "mask": dict.fromkeys(detect, "drop")}},
            "review": {"detect": detect},
            "models": {"pools": {"chat": {"deployments": [deployment]}}},
            **opened(server),
        }
        credentials = {"catalog": json.dumps(catalog), "secrets": json.dumps({"token": token})}
        reply = run("workflow", "model_generate", {"prompt": "Hello"}, credentials=credentials)
        assert server.exchanges[0].headers["authorization"] == f"Bearer {token}"
    assert "".join(streamed(reply.messages)) == reply.text == expected


@pytest.mark.parametrize("surface", SURFACES)
def test_without_a_pool_it_says_how_to_add_one(run, surface):
    reply = run(surface, "model_generate", {"prompt": "Hello"})
    text = reply.error.message if reply.error else reply.text
    assert "models:" in text
    assert "model_fallback" in text


# Two models of Dify, without a catalog.


@pytest.fixture
def dify(workspace):
    """A workspace whose models of Dify are answered by this function of the model's name."""

    def handle(answer):
        def llm(request):
            return answer(request["model"], request)

        workspace.handlers["llm"] = llm

    return handle


def piece(text, *, finish=None, counts=None, model="dify-model"):
    tokens = counts and {
        **dict.fromkeys(("prompt_unit_price", "prompt_price_unit", "completion_unit_price", "completion_price_unit"), "0"),
        **dict.fromkeys(("prompt_price", "completion_price"), "0.001"),
        "prompt_tokens": counts[0],
        "completion_tokens": counts[1],
        "total_tokens": sum(counts),
        "total_price": "0.002",
        "currency": "USD",
        "latency": 0.1,
    }
    message = {"role": "assistant", "content": text, "name": None, "tool_calls": []}
    return {
        "model": model,
        "prompt_messages": [],
        "system_fingerprint": None,
        "delta": {"index": 0, "message": message, "usage": tokens, "finish_reason": finish},
    }


def test_a_model_of_dify_streams_and_reports_usage_and_price(plugin, run, dify):
    asked = []

    def answer(model, request):
        asked.append(request)
        yield piece("I am")
        yield piece(" fine")
        yield piece("", finish="stop", counts=(9, 4))

    dify(answer)
    settings = {**SELECTORS, "max_tokens": 100}
    reply = run("workflow", "model_fallback", {"prompt": "Hi", "system": "Be brief."}, settings=settings)
    assert streamed(reply.messages) == ["I am", " fine"]
    outputs = workflow_node(reply, plugin.declaration.provider_id).outputs
    assert outputs["usage"] == {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13, "estimated": False}
    assert outputs["cost"] == {"amount": 0.002, "currency": "USD"}
    assert (outputs["model"], outputs["source"], outputs["finish_reason"]) == ("dify-model", "vendor/openai/openai/small", "stop")
    (request,) = asked
    assert (request["provider"], request["model"], request["stream"]) == ("vendor/openai/openai", "small", True)
    assert request["completion_params"] == {"max_tokens": 100}
    assert [(message["role"], message["content"]) for message in request["prompt_messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
    ]


@pytest.mark.parametrize("surface", SURFACES)
def test_the_second_model_answers_where_the_first_fails_before_its_first_word(run, dify, surface):
    def answer(model, request):
        if model == "small":
            raise Refused("[models] Server Unavailable Error, overloaded")
        yield piece("from the large one", finish="stop")

    dify(answer)
    reply = run(surface, "model_fallback", {"prompt": "Hi"}, settings=SELECTORS)
    assert reply.text == "from the large one"


def test_a_model_of_dify_that_breaks_off_fails_the_node_visibly(plugin, run, dify):
    asked = []

    def answer(model, request):
        asked.append(model)
        yield piece("I am ")
        raise Refused("the connection was lost")

    dify(answer)
    reply = run("workflow", "model_fallback", {"prompt": "Hi"}, settings=SELECTORS)
    node = workflow_node(reply, plugin.declaration.provider_id)
    assert streamed(reply.messages) == ["I am "]
    assert "incomplete: it broke off after 5 characters" in node.error
    assert "the connection was lost" in node.error
    assert asked == ["small"]


def test_a_model_of_dify_that_says_nothing_is_left_after_timeout_seconds(run, dify):
    def answer(model, request):
        if model == "small":
            time.sleep(3)
        yield piece(f"from {model}", finish="stop")

    dify(answer)
    settings = {**SELECTORS, "timeout_seconds": 1}
    assert run("workflow", "model_fallback", {"prompt": "Hi"}, settings=settings).text == "from large"


def test_what_the_builder_allows_limits_each_model_of_this_app(run, dify):
    dify(lambda model, request: iter([piece(f"from {model}", finish="stop", counts=(5, 5))]))
    settings = {**SELECTORS, "requests_per_minute": 1, "max_wait": 0}

    def answers(app):
        reply = run("workflow", "model_fallback", {"prompt": app}, settings=settings)
        return reply.error.error_type if reply.error else reply.text

    assert [answers("a") for _ in range(3)] == ["from small", "from large", "InvokeRateLimitError"]


def test_both_models_may_stand_behind_a_real_server(workspace, run):
    with openai_server.serving([{"content": "goodday"}]) as server:
        workspace.handlers.update(ModelServer(server.url, server.key).handlers())
        reply = run("workflow", "model_fallback", {"prompt": "Hi"}, settings=SELECTORS)
    assert reply.text == "goodday"
    assert reply.variables["usage"]["total_tokens"] == 7


def test_many_calls_at_once_all_end(plugin, open_tool, catalog):
    credentials, _ = catalog(says(*["word "] * 50))
    sessions = [open_tool("workflow", "model_generate", {"prompt": str(n)}, credentials=credentials) for n in range(30)]
    replies = [plugin.result(session) for session in sessions]
    assert {reply.text for reply in replies} == {"word " * 50}


def test_the_plugin_kept_the_protocol(plugin):
    assert plugin.violations == ()
