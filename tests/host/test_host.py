"""The host against a real plugin on the real SDK, started in each of the three ways."""
# ruff: noqa: PT012 - leaving the host's block is what raises

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.host.conftest import PROBE
from workbench.backwards import Refused
from workbench.host import TRANSPORTS, PluginHost, PluginNotStarted
from workbench.session import HostFailure, ProtocolViolation, SessionTimeout
from workbench.wire import RequestRefused, Sender


@pytest.fixture(scope="module", params=TRANSPORTS)
def probe(request):
    with PluginHost(PROBE, transport=request.param) as host:
        yield host


def test_a_tool_gets_what_was_sent_and_its_messages_come_back(probe):
    sender = Sender(user_id="u-1", app_id="app-1", conversation_id="c-1", message_id="m-1")
    reply = probe.invoke_tool("answer", {"word": "tree", "count": 3}, sender=sender, credentials={"key": "k"})
    assert reply.error is None
    assert reply.text == "word: tree"
    assert reply.variables["received"] == {
        "parameters": {"word": "tree", "count": 3},
        "credentials": {"key": "k"},
        "user_id": "u-1",
        "app_id": "app-1",
        "conversation_id": "c-1",
        "message_id": "m-1",
    }
    assert reply.variables["streamed"] == "one two"
    assert 0 < reply.first_seconds <= reply.seconds


def test_a_lone_surrogate_arrives_as_go_would_hand_it_on(probe):
    assert probe.invoke_tool("answer", {"word": "a\ud800b"}).text == "word: a�b"


def test_nan_cannot_be_sent(probe):
    with pytest.raises(RequestRefused):
        probe.invoke_tool("answer", {"word": float("nan")})


def test_an_exception_comes_back_with_its_class_and_traceback_and_stderr_is_kept(probe, until):
    reply = probe.invoke_tool("misbehave", {"how": "fail"})
    assert (reply.error.error_type, reply.error.message) == ("RuntimeError", "boom")
    assert "Traceback" in reply.error.args["traceback"]
    until(lambda: "a trace of it" in probe.process.stderr)


def test_an_unknown_tool_is_an_error_of_the_sdk(probe):
    assert "nothing" in probe.invoke_tool("nothing", {}).error.message


def test_credentials_are_validated(probe):
    assert probe.validate_credentials({"key": "right"}).messages == ({"result": True},)
    refused = probe.validate_credentials({"key": "wrong"})
    assert (refused.error.error_type, refused.error.message) == ("CredentialsValidateFailedError", "key: this key is wrong")


def test_a_long_line_below_the_limit_passes(probe):
    assert len(probe.invoke_tool("misbehave", {"how": "long line"}).text) > 5_000_000


def test_twenty_calls_run_at_once(probe):
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: probe.invoke_tool("wait", {"seconds": 0.5}), range(20)))
    assert [reply.text for reply in replies] == ["waited 0.5"] * 20
    assert time.monotonic() - started < 3, "one after the other they take 10 s"


def test_messages_can_be_read_as_they_come(probe):
    session = probe.open_tool("answer", {"word": "tree"})
    assert next(session.messages())["message"]["text"] == "word: tree"


def test_a_session_ends_at_its_timeout_in_the_words_of_the_daemon(probe):
    with pytest.raises(SessionTimeout, match="killed by timeout"):
        probe.invoke_tool("wait", {"seconds": 5}, timeout=0.3)
    assert probe.invoke_tool("wait", {"seconds": 0}).text == "waited 0"


def test_a_tool_that_leaves_without_a_word_keeps_its_caller_waiting(probe):
    with pytest.raises(SessionTimeout):
        probe.invoke_tool("misbehave", {"how": "leave without a word"}, timeout=0.5)


def test_a_missing_key_is_an_error_with_the_words_of_the_daemon(probe):
    reply = probe.invoke_tool("remember", {"do": "get", "key": "nothing"})
    assert reply.error.message == "load data failed, please check if the key is correct or you have not set it"


def test_two_workspaces_see_separate_storage(probe):
    for name in ("red", "blue"):
        probe.invoke_tool("remember", {"do": "set", "key": "whose", "value": name}, workspace=name)
    for name in ("red", "blue"):
        assert probe.invoke_tool("remember", {"do": "get", "key": "whose"}, workspace=name).text == name
    assert probe.invoke_tool("remember", {"do": "exist", "key": "whose"}, workspace="green").text == "False"
    probe.invoke_tool("remember", {"do": "delete", "key": "whose"}, workspace="red")
    assert probe.invoke_tool("remember", {"do": "exist", "key": "whose"}, workspace="red").text == "False"
    assert probe.invoke_tool("remember", {"do": "exist", "key": "whose"}, workspace="blue").text == "True"


