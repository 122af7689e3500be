"""The audit log on a real file: nothing is lost in silence, and no change goes unseen."""

import json
import threading

import gevent
import pytest
from sqlalchemy import update

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.errors import Internal, Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.observe import audit as audit_module
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.sql import Database
from tests.fakes.clock import FakeClock

DAY = 86_400.0


class LaterOffload(InlineOffload):
    """Background work waits until the test runs it, as greenlets wait until a call yields."""

    def __init__(self):
        self.work = []

    def spawn(self, work):
        self.work.append(work)

    def go(self):
        while self.work:
            self.work.pop(0)()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.db"


@pytest.fixture
def database(path):
    database = Database(path=path, offload=InlineOffload())
    yield database
    database.close()


@pytest.fixture
def open_log(database, clock, metrics):
    def build(offload=None, **options):
        return AuditLog(database=database, clock=clock, offload=offload or InlineOffload(), metrics=metrics, **options)

    return build


def row(clock, **changes):
    return {"time": clock.epoch(), "operation": "crm.lookup", "subject": "user:1", "outcome": "ok", "arguments": "{}", **changes}


def rows(database):
    def work(connection):
        return connection.execute(audit_rows.select().order_by(audit_rows.c.writer, audit_rows.c.sequence)).all()

    return database.read(work)


def workspace_of(name):
    return Workspace(name, name.encode().ljust(32, b"."))


ONE = workspace_of("one")


def fill(log, clock, count=5, workspace="one"):
    for number in range(count):
        log.append(workspace_of(workspace), row(clock, number=number))
        clock.advance(1)


def away(database, tmp_path):
    """The database's place is taken by a directory."""
    database.close()
    database._path = tmp_path


def back(database, path):
    database.close()
    database._path = path


# ---- writing


def test_rows_are_chained_per_workspace(open_log, database, clock):
    log = open_log()
    fill(log, clock, 3)
    fill(log, clock, 2, "two")
    written = rows(database)
    of_one = [each for each in written if each.workspace == "one"]

    assert [each.sequence for each in of_one] == [1, 2, 3]
    assert [each.previous_hash for each in of_one] == ["", of_one[0].hash, of_one[1].hash]
    assert [json.loads(each.content)["number"] for each in of_one] == [0, 1, 2]
    assert [each.sequence for each in written if each.workspace == "two"] == [1, 2]
    assert {each.writer for each in written} == {log.writer}


def test_durable_returns_after_the_commit(open_log, database, clock):
    open_log().append(ONE, row(clock))
    assert len(rows(database)) == 1


def test_fast_returns_at_once_and_writes_what_gathered_in_one_transaction(open_log, database, clock, monkeypatch):
    offload = LaterOffload()
    log = open_log(offload, write="fast")
    for _ in range(40):
        log.append(ONE, row(clock))
    assert rows(database) == []
    assert len(offload.work) == 1

    transactions = []
    monkeypatch.setattr(database, "write", lambda work: transactions.append(work) or Database.write(database, work))
    offload.go()
    assert len(rows(database)) == 40
    assert len(transactions) == 1
    assert sum(clock.slept) <= 0.2


def test_no_task_is_left_when_nothing_waits(open_log, clock):
    offload = LaterOffload()
    log = open_log(offload, write="fast")
    for _ in range(3):
        log.append(ONE, row(clock))
        offload.go()
    assert offload.work == []
    assert len(clock.slept) == 3


def test_many_durable_calls_at_once_share_commits(path, metrics):
    from faas_toolkit.core.clock import SystemClock

    offload = GeventOffload()
    database = Database(path=path, offload=offload)
    log = AuditLog(database=database, clock=SystemClock(), offload=offload, metrics=metrics)
    log.append(ONE, row(SystemClock()), wait=False)
    offload.close()
    transactions = []
    write = database.write
    database.write = lambda work: transactions.append(work) or write(work)
    log.append(ONE, row(SystemClock()), wait=False)
    for _ in range(199):
        log.append(ONE, row(SystemClock()), wait=False)
    while log._waiting or log._committing:
        gevent.sleep(0.005)
    assert len(rows(database)) == 201
    assert len(transactions) < 10
    assert log.verify(workspace_of("one")).intact
    database.close()
    offload.close()


