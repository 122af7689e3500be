"""The audit trail through the plugin process: what goes out, what is found when rows were changed or set back, and kill -9."""

import json
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from workbench.host import PluginHost
from workbench.surfaces import SURFACES, observation, sender_for, workflow_node

ROOT = Path(__file__).parents[2]


class Plugin:
    """One plugin process over folders that outlive it."""

    def __init__(self, host, catalog):
        self.host = host
        self.catalog = catalog

    def ask(self, tool, arguments, surface="workflow", **sections):
        return self.host.invoke_tool(
            tool,
            {**arguments, "on_error": "return"},
            workspace="main",
            sender=sender_for(surface, app="main-app"),
            credentials={"catalog": json.dumps({**self.catalog, **sections})},
            timeout=60,
        )

    def verify(self):
        return self.ask("audit_search", {"verify": True, "limit": 1}).variables["chain"]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def start(plugin_environment, catalog, tmp_path, data):
    @contextmanager
    def started():
        environment = {**plugin_environment, "FAAS_TOOLKIT_DATA_DIR": str(data)}
        with PluginHost(ROOT, environment=environment, storage_folder=tmp_path / "storage") as host:
            yield Plugin(host, catalog)

    return started


def by_hand(data, statement):
    with closing(sqlite3.connect(data / "toolkit.sqlite")) as store, store:
        store.execute(statement)


def test_rows_go_out_as_a_file_and_only_where_files_can_go(start):
    with start() as plugin:
        for number in range(7):
            plugin.ask("crm_lookup", {"query": f"Wei {number} wei{number}@example.com"})
        reply = plugin.ask("audit_search", {"export": True, "limit": 2, "operation": "crm_lookup"})
        node = workflow_node(reply, plugin.host.declaration.provider_id)
        (file,) = observation("agent-chat", reply).files
        chat = observation("agent-chat", plugin.ask("audit_search", {"export": True}, "agent-chat"))
        there = observation("agent-node", plugin.ask("audit_search", {"export": True}, "agent-node"))
        refused = plugin.ask("audit_search", {}, roles={"member": {"allow": ["crm.read"]}})
    lines = [json.loads(line) for line in file.content.decode().splitlines()]
    assert (file.filename, len(lines), len(node.outputs["rows"])) == ("audit.jsonl", 7, 2)
    assert {line["operation"] for line in lines} == {"crm.lookup"}
    assert "wei3@" not in file.content.decode()
    assert len(node.outputs["files"]) == 1
    assert "7 audit rows" in node.outputs["text"]
    assert [each.mime_type for each in chat.files] == ["application/x-ndjson"]
    assert there.files == ()
    assert "No file can be handed over here" in there.text
    assert refused.variables["error"]["kind"] == "forbidden"


@pytest.mark.parametrize("surface", SURFACES)
def test_each_surface_reads_what_its_own_calls_left(start, surface):
    with start() as plugin:
        plugin.ask("crm_lookup", {"query": "Wei"}, surface)
        text = observation(surface, plugin.ask("audit_search", {"operation": "crm_lookup"}, surface)).text
    assert "crm.lookup ok" in text


def test_a_row_that_was_changed_by_hand_is_found(start, data):
    with start() as plugin:
        plugin.ask("crm_lookup", {"query": "Wei"})
        assert plugin.verify()["intact"] is True
        by_hand(data, "UPDATE audit_rows SET subject = 'somebody else' WHERE sequence = 1")
        chain = plugin.verify()
    assert [fault["what"] for fault in chain["faults"]] == ["it was changed"]


def test_a_database_that_was_set_back_is_found_by_the_heads_in_dify_s_storage(start, data, tmp_path):
    with start() as plugin:
        plugin.ask("crm_lookup", {"query": "Wei"})
    shutil.copytree(data, tmp_path / "backup")
    with start() as plugin:
        plugin.ask("crm_lookup", {"query": "Wei"})
        assert plugin.verify()["intact"] is True
    shutil.rmtree(data)
    shutil.copytree(tmp_path / "backup", data)  # all of it, the heads in the data directory included
    with start() as plugin:
        chain = plugin.verify()
    assert [fault["what"] for fault in chain["faults"]] == ["it was removed or changed"]


def test_no_row_of_an_answered_call_is_missing_after_kill_9(start):
    with start() as plugin:  # the host ends a plugin as the daemon does: with SIGKILL
        answered = [plugin.ask("crm_lookup", {"query": "Wei"}).variables["meta"]["request_id"] for _ in range(5)]
    with start() as again:
        rows = again.ask("audit_search", {"operation": "crm_lookup", "limit": 200}).variables["rows"]
        assert again.verify()["intact"] is True
    assert set(answered) == {row["request"] for row in rows}
