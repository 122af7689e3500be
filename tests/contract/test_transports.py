"""The same question gets the same answer in each way to start the plugin: every tool, right and hostile input."""

import json
import re

import pytest

from tests.contract.test_tools import RIGHT, SETTINGS, WRONG
from workbench.host import TRANSPORTS
from workbench.surfaces import prepare, sender_for

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")  # the processes are asked one after the other
VARYING = {"request_id", "duration_ms", "waited_ms", "catalog", "cursor", "next_cursor", "confirm", "person"}
"""Keys whose values are new with each call or each workspace."""


@pytest.fixture(scope="module")
def _samples_are_there(plugin_through):
    """The first lookup of a data directory makes the sample, and is kept for nobody."""
    for transport in TRANSPORTS:
        plugin_through(transport).invoke_tool("crm_lookup", {"query": "Wei"}, sender=sender_for("workflow"))


@pytest.fixture
def answers(plugin_through, credentials, model_handlers, _samples_are_there):
    """What the plugin sends for one question, by way to start it, without what differs from call to call."""

    def ask(surface, tool, arguments):
        found = {}
        for transport in TRANSPORTS:
            host = plugin_through(transport)
            host.workspace("same").handlers.update(model_handlers)
            reply = host.invoke_tool(
                tool,
                prepare(surface, host.declaration.tool(tool), arguments, SETTINGS.get(tool)),
                workspace="same",
                sender=sender_for(surface, app="same-app"),
                credentials=credentials,
                timeout=60,
            )
            variables = steady(reply.variables)
            error = reply.error and (reply.error.error_type, TIME.sub("<time>", reply.error.message))
            found[transport] = (steady_text(reply.text, reply.variables), variables, error)
        return found

    return ask


def steady(value):
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in VARYING}
    if isinstance(value, str):
        return TIME.sub("<time>", value)
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def steady_text(text, variables):
    text = TIME.sub("<time>", text.replace(str(variables.get("confirm") or "\0"), "<token>"))
    return text.replace(str(variables.get("next_cursor") or "\0"), "<cursor>")


@pytest.mark.parametrize("surface", ["workflow", "agent-node"])
@pytest.mark.parametrize("tool", [name for name in RIGHT if name not in ("diagnose", "audit_search")])  # of each process its own
def test_right_input_has_one_answer(answers, surface, tool):
    stdio, tcp, serverless = answers(surface, tool, RIGHT[tool]).values()
    assert stdio[0]
    assert stdio == tcp == serverless


@pytest.mark.parametrize("surface", ["workflow", "agent-chat"])
@pytest.mark.parametrize("tool", RIGHT)
def test_hostile_input_has_one_answer(answers, surface, tool):
    for name, arguments, _ in WRONG:
        if name == tool:
            stdio, tcp, serverless = answers(surface, tool, arguments).values()
            assert stdio == tcp == serverless, arguments


def test_diagnose_says_the_same_but_for_the_directory_that_does_not_last(answers):
    reports = {}
    for transport, (_, variables, error) in answers("workflow", "diagnose", {}).items():
        assert error is None
        reports[transport] = {(finding["check"], finding["item"]): finding for finding in variables["report"]}
    directories = {transport: report.pop(("storage", "data directory")) for transport, report in reports.items()}
    for report in reports.values():
        report.pop(("identity", "workspace"))  # each host has storage of its own, so a workspace of its own
    assert {transport: finding["status"] for transport, finding in directories.items()} == {
        "stdio": "ok",
        "tcp": "ok",
        "serverless": "warning",
    }
    assert "serverless" in directories["serverless"]["repair"]
    assert reports["stdio"] == reports["tcp"] == reports["serverless"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_workspace_keeps_its_identity_in_the_storage_of_dify(plugin_through, credentials, transport):
    host = plugin_through(transport)
    seen = {}
    for workspace in ("left", "right"):
        reply = host.invoke_tool(
            "diagnose",
            {"check": "identity"},
            workspace=workspace,
            sender=sender_for("workflow", app=f"{workspace}-app"),
            credentials=credentials,
            timeout=60,
        )
        kept = json.loads(host.workspace(workspace).storage.get("faas_toolkit_workspace"))
        assert f"Workspace {kept['id'][:8]}" in json.dumps(reply.variables["report"])
        seen[workspace] = kept["id"]
    assert seen["left"] != seen["right"]


def test_over_tcp_dify_is_told_what_the_files_declare(plugin_through):
    host = plugin_through("tcp")
    assert host.process.declaration.tools == host.declaration.tools
    assert host.process.declaration.credentials == host.declaration.credentials
    assert host.process.declaration.provider_id == host.declaration.provider_id