@pytest.mark.parametrize("hostile", ["\ud800", "\0", "'; DROP TABLE audit_rows; --", "x" * 10_000, "密钥", "", '"\\\n'])
def test_any_text_is_kept_and_verified(open_log, database, clock, hostile):
    log = open_log()
    log.append(ONE, row(clock, subject=hostile, operation=hostile[:60], arguments=hostile))
    log.append(ONE, row(clock))
    assert json.loads(rows(database)[0].content)["arguments"] == hostile
    assert log.verify(workspace_of("one")).intact


def test_a_row_that_json_cannot_say_fails_alone_and_is_counted(open_log, database, clock, metrics, caplog):
    log = open_log()
    with pytest.raises(Internal):
        log.append(ONE, row(clock, score=float("nan")))
    log.append(ONE, row(clock))
    assert json.loads(rows(database)[0].content)["lost_before"] == 1
    assert b"audit_rows_lost_total 1.0" in metrics.exposition()
    assert "ValueError" in caplog.text


# ---- the database is away


def test_a_durable_row_that_cannot_be_written_fails_its_call(open_log, database, clock, tmp_path, path, caplog):
    log = open_log()
    fill(log, clock, 1)
    away(database, tmp_path)
    with pytest.raises(Unavailable, match="cannot be opened"):
        log.append(ONE, row(clock))
    with pytest.raises(Unavailable, match="not answered while") as caught:
        log.require_ready()
    assert caught.value.not_executed
    assert len(caplog.records) == 1

    back(database, path)
    log.require_ready()
    log.append(ONE, row(clock))
    assert [json.loads(each.content).get("lost_before") for each in rows(database)] == [None, 1]
    assert log.verify(workspace_of("one")).intact


def test_a_durable_row_nobody_waits_for_raises_nothing(open_log, database, clock, tmp_path):
    log = open_log()
    away(database, tmp_path)
    log.append(ONE, row(clock), wait=False)


def test_fast_keeps_rows_while_the_database_is_away_and_writes_them_later_in_order(
    open_log, database, clock, tmp_path, path, caplog
):
    offload = LaterOffload()
    log = open_log(offload, write="fast")
    away(database, tmp_path)
    fill(log, clock, 3)
    offload.go()
    log.require_ready()  # reads go on
    assert log._waiting
    assert offload.work == []
    assert sum(clock.slept) < 10
    assert len(caplog.records) == 1

    back(database, path)
    log.append(ONE, row(clock, number=3))
    offload.go()
    assert [json.loads(each.content)["number"] for each in rows(database)] == [0, 1, 2, 3]
    assert log.verify(workspace_of("one")).intact


def test_what_does_not_fit_is_counted_and_the_gap_is_written_down(
    open_log, database, clock, tmp_path, path, metrics, monkeypatch
):
    monkeypatch.setattr(audit_module, "MAX_WAITING", 5)
    offload = LaterOffload()
    log = open_log(offload, write="fast")
    away(database, tmp_path)
    fill(log, clock, 8)
    offload.go()
    assert b"audit_rows_lost_total 3.0" in metrics.exposition()

    back(database, path)
    log.append(ONE, row(clock, number=8))
    assert b"audit_rows_lost_total 4.0" in metrics.exposition()
    log.close()
    assert [json.loads(each.content).get("lost_before") for each in rows(database)] == [4, None, None, None, None]


def test_closing_writes_what_waits(open_log, database, clock):
    log = open_log(LaterOffload(), write="fast")
    fill(log, clock, 3)
    log.close()
    assert len(rows(database)) == 3