def test_the_storage_quota_of_the_manifest_holds(probe):
    reply = probe.invoke_tool("remember", {"do": "set", "key": "big", "value": "x" * 5_000}, workspace="full")
    assert reply.error.message == "save data failed: allocated size is greater than max storage size"


def test_storage_outlives_the_process_where_it_has_a_folder(tmp_path):
    for do in ("set", "get"):
        with PluginHost(PROBE, storage_folder=tmp_path) as host:
            reply = host.invoke_tool("remember", {"do": do, "key": "k", "value": "kept"})
    assert reply.text == "kept"


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("llm", "read llm model failed: request failed: Provider langgenius/openai/openai does not exist."),
        ("embedding", "invoke text-embedding model failed: request failed: Provider langgenius/openai/openai does not exist."),
        ("tool", "read tool response failed: request failed: plugin provider other/plugin/tools not found"),
        ("rerank", "permission denied, you need to enable rerank access in plugin manifest"),
        ("app", "permission denied, you need to enable app access in plugin manifest"),
    ],
)
def test_what_is_not_there_or_not_allowed_is_refused_in_the_words_of_the_daemon(probe, what, text):
    assert probe.invoke_tool("ask", {"what": what}).error.message == text


def test_a_registered_handler_answers_for_its_workspace_alone(probe):
    asked = []

    def clock(request):
        asked.append(request)
        yield {"type": "text", "message": {"text": "12:00 "}, "meta": None}
        yield {"type": "text", "message": {"text": "in Tokyo"}, "meta": None}

    probe.workspace("equipped").handlers["tool"] = clock
    reply = probe.invoke_tool("ask", {"what": "tool", "text": "Tokyo"}, workspace="equipped", sender=Sender(user_id="u-7"))
    assert reply.text == "12:00 in Tokyo"
    assert asked[0]["tool_parameters"] == {"zone": "Tokyo"}
    assert (asked[0]["user_id"], asked[0]["tenant_id"]) == ("u-7", probe.workspace("equipped").tenant_id)
    assert probe.invoke_tool("ask", {"what": "tool"}, workspace="bare").error is not None


@pytest.mark.parametrize("error", [Refused("the model is asleep"), ZeroDivisionError("the model is asleep")])
def test_a_failing_handler_arrives_inside_the_words_of_the_daemon(probe, error):
    def failing(request):
        raise error

    probe.workspace("failing").handlers["llm"] = failing
    reply = probe.invoke_tool("ask", {"what": "llm"}, workspace="failing")
    assert reply.error.message == "read llm model failed: request failed: the model is asleep"


@pytest.mark.parametrize(
    ("how", "rule", "detail"),
    [
        ("print", "stdout", "hello"),
        ("print without newline", "stdout", "hello"),
        ("too long line", "line_size", "5,242,880"),
        ("exit", "exit", "ended by itself"),
    ],
)
def test_a_broken_rule_fails_the_session_and_the_run(how, rule, detail):
    with pytest.raises(ProtocolViolation, match=detail) as at_the_end, PluginHost(PROBE) as host:
        with pytest.raises(ProtocolViolation) as in_the_session:
            host.invoke_tool("misbehave", {"how": how}, timeout=20)
        assert {violation.rule for violation in in_the_session.value.violations} == {rule}
    assert rule in {violation.rule for violation in at_the_end.value.violations}


def test_a_plugin_without_a_sign_of_life_is_killed():
    host = PluginHost(PROBE, environment={"HEARTBEAT_INTERVAL": "0.2"}, silence_limit=2)
    with pytest.raises(ProtocolViolation, match="no sign of life"), host:
        with pytest.raises(ProtocolViolation):
            host.invoke_tool("misbehave", {"how": "burn"}, timeout=20)
        with pytest.raises(HostFailure):
            host.invoke_tool("wait", {"seconds": 0}, timeout=5)
    assert host.process.heartbeats


def test_a_plugin_that_does_not_start_is_told_with_the_end_of_its_stderr(tmp_path):
    (tmp_path / "manifest.yaml").write_bytes((PROBE / "manifest.yaml").read_bytes())
    (tmp_path / "provider").mkdir()
    (tmp_path / "provider" / "probe.yaml").write_text("identity: {name: probe}\ntools: []\n")
    (tmp_path / "main.py").write_text("raise SystemExit('no such luck')\n")
    with pytest.raises(PluginNotStarted, match="no such luck"):
        PluginHost(tmp_path).start()


def test_stopping_ends_the_process():
    with PluginHost(PROBE) as host:
        process = host.process._process
        assert process.poll() is None
    assert process.poll() is not None
