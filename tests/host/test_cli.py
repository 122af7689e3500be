"""The command line, with the probe plugin."""

import base64
import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.host.conftest import PROBE
from tests.rules.tree import ROOT
from workbench import cli, own_host
from workbench.host import TRANSPORTS

PROBE_OPTION = ["--plugin", str(PROBE)]


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(own_host, "KEPT", tmp_path / "kept")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)

    def command(*arguments):
        status = cli.main(arguments)
        return status, capsys.readouterr().out

    return command


def test_tools_are_listed_with_their_parameters_and_variables(run):
    status, shown = run("tools", *PROBE_OPTION)
    assert status == 0
    assert "tester/probe/probe" in shown
    assert "set by the builder" in shown
    assert "variables: received, streamed" in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_a_call_shows_what_the_model_reads_then_the_variables(run):
    status, shown = run("call", "answer", "word=tree", "count=3", "tone=rich", *PROBE_OPTION)
    assert status == 0
    assert shown.index("word: tree") < shown.index("not shown to the model")
    assert '"tone": "rich"' in shown
    assert "x.txt" in shown
    assert " ms" in shown


def test_a_call_as_a_workflow_node_shows_its_outputs(run):
    status, shown = run("call", "answer", "word=tree", "--as", "workflow", *PROBE_OPTION)
    outputs = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert status == 0
    assert (outputs["text"], outputs["streamed"]) == ("word: tree", "one two")


def test_a_call_in_an_agent_node_names_no_app(run):
    _, shown = run("call", "answer", "word=tree", "--as", "agent-node", *PROBE_OPTION)
    assert "Failed to parse response" in shown
    assert '"app_id": null' in shown


def test_endpoints_are_served_until_they_are_interrupted():
    """With the real plugin: the probe has no endpoints."""
    command = [sys.executable, "-m", "workbench", "endpoint", "serve", "--port", "0", "--temporary"]
    with subprocess.Popen(command, cwd=cli.PROJECT, stdout=subprocess.PIPE, text=True) as serving:
        address, authorization = (serving.stdout.readline().strip() for _ in range(2))
        name, _, value = authorization.partition(": ")
        ask = urllib.request.Request(
            address,
            data=b'{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}',
            headers={"Content-Type": "application/json", name: value},
        )
        try:
            with urllib.request.urlopen(ask, timeout=60) as answer:
                tools = json.load(answer)["result"]["tools"]
        finally:
            serving.send_signal(signal.SIGINT)
        assert "crm_lookup" in [tool["name"] for tool in tools]
        assert serving.wait(30) == 0


def test_a_failing_tool_fails_the_command(run):
    status, shown = run("call", "misbehave", "how=fail throttled", "--as", "workflow", *PROBE_OPTION)
    assert (status, "slow down" in shown) == (1, True)


def test_a_broken_protocol_fails_the_command(run):
    status, shown = run("call", "misbehave", "how=print", *PROBE_OPTION)
    assert (status, "not a JSON object" in shown) == (1, True)


def test_a_parameter_that_dify_refuses_never_reaches_the_plugin(run):
    status, shown = run("call", "answer", "count=abc", *PROBE_OPTION)
    assert (status, "invalid literal" in shown) == (1, True)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_tools_and_calls_go_through_each_way_to_start(run, transport):
    status, shown = run("tools", "--through", transport, *PROBE_OPTION)
    assert (status, f"started through {transport}" in shown, "set by the builder" in shown) == (0, True, True), shown
    status, shown = run("call", "answer", "word=tree", "--through", transport, *PROBE_OPTION)
    assert (status, "word: tree" in shown) == (0, True), shown


def test_storage_is_kept_between_calls_by_workspace(run):
    run("call", "remember", "do=set", "key=k", "value=kept", "--workspace", "one", *PROBE_OPTION)
    status, shown = run("call", "remember", "do=get", "key=k", "--workspace", "one", *PROBE_OPTION)
    assert (status, "kept" in shown) == (0, True)
    status, _ = run("call", "remember", "do=get", "key=k", "--workspace", "two", *PROBE_OPTION)
    assert status == 1


def test_a_temporary_call_keeps_nothing(run):
    run("call", "remember", "do=set", "key=k", "value=x", "--temporary", *PROBE_OPTION)
    assert not own_host.KEPT.exists()


def test_credentials_come_from_a_file(run, tmp_path):
    (tmp_path / "settings.yaml").write_text("key: from the file\nlimits: {a: 1}\n")
    _, shown = run("call", "answer", "word=x", "--credentials", str(tmp_path / "settings.yaml"), *PROBE_OPTION)
    assert '"key": "from the file"' in shown
    assert r"{\"a\": 1}" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("call", "nothing"), "the tools are answer"),
        (("call", "answer", "tree"), "key=value"),
        (("call", "answer", "word=x", "--workspace", "../up"), "letters, digits"),
        (("call", "answer", "word=x", "--credentials", "/nowhere.json"), "nowhere.json"),
    ],
)
def test_wrong_usage_is_told_with_what_would_be_right(run, arguments, says):
    status, shown = run(*arguments, *PROBE_OPTION)
    assert (status, says in shown) == (2, True)


def test_a_request_that_dify_would_not_carry_fails_the_command(run):
    status, shown = run("call", "answer", f"word={'x' * 6_000_000}", "--through", "serverless", *PROBE_OPTION)
    assert (status, "ServerlessPayloadTooLarge" in shown) == (1, True)


def test_parameters_may_stand_on_both_sides_of_options(run):
    status, shown = run("call", "answer", "word=tree", "--as", "workflow", *PROBE_OPTION, "tone=rich")
    outputs = json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
    assert (status, outputs["text"]) == (0, "word: tree")
    assert '"tone": "rich"' in shown


