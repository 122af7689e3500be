"""Two workspaces with equal credentials and equal calls on one plugin process share no row, key, counter or cache entry."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from workbench.host import PluginHost
from workbench.surfaces import SURFACES, sender_for

ROOT = Path(__file__).parents[2]
BOTH = ("one", "two")
SAMPLE = ":sample"
"""The read-only area that all workspaces see until their first import."""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("two")


@pytest.fixture(scope="module")
def plugin(plugin_environment, data):
    with PluginHost(ROOT, environment={**plugin_environment, "FAAS_TOOLKIT_DATA_DIR": str(data)}) as host:
        yield host


@pytest.fixture
def ask(plugin, catalog):
    def call(workspace, tool, arguments, *, surface="workflow", app="app", **sections):
        merged = {**catalog, "audit": {"write": "durable"}, **sections}
        reply = plugin.invoke_tool(
            tool,
            {**arguments, "on_error": "return"},
            workspace=workspace,
            sender=sender_for(surface, app=f"{workspace}-{app}"),
            credentials={"catalog": json.dumps(merged)},
            timeout=60,
        )
        assert reply.error is None
        return {**reply.variables, "text": reply.text}

    return call


@pytest.fixture
def counting(catalog):
    """The function that counts its runs, with what a test adds to its section."""

    def sections(**added):
        function = {**catalog["functions"]["count"], **added}
        roles = {"member": {"allow": ["*"], "functions": ["count"], "crm": {"sources": ["*"]}}}
        return {"functions": {**catalog["functions"], "count": function}, "roles": roles}

    return sections


@pytest.mark.parametrize("surface", SURFACES)
def test_a_kept_answer_stays_in_its_workspace(ask, counting, surface):
    sections = counting(cache="5m", describe=surface)
    runs = {
        name: [ask(name, "function_call", {"function": "count"}, surface=surface, **sections) for _ in range(2)] for name in BOTH
    }
    for first, second in runs.values():
        assert (first["meta"]["cached"], second["meta"]["cached"]) == (False, True)
        assert first["text"] == second["text"]
    assert runs["one"][0]["text"] != runs["two"][0]["text"]


def test_an_idempotency_key_means_something_else_in_another_workspace(ask, counting):
    arguments = {"function": "count", "idempotency_key": "order-4711"}
    sections = counting(effects="once")
    one, again, two = (ask(name, "function_call", arguments, **sections)["data"] for name in ("one", "one", "two"))
    assert one == again
    assert two != one


def test_a_quota_that_one_workspace_has_spent_is_whole_in_the_other(ask, counting):
    sections = {**counting(), "limits": [{"of": "requests", "limit": 3, "per": "60s", "by": ["workspace"]}]}
    spent = [ask("one", "list_capabilities", {}, **sections)["ok"] for _ in range(5)]
    assert spent == [True, True, True, False, False]
    assert ask("two", "list_capabilities", {}, **sections)["ok"] is True


def test_a_targets_limit_counts_each_workspace_by_itself(ask, counting):
    sections = counting(limits=[{"requests": 2, "per": "60s"}], describe="limited")
    kinds = [ask("one", "function_call", {"function": "count"}, **sections)["error"].get("kind") for _ in range(3)]
    assert kinds == [None, None, "throttled"]
    assert ask("two", "function_call", {"function": "count"}, **sections)["ok"] is True


def test_rows_and_entries_carry_their_workspace_and_no_two_share_one(ask, counting, plugin, data):
    for name in BOTH:
        assert ask(name, "crm_lookup", {"query": "Wei"})["ok"] is True
    identities = {name: json.loads(plugin.workspace(name).storage.get("faas_toolkit_workspace")) for name in BOTH}
    ids = {identity["id"] for identity in identities.values()}
    assert len(ids) == 2
    assert len({identity["key"] for identity in identities.values()}) == 2
    with closing(sqlite3.connect(data / "toolkit.sqlite")) as store:
        tables = [
            name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
        ]
        owned = [t for t in tables if any(column[1] == "workspace" for column in store.execute(f"PRAGMA table_info({t})"))]
        assert {"audit_rows", "outcomes"} <= set(owned)
        for table in owned:
            found = {workspace for (workspace,) in store.execute(f"SELECT DISTINCT workspace FROM {table}")}
            assert found <= ids | {SAMPLE}, table
        rows = dict(store.execute("SELECT workspace, count(*) FROM audit_rows GROUP BY workspace"))
        assert set(rows) == ids
    assert not_in_clear(data, [*ids, "order-4711", "Wei"])


def not_in_clear(data: Path, words: list[str]) -> bool:
    """The cache's files hold nothing that can be read."""
    content = b"".join(path.read_bytes() for path in data.glob("cache.sqlite*"))
    assert content
    return not any(word.encode() in content for word in words)
