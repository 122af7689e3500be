"""`workbench audit` over what a plugin left."""

import base64
import json
import sqlite3
from contextlib import closing

import pytest

from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.file_values import FileValues
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.audit import ONE, fill, workspace_of
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeStorage
from workbench import cli, own_host
from workbench.storage import WorkspaceStorage


class Kept(FakeStorage):
    """The fake's values as the workbench's store on disk."""

    def __init__(self, folder):
        super().__init__()
        self.disk = WorkspaceStorage(-1, folder)

    def set(self, key, value):
        super().set(key, value)
        self.disk.set(key, value)


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(own_host, "KEPT", tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def command(*arguments):
        status = cli.main(["audit", *arguments])
        return status, " ".join(capsys.readouterr().out.split())

    return command


@pytest.fixture
def data(tmp_path):
    """Five rows of one workspace, two of another, with heads in both places."""
    folder = tmp_path / "data"
    folder.mkdir()
    database = Database(path=folder / "toolkit.sqlite", offload=InlineOffload())
    clock = FakeClock(epoch=4_000_000_000.0)  # in the future, so that no head is too old
    heads = FileValues(folder / "audit_heads")
    log = AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=Metrics(), heads=heads)
    fill(log, clock, 5)
    fill(log, clock, 2, "two")
    storage = Kept(tmp_path / "storage" / "default")
    storage.set("faas_toolkit_workspace", json.dumps({"id": "one", "key": base64.b64encode(ONE.key).decode()}).encode())
    log.anchor(ONE, storage)
    log.close()
    database.close()
    return folder


def by_hand(data, statement):
    with closing(sqlite3.connect(data / "toolkit.sqlite")) as store, store:
        store.execute(statement)


def test_the_workbench_s_own_rows_are_verified_with_everything_that_is_known(run, data):
    status, shown = run("verify")
    assert status == 0
    assert "Verified: 5 rows in 1 chain" in shown
    assert "1 head known from elsewhere" in shown
    by_hand(data, "DELETE FROM audit_rows WHERE sequence = 5")
    status, shown = run("verify")
    assert status == 1
    assert "NOT VERIFIED" in shown
    assert "row 5 of writer" in shown


def test_a_data_directory_is_verified_by_the_id_and_with_the_key_wholly(run, data, tmp_path):
    key = tmp_path / "key"
    key.write_text(base64.b64encode(ONE.key).decode())
    by_hand(data, "DELETE FROM audit_rows WHERE sequence = 5")
    status, shown = run("verify", "--data", str(data), "--id", "one")
    assert status == 0
    assert "Without the workspace's key" in shown
    status, shown = run("verify", "--data", str(data), "--id", "one", "--key-file", str(key))
    assert status == 1
    assert "row 5 of writer" in shown
    key.write_text(base64.b64encode(workspace_of("two").key).decode())
    status, shown = run("verify", "--data", str(data), "--id", "one", "--key-file", str(key))
    assert status == 1
    assert "4 rows carry the proof of another key" in shown


def test_rows_are_exported_as_they_were_sealed(run, data, capsys):
    assert cli.main(["audit", "export", "--data", str(data), "--id", "two", "--until", "9999-01-01"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [json.loads(line["content"])["number"] for line in lines] == [0, 1]
    assert all(len(line["hash"]) == 64 for line in lines)


@pytest.mark.parametrize(
    ("arguments", "taught"),
    [
        (["verify", "--data", "{data}"], "one, two"),
        (["verify", "--data", "{data}", "--id", "three"], "one, two"),
        (["verify", "--data", "{data}/nowhere", "--id", "one"], "toolkit.sqlite"),
        (["verify", "--workspace", "silent"], "no call yet"),
        (["export", "--since", "yesterday"], "since=24h"),
        (["verify", "--data", "{data}", "--id", "one", "--key-file", "{data}/toolkit.sqlite"], "32 bytes in base64"),
    ],
)
def test_wrong_usage_teaches(run, data, arguments, taught):
    status, shown = run(*(each.replace("{data}", str(data)) for each in arguments))
    assert status == 2
    assert taught in shown
