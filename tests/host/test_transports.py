"""What is particular to remote debug (TCP) and to serverless (HTTP); what all three ways share is in test_host.py."""
# ruff: noqa: PT012 - leaving the host's block is what raises

import http.client
import shutil
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.host.conftest import PROBE
from workbench.host import TRANSPORTS, PluginHost, PluginNotStarted
from workbench.session import ProtocolViolation
from workbench.wire import RequestRefused


@pytest.fixture(scope="module")
def remote():
    with PluginHost(PROBE, transport="tcp") as host:
        yield host


@pytest.fixture(scope="module")
def serverless():
    with PluginHost(PROBE, transport="serverless") as host:
        yield host


@pytest.fixture
def damaged(tmp_path):
    """A copy of the probe, to be damaged by a test."""
    return shutil.copytree(PROBE, tmp_path / "probe", ignore=shutil.ignore_patterns("__pycache__"))


def test_over_tcp_the_plugin_registers_what_its_files_declare(remote):
    registered, declared = remote.process.declaration, remote.declaration
    assert replace(registered, permission={}) == replace(declared, permission={})
    for kind, permission in declared.permission.items():
        assert permission.items() <= registered.permission[kind].items(), "the SDK may add defaults only"


def test_over_tcp_every_asset_arrives_whole(remote):
    sent = {path.name: path.read_bytes() for path in (PROBE / "_assets").iterdir()}
    assert remote.process.registration.assets == sent


def test_over_tcp_neither_a_long_line_nor_print_breaks_anything(remote):
    assert len(remote.invoke_tool("misbehave", {"how": "too long line"}).text) == 5_242_880
    assert remote.invoke_tool("misbehave", {"how": "print"}).text == "done"
    assert remote.invoke_tool("misbehave", {"how": "print without newline"}).text == "done"
    assert remote.violations == ()


def test_over_tcp_a_plugin_without_its_icon_is_refused_in_the_words_of_the_daemon(damaged):
    (damaged / "_assets" / "icon.svg").rename(damaged / "_assets" / "other.svg")
    with pytest.raises(PluginNotStarted, match=r"assets remap failed.*icon\.svg"):
        PluginHost(damaged, transport="tcp").start()


def test_over_tcp_a_plugin_without_a_heartbeat_is_killed():
    with (
        pytest.raises(ProtocolViolation, match="no sign of life"),
        PluginHost(PROBE, transport="tcp", environment={"HEARTBEAT_INTERVAL": "0.2"}, silence_limit=2) as host,
    ):
        host.invoke_tool("misbehave", {"how": "burn"}, timeout=20)


@pytest.mark.parametrize("transport", ["tcp", "serverless"])
def test_a_plugin_that_ends_itself_fails_the_session_and_the_run(transport):
    with pytest.raises(ProtocolViolation, match="ended by itself"), PluginHost(PROBE, transport=transport) as host:
        try:
            reply = host.invoke_tool("misbehave", {"how": "exit"}, timeout=20)
        except ProtocolViolation:
            pass  # the exit was noticed before the connection's end
        else:
            assert "serverless" in reply.error.message


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_backwards_call_after_the_end_of_its_session_is_a_violation(transport, until):
    with pytest.raises(ProtocolViolation, match="late"), PluginHost(PROBE, transport=transport) as host:
        assert host.invoke_tool("misbehave", {"how": "call after the end"}).text == "done"
        until(lambda: host.violations)


def test_a_serverless_request_above_5_mib_is_refused_before_it_is_sent(serverless):
    with pytest.raises(RequestRefused, match="ServerlessPayloadTooLarge"):
        serverless.invoke_tool("answer", {"word": "x" * 5_242_880})
    assert serverless._sessions == {}


def test_a_serverless_line_above_5_mib_fails_the_session():
    with pytest.raises(ProtocolViolation, match="5,242,880"), PluginHost(PROBE, transport="serverless") as host:
        host.invoke_tool("misbehave", {"how": "too long line"}, timeout=20)


def test_a_serverless_plugin_may_print(serverless):
    assert serverless.invoke_tool("misbehave", {"how": "print"}).text == "done"
    assert serverless.violations == ()


def test_a_serverless_plugin_asks_dify_at_one_address_only(serverless):
    address = urlsplit(serverless.process.daemon_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
    connection.request("POST", "/elsewhere", b"{}")
    assert connection.getresponse().status == 404


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b'{"session_id": "made up"}'])
def test_a_backwards_call_without_an_open_session_is_answered_by_a_text(serverless, body):
    address = urlsplit(serverless.process.daemon_url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=5)
    connection.request("POST", "/backwards-invocation/transaction", body)
    assert connection.getresponse().read().decode() == "session not found"


def test_a_serverless_plugin_that_does_not_start_is_told_with_the_end_of_its_stderr(damaged):
    (damaged / "main.py").write_text("raise SystemExit('no such luck')\n")
    with pytest.raises(PluginNotStarted, match="no such luck"):
        PluginHost(damaged, transport="serverless").start()
