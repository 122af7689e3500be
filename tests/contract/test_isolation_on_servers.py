"""Two workspaces with equal settings on one PostgreSQL and one Redis, over two nodes: nothing of one is seen by the other."""

import json

import pytest

from tests.fakes.data_servers import PostgresServer, RedisServer, running
from tests.rules.tree import ROOT
from workbench.host import PluginHost
from workbench.surfaces import sender_for

DOCUMENT = "The vault of the first opens at seven."


@pytest.fixture(scope="module")
def ask(function_addresses, tmp_path_factory):
    """Asks in turns of two nodes; Dify's storage of a workspace is one, whichever node asks."""
    function = function_addresses["count"]
    folder = tmp_path_factory.mktemp("nodes")
    with (
        running(PostgresServer, tmp_path_factory.mktemp("postgres")) as postgres,
        running(RedisServer, tmp_path_factory.mktemp("redis")) as redis,
    ):
        settings = {"catalog": catalog(function), "database_url": postgres.url, "redis_url": redis.url}
        opened = {"FAAS_TOOLKIT_NETWORK_ALLOW": f"127.0.0.1/32,{function.rstrip('/')}"}

        def node(number):
            environment = {**opened, "FAAS_TOOLKIT_DATA_DIR": str(folder / f"data{number}")}
            return PluginHost(ROOT, environment=environment, storage_folder=folder / "storage")

        with node(1) as first, node(2) as second:
            nodes = [first, second]

            def call(workspace, tool, **arguments):
                nodes.reverse()
                reply = nodes[0].invoke_tool(
                    tool,
                    {**arguments, "on_error": "return"},
                    workspace=workspace,
                    sender=sender_for("workflow", app=f"{workspace}-app"),
                    credentials=settings,
                    timeout=60,
                )
                assert reply.error is None
                return reply.variables

            yield call


def catalog(function):
    count = {"platform": "http", "target": {"url": function}, "cache": "5m", "limits": [{"requests": 4, "per": "1h"}]}
    return json.dumps(
        {
            "version": 1,
            "roles": {"member": {"allow": ["*"], "functions": ["*"], "knowledge": ["*"], "crm": {"sources": ["*"]}}},
            "functions": {"count": count},
            "knowledge": {"notes": {"kind": "embedded"}},
        }
    )


def test_documents_are_found_by_both_nodes_of_their_own_workspace_only(ask):
    assert ask("first", "knowledge_add", base="notes", text=DOCUMENT, title="Vault")["ok"]
    for _ in range(2):
        assert DOCUMENT in str(ask("first", "knowledge_search", query="When does the vault open?")["result"])
        assert ask("second", "knowledge_search", query="When does the vault open?")["result"] == []
    assert ask("second", "knowledge_remove", base="notes", filters=json.dumps({"title": "Vault"}))["removed"] == 0
    assert DOCUMENT in str(ask("first", "knowledge_search", query="the vault opens")["result"])


def test_kept_answers_and_limits_are_shared_by_nodes_and_never_by_workspaces(ask):
    runs = [ask("first", "function_call", function="count", arguments=json.dumps({"n": 1})) for _ in range(4)]
    assert len({run["data"]["run"] for run in runs}) == 1
    theirs = ask("second", "function_call", function="count", arguments=json.dumps({"n": 1}))
    assert theirs["data"]["run"] != runs[0]["data"]["run"]
    asked = [ask("first", "function_call", function="count", arguments=json.dumps({"n": n}))["ok"] for n in range(2, 7)]
    assert asked == [True] * 3 + [False] * 2
    assert ask("second", "function_call", function="count", arguments=json.dumps({"n": 2}))["ok"]


def test_the_audit_trail_holds_the_calls_of_both_nodes_and_of_one_workspace(ask):
    mine = [ask("first", "list_capabilities")["meta"]["request_id"] for _ in range(2)]
    theirs = ask("second", "list_capabilities")["meta"]["request_id"]
    rows = {row["request"] for row in ask("first", "audit_search", operation="list_capabilities", limit=200)["rows"]}
    assert set(mine) <= rows
    assert theirs not in rows
