"""The audit log on a real file: nothing is lost in silence."""

import json
import threading

import gevent
import pytest

from faas_toolkit.core.errors import Internal, Unavailable
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.observe import audit as audit_module
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.audit import ONE, LaterOffload, fill, row, rows, workspace_of


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


# ---- rows that are made when they are written


def describing(made, clock, **changes):
    def describe():
        made.append(clock.epoch())
        return row(clock, **changes)

    return describe


def test_fast_makes_a_row_when_it_is_written(open_log, database, clock):
    offload, made = LaterOffload(), []
    log = open_log(offload, write="fast")
    log.append_described(ONE, describing(made, clock, number=1))
    log.append(ONE, row(clock, number=2))
    log.append_described(ONE, describing(made, clock, number=3), wait=False)
    assert made == []
    offload.go()
    assert [json.loads(each.content)["number"] for each in rows(database)] == [1, 2, 3]
    assert len(made) == 2


def test_durable_makes_and_writes_it_at_once(open_log, database, clock):
    made = []
    open_log().append_described(ONE, describing(made, clock))
    assert len(made) == len(rows(database)) == 1


def test_what_goes_wrong_in_making_a_row_of_durable_is_the_call_s_own(open_log, clock):
    with pytest.raises(ZeroDivisionError):
        open_log().append_described(ONE, lambda: 1 / 0)


def test_a_row_that_cannot_be_made_is_counted_and_missed_by_the_next(open_log, database, clock, metrics, caplog):
    offload = LaterOffload()
    log = open_log(offload, write="fast")
    log.append_described(ONE, lambda: {"secret": 1 / 0})
    log.append_described(ONE, describing([], clock, number=2))
    offload.go()
    (kept,) = rows(database)
    assert json.loads(kept.content)["number"] == 2
    assert b"audit_rows_lost_total 1.0" in metrics.exposition()
    assert "ZeroDivisionError" in caplog.text
    assert "division by zero" not in caplog.text
    log.append(ONE, row(clock))
    offload.go()
    assert json.loads(rows(database)[-1].content)["lost_before"] == 1
    assert log.verify(workspace_of("one")).intact


def test_not_many_wait_to_be_made_since_what_they_are_made_from_may_be_large(open_log, clock):
    offload, made = LaterOffload(), []
    log = open_log(offload, write="fast")
    for _ in range(600):
        log.append_described(ONE, describing(made, clock))
    assert len(made) == 100
    offload.go()
    assert len(made) == 600


def test_others_are_let_in_while_rows_are_made(open_log, clock):
    offload, turns = LaterOffload(), []
    offload.give_way = lambda: turns.append(1)
    log = open_log(offload, write="fast")
    for _ in range(4):
        log.append_described(ONE, lambda: clock.advance(0.01) or row(clock))
    offload.go()
    assert len(turns) == 4


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


def test_a_durable_row_nobody_waits_for_raises_nothing(open_log, database, clock, tmp_path, path):
    log = open_log()
    away(database, tmp_path)
    log.append(ONE, row(clock), wait=False)
    back(database, path)
    log.append(ONE, row(clock))
    assert [json.loads(each.content).get("lost_before") for each in rows(database)] == [1]  # the row after it tells of it


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