def test_closing_without_a_database_counts_what_is_lost(open_log, database, clock, tmp_path, metrics):
    log = open_log(LaterOffload(), write="fast")
    fill(log, clock, 3)
    away(database, tmp_path)
    log.close()
    assert b"audit_rows_lost_total 3.0" in metrics.exposition()


def test_a_durable_caller_is_woken_by_the_commit(open_log, database, clock):
    offload = LaterOffload()
    log = open_log(offload)
    answered = threading.Event()

    def call():
        log.append(ONE, row(clock))
        answered.set()

    thread = threading.Thread(target=call)
    thread.start()
    while not offload.work:
        thread.join(0.001)
    assert not answered.wait(0.05)
    offload.go()
    assert answered.wait(20)
    thread.join()


# ---- verification


def tamper(database, statement, **values):
    database.write(lambda connection: connection.exec_driver_sql(statement, values or None).rowcount)


def test_an_untouched_log_verifies(open_log, clock):
    first, second = open_log(), open_log()
    for log in (first, second, first):
        fill(log, clock, 3)
    report = first.verify(workspace_of("one"))
    assert (report.intact, report.rows, report.chains) == (True, 9, 2)
    assert first.verify(workspace_of("nobody")).rows == 0


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE audit_rows SET content = replace(content, '\"number\":2', '\"number\":7') WHERE sequence = 3", "changed"),
        ("UPDATE audit_rows SET subject = 'user:2' WHERE sequence = 3", "changed"),
        ("UPDATE audit_rows SET time = time + 1 WHERE sequence = 3", "changed"),
        ("UPDATE audit_rows SET outcome = 'forbidden' WHERE sequence = 5", "changed"),
        ("DELETE FROM audit_rows WHERE sequence = 3", "missing between 2 and 4"),
        ("DELETE FROM audit_rows WHERE sequence = 1", "removed"),
        ("DELETE FROM audit_rows WHERE sequence <= 3", "removed"),
        ("DELETE FROM audit_rows WHERE sequence = 5", "removed"),
        ("DELETE FROM audit_rows", "removed"),
        ("UPDATE audit_rows SET sequence = 6 WHERE sequence = 5", "missing"),
    ],
)
def test_a_change_is_found(open_log, database, clock, statement, what):
    log = open_log()
    fill(log, clock)
    tamper(database, statement)
    report = log.verify(workspace_of("one"))
    assert not report.intact
    assert any(what in fault.what for fault in report.faults)


def test_two_rows_that_changed_places_are_found(open_log, database, clock):
    log = open_log()
    fill(log, clock)
    for old, new in ((2, 20), (3, 2), (20, 3)):
        tamper(database, "UPDATE audit_rows SET sequence = :new WHERE sequence = :old", old=old, new=new)
    assert {fault.sequence for fault in log.verify(workspace_of("one")).faults} >= {2, 3}


def test_a_row_rewritten_with_a_right_hash_is_found_by_the_next_one(open_log, database, clock):
    from faas_toolkit.observe.audit_chain import PURPOSE, Head, seal
    from faas_toolkit.state.cipher import Keyring

    log = open_log()
    fill(log, clock)
    third = rows(database)[2]
    cipher = Keyring(PURPOSE).cipher(ONE)
    content = {**json.loads(third.content), "subject": "user:2"}
    forged, _ = seal({name: value for name, value in content.items() if name != "proof"}, Head(2, third.previous_hash), cipher)

    def rewrite(connection):
        connection.execute(update(audit_rows).where(audit_rows.c.sequence == 3).values(**forged))

    database.write(rewrite)
    assert [(fault.sequence, fault.what) for fault in log.verify(workspace_of("one")).faults] == [
        (4, "it does not follow the row before it")
    ]