def commands_of_the_docs():
    """Every line of a shell block that calls the workbench, as its words."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))):
        blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            if "python -m workbench" in line:
                yield shlex.split(line.partition("python -m workbench")[2], comments=True)


@pytest.mark.parametrize("words", list(commands_of_the_docs()), ids=" ".join)
def test_a_command_of_the_docs_is_taken_as_it_is_written(words):
    assert cli._parsed(words).run


@pytest.mark.parametrize("arguments", [("call", "answer", "--nonsense", "word=x"), ("tools", "word=x")])
def test_what_no_command_takes_is_refused(run, arguments):
    with pytest.raises(SystemExit):
        run(*arguments, *PROBE_OPTION)


@pytest.mark.parametrize(
    "command",
    [
        ("call", "answer", "word=x", *PROBE_OPTION, "--credentials"),
        ("endpoint", "serve", *PROBE_OPTION, "--settings"),
        ("run-app",),
        ("catalog", "check"),
        ("catalog", "encode"),
        ("debug-check", "--env"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"{a: [secret-text"], ids=["folder", "no UTF-8", "no YAML"])
def test_a_file_that_cannot_be_read_is_told_without_a_traceback(run, tmp_path, command, content):
    file = tmp_path / "file.yaml"
    file.mkdir() if content is None else file.write_bytes(content)
    status, shown = run(*command, str(file))
    assert status == (0 if command[-1] == "encode" and content == b"{a: [secret-text" else status or 1)
    assert "Traceback" not in shown


def test_settings_with_a_broken_line_are_told_without_showing_it(run, tmp_path):
    (tmp_path / "settings.yaml").write_text("{key: [secret-text")
    status, shown = run("call", "answer", "word=x", "--credentials", str(tmp_path / "settings.yaml"), *PROBE_OPTION)
    assert (status, shown) == (2, "settings.yaml is neither JSON nor YAML.\n")


def test_settings_in_json_may_escape_what_yaml_does_not(run, tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps({"key": "😀"}))
    status, _ = run("call", "answer", "word=x", "--credentials", str(tmp_path / "settings.json"), *PROBE_OPTION)
    assert status == 0


def test_a_catalog_is_encoded_as_one_line_that_decodes_to_it(run, tmp_path):
    text = "version: 1\nroles:\n  member: {allow: ['*'], label: 销售}\n"
    (tmp_path / "catalog.yaml").write_text(text, encoding="utf-8")
    status, shown = run("catalog", "encode", str(tmp_path / "catalog.yaml"))
    assert status == 0
    assert shown.startswith("base64:")
    assert shown.count("\n") == 1
    assert base64.b64decode(shown.strip().removeprefix("base64:")).decode() == text


def test_the_other_side_imports_neither_the_toolkit_nor_the_sdk():
    modules = ["host", "surfaces", "transform", "openai_models", "agent", "chat_model", "functions_runtime", "demo", "cli"]
    code = (
        f"import sys\nfrom workbench import {', '.join(modules)}\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('faas_toolkit', 'dify_plugin', 'gevent')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_catalog_that_can_be_used_says_which_secrets_it_needs(run, tmp_path):
    text = (
        "version: 1\nfunctions:\n  f:\n    platform: http\n    target: {url: 'https://f.example/'}\n"
        "    auth: {bearer: '${secret:key_of_f}'}\n"
    )
    (tmp_path / "catalog.yaml").write_text(text)
    status, shown = run("catalog", "check", str(tmp_path / "catalog.yaml"))
    assert (status, "catalog.yaml: can be used" in shown, "key_of_f" in shown) == (0, True, True), shown


def test_every_mistake_of_a_catalog_is_told_with_its_line(run, tmp_path):
    text = "version: 1\nfunctions:\n  f:\n    platform: htpp\n    target: {url: 'https://f.example/'}\nrolls: {}\n"
    (tmp_path / "catalog.yaml").write_text(text)
    status, shown = run("catalog", "check", str(tmp_path / "catalog.yaml"))
    assert status == 1
    assert "catalog.yaml:4:" in shown
    assert "catalog.yaml:6:" in shown


def test_the_catalog_of_the_sample_functions_can_be_used(run):
    status, shown = run("catalog", "check", str(cli.PROJECT / "functions" / "samples" / "catalog.yaml"))
    assert status == 0, shown


def test_the_cache_is_warmed_from_a_file_and_the_answers_are_there_for_the_next_process(run, tmp_path):
    (tmp_path / "calls.yaml").write_text("- {tool: knowledge_search, arguments: {query: returns}}\n- {tool: diagnose}\n")
    grants = {"allow": ["knowledge.read", "admin.write"], "knowledge": ["*"]}
    settings = {"catalog": json.dumps({"version": 1, "roles": {"member": grants}})}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    run("call", "knowledge_search", "query=parking", "--credentials", str(tmp_path / "settings.json"))  # makes the sample
    warm = ["cache", "warm", str(tmp_path / "calls.yaml"), "--credentials", str(tmp_path / "settings.json")]
    status, shown = run(*warm)
    assert status == 0
    assert "1 warmed, 0 kept, 0 failed, 1 skipped." in " ".join(shown.split())
    status, shown = run("call", "knowledge_search", "query=returns", "--credentials", str(tmp_path / "settings.json"))
    assert "cache: hit (disk)" in shown


def test_a_file_that_is_no_list_of_calls_is_refused(run, tmp_path):
    (tmp_path / "calls.yaml").write_text("a: [b")
    assert run("cache", "warm", str(tmp_path / "calls.yaml"))[0] == 2
    assert run("cache", "warm", str(tmp_path / "nothing.yaml"))[0] == 2
