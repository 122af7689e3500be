"""A real OpenAI-compatible server behind the plugin's backwards calls."""

import pytest

from tests.fakes.openai_server import serving
from workbench.openai_models import ModelServer


@pytest.fixture
def asked(probe):
    """Asks the probe in a workspace with the server behind it."""

    def ask(server, what, text="hello", key="right-key", model=""):
        probe.workspace("models").handlers.update(ModelServer(server.url, key, model).handlers())
        return probe.invoke_tool("ask", {"what": what, "text": text}, workspace="models")

    return ask


def test_an_llm_call_is_answered_by_the_server(asked):
    with serving([{"content": "good day"}]) as server:
        assert asked(server, "llm").text == "good day (7 tokens)"
    request = server.requests[0]
    assert (request["model"], request["temperature"], request["messages"]) == (
        "small",
        0,
        [{"role": "user", "content": "hello"}],
    )


def test_the_operator_may_name_the_model(asked):
    with serving([{"content": "x"}]) as server:
        asked(server, "llm", model="house-model")
    assert server.requests[0]["model"] == "house-model"


def test_a_streamed_llm_call_arrives_in_pieces(asked):
    with serving([{"content": "one two three"}]) as server:
        assert asked(server, "llm stream").text == "one |two |three|"


def test_embeddings_come_back_in_the_order_of_the_texts(asked):
    with serving([]) as server:
        assert asked(server, "embedding", "four").text == "[[4.0, 0.5], [4.0, 0.5]]"


@pytest.mark.parametrize("what", ["llm", "llm stream"])
def test_a_refusal_of_the_server_arrives_as_dify_words_it(asked, what):
    with serving([{"content": "x"}]) as server:
        message = asked(server, what, key="wrong-key").error.message
    assert message.startswith("read llm model failed: request failed: HTTP 401")
    assert "the key is wrong" in message


def test_a_server_that_is_gone_is_told(asked):
    with serving([]) as server:
        pass
    assert "ConnectError" in asked(server, "embedding").error.message


def test_the_server_comes_from_the_environment_only_when_address_and_key_are_set(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert ModelServer.from_environment() is None
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert ModelServer.from_environment().url == "http://127.0.0.1:1/v1"