def test_the_cut_tail_of_an_earlier_process_is_found_by_the_chain_after_it(open_log, database, clock):
    earlier = open_log()
    fill(earlier, clock)
    later = open_log()
    fill(later, clock, 1)
    tamper(database, "DELETE FROM audit_rows WHERE writer = :writer AND sequence >= 4", writer=earlier.writer)
    assert [(fault.writer, fault.sequence) for fault in open_log().verify(workspace_of("one")).faults] == [(earlier.writer, 5)]


def test_faults_of_one_workspace_are_none_of_another(open_log, database, clock):
    log = open_log()
    fill(log, clock)
    fill(log, clock, workspace="two")
    tamper(database, "UPDATE audit_rows SET subject = 'x' WHERE workspace = 'two'")
    assert log.verify(workspace_of("one")).intact
    assert len(log.verify(workspace_of("two")).faults) == 5


def test_many_rows_are_walked_in_pages(open_log, database, clock, monkeypatch):
    from faas_toolkit.observe import audit_verify

    monkeypatch.setattr(audit_verify, "_PAGE", 7)
    logs = [open_log() for _ in range(3)]
    for log in logs:
        fill(log, clock, 15)
    report = logs[0].verify(workspace_of("one"))
    assert (report.intact, report.rows, report.chains) == (True, 45, 3)


# ---- retention


def test_rows_are_kept_as_long_as_declared_and_the_chain_still_verifies(open_log, database, clock):
    log = open_log(keep=10 * DAY)
    for day in range(40):
        log.append(ONE, row(clock, day=day))
        log.append(ONE, row(clock, day=day))
        clock.advance(DAY)
        assert log.verify(workspace_of("one")).intact, day
    days = [json.loads(each.content)["day"] for each in rows(database)]
    assert days == sorted(days)
    assert days[0] == 29
    assert days[-1] == 39


def test_chains_of_ended_processes_go_too_and_the_rest_still_verifies(open_log, database, clock):
    writers = []
    for day in range(30):
        log = open_log(keep=10 * DAY)
        writers.append(log.writer)
        log.append(ONE, row(clock, day=day))
        if day % 3 == 0:
            log.append(ONE, row(clock, day=day))
        clock.advance(DAY)
        assert log.verify(workspace_of("one")).intact, day
    assert {each.writer for each in rows(database)} == set(writers[-11:])


def test_a_long_quiet_chain_stays_vouched_for(open_log, database, clock):
    quiet, busy = open_log(keep=10 * DAY), open_log(keep=10 * DAY)
    quiet.append(ONE, row(clock, day=-1))
    clock.advance(DAY)
    for day in range(32):
        busy.append(ONE, row(clock, day=day))
        if day in (9, 11, 19, 21):
            quiet.append(ONE, row(clock, day=day))
        clock.advance(DAY)
        assert busy.verify(workspace_of("one")).intact, day


def test_a_beginning_that_was_removed_by_hand_is_not_vouched_for(open_log, database, clock):
    log = open_log(keep=10 * DAY)
    for day in range(20):
        log.append(ONE, row(clock, day=day))
        clock.advance(DAY)
    first = rows(database)[0].sequence
    assert first > 1
    tamper(database, "DELETE FROM audit_rows WHERE sequence = :first", first=first)
    assert [fault.what for fault in log.verify(workspace_of("one")).faults] == ["rows before it were removed"]
    for day in range(20, 25):  # and the next cut does not make it good
        log.append(ONE, row(clock, day=day))
        clock.advance(DAY / 2)


def test_a_clock_that_was_set_back_makes_no_hole(open_log, database, clock):
    log = open_log(keep=10 * DAY)
    for days_ago in (20, 1, 20, 1, 20):
        log.append(ONE, row(clock) | {"time": clock.epoch() - days_ago * DAY})
    clock.advance(2 * DAY)
    log.append(ONE, row(clock))
    assert [each.sequence for each in rows(database)] == [2, 3, 4, 5, 6]
    assert log.verify(workspace_of("one")).intact
