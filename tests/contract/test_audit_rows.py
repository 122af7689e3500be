"""The audit trail over every store of rows: chains of several nodes, pages, retention, and a real server that is killed."""

import base64
import json
from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from faas_toolkit.core.audit_trail import AuditQuestion
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe import audit_retention
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_search import sealed_lines, search
from faas_toolkit.observe.audit_spool import Spool
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.metrics import Metrics
from tests.fakes.audit import DAY, ONE, fill, personal_parts, row, rows, workspace_of
from tests.fakes.clock import FakeClock
from tests.fakes.data_servers import MariadbServer, PostgresServer, running
from tests.fakes.databases import Nodes
from tests.fakes.host import FakeStorage
from workbench import cli

HOSTILE = ["\ud800", "\0", "x" * 100_000, "密钥😀", "", '"\\\n', "'; DROP TABLE audit_rows; --"]


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def open_log(clock):
    def build(database, **options):
        return AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=Metrics(), **options)

    return build


def test_chains_of_two_nodes_hold_whatever_is_written(nodes, open_log, clock):
    one, two = open_log(nodes.open()), open_log(nodes.open())
    for text in HOSTILE:
        for log in (one, two):
            log.append(ONE, row(clock, subject=text, arguments=text))
    report = one.verify(ONE)
    assert (report.intact, report.rows, report.chains) == (True, 2 * len(HOSTILE), 2)


@pytest.mark.parametrize(
    "change",
    [
        update(audit_rows).where(audit_rows.c.sequence == 3).values(outcome="forbidden"),
        delete(audit_rows).where(audit_rows.c.sequence == 1),
        delete(audit_rows).where(audit_rows.c.sequence == 3),
        delete(audit_rows).where(audit_rows.c.sequence == 5),
        delete(audit_rows),
    ],
    ids=["changed", "first", "middle", "last", "all"],
)
def test_a_change_is_found_from_another_node(nodes, open_log, clock, change):
    database, storage = nodes.open(), FakeStorage()
    log = open_log(database)
    fill(log, clock)
    log.anchor(ONE, storage)
    database.write(lambda connection: connection.execute(change).rowcount)
    assert open_log(nodes.open()).verify(ONE, storage).faults


def test_a_question_is_answered_page_by_page(nodes, open_log, clock):
    database = nodes.open()
    log, persons = open_log(database), personal_parts(database, clock)
    for number in range(23):
        log.append(ONE, persons.seal(ONE, row(clock, number=number, subject=f"user:{number % 2}", arguments=f"Größe {number}")))
        clock.advance(number % 3)
    log.append(workspace_of("two"), persons.seal(workspace_of("two"), row(clock)))
    asked = AuditQuestion(workspace=ONE, since=0.0, until=1e12, limit=4)
    seen, page = [], search(database, asked, persons)
    while True:
        seen += [each["number"] for each in page.rows]
        if page.next is None:
            break
        page = search(database, replace(asked, before=page.next), persons)
    assert sorted(seen, reverse=True) == list(range(22, -1, -1))
    assert len(seen) == 23
    odd = search(database, replace(asked, limit=50, callers=("user:1",), operation="crm.lookup", outcome="ok"), persons)
    assert {each["number"] % 2 for each in odd.rows} == {1}
    (found,) = search(database, replace(asked, text="größe 17"), persons).rows
    assert found["number"] == 17
    assert len(list(sealed_lines(database, ONE.id, since=0.0, until=1e12, page=5))) == 23


def test_a_backlog_goes_in_portions(nodes, open_log, clock, monkeypatch):
    monkeypatch.setattr(audit_retention, "MOST_AT_A_TIME", 10)
    database = nodes.open()
    old = open_log(database)
    fill(old, clock, 25)
    clock.advance(200 * DAY)
    log = open_log(nodes.open())
    for left in (15, 5, 0):
        log.append(ONE, row(clock))
        assert sum(each.writer == old.writer for each in rows(database)) == left
        assert log.verify(ONE).intact


@pytest.mark.parametrize("server", [PostgresServer, MariadbServer], ids=["postgresql", "mysql"])
@pytest.mark.parametrize("write", ["durable", "fast"])
def test_rows_of_an_outage_wait_on_disk_and_are_all_there_afterwards(server, write, open_log, clock, tmp_path, tmp_path_factory):
    with running(server, tmp_path_factory.mktemp("server")) as running_server:
        nodes = Nodes("server", tmp_path, running_server)
        log = open_log(nodes.open(clock=clock), write=write, spool=Spool(tmp_path / "spool"))
        fill(log, clock, 3)
        running_server.kill()
        fill(log, clock, 7)
        assert list((tmp_path / "spool").iterdir())
        running_server.start()
        for _ in range(10):  # a server that has just started may refuse for a moment
            clock.advance(60)
            log.append(ONE, row(clock, number=-1))
            if not list((tmp_path / "spool").iterdir()):
                break
        assert list((tmp_path / "spool").iterdir()) == []
        database = nodes.open()
        numbers = [json.loads(each.content)["number"] for each in rows(database)]
        assert numbers[:10] == [*range(3), *range(7)]
        assert log.verify(ONE).intact
        nodes.close()


def test_without_a_spool_an_outage_is_told(open_log, clock, tmp_path, tmp_path_factory):
    with running(PostgresServer, tmp_path_factory.mktemp("server")) as server:
        nodes = Nodes("server", tmp_path, server)
        log = open_log(nodes.open())
        fill(log, clock, 1)
        server.kill()
        with pytest.raises(Failure) as caught:
            log.append(ONE, row(clock))
        assert caught.value.kind == "unavailable"
        nodes.close()


def test_the_command_line_reads_a_server(nodes, open_log, clock, tmp_path, capsys):
    if nodes.server is None:
        pytest.skip("a file is read by its data directory: tests/host/test_audit_command.py")
    fill(open_log(nodes.open()), clock, 3)
    (tmp_path / "address").write_text(nodes.url)
    key = tmp_path / "key"
    key.write_text(base64.b64encode(ONE.key).decode())
    asked = ["--database", str(tmp_path / "address"), "--id", "one"]
    assert cli.main(["audit", "verify", *asked, "--key-file", str(key)]) == 0
    assert "Verified: 3 rows in 1 chain" in capsys.readouterr().out
    assert cli.main(["audit", "export", *asked, "--until", "9999-01-01"]) == 0
    assert [json.loads(json.loads(line)["content"])["number"] for line in capsys.readouterr().out.splitlines()] == [0, 1, 2]
    (tmp_path / "address").write_text("sqlite:///etc/passwd")
    assert cli.main(["audit", "verify", *asked]) == 2
