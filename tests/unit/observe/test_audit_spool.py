"""While the database is away rows wait on disk, and get into it in order, each once, whoever dies in between."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.observe import audit_spooling
from faas_toolkit.observe.audit_chain import PURPOSE
from faas_toolkit.observe.audit_spool import Spool, SpoolFull
from faas_toolkit.state.cipher import Keyring
from tests.fakes import audit_process
from tests.fakes.audit import ONE, LaterOffload, fill, row, rows, workspace_of

ROOT = Path(__file__).parents[3]
CIPHER = Keyring(PURPOSE).cipher(ONE)
MINUTE = 60.0


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture(params=["durable", "fast"])
def log(request, open_log, spool):
    return open_log(write=request.param, spool=spool)


def numbers(database):
    return [json.loads(each.content).get("number") for each in rows(database)]


def files(tmp_path):
    return sorted((tmp_path / "spool").glob("*.spool"))


def test_rows_wait_on_disk_and_are_written_in_order_when_the_database_is_back(log, database, clock, tmp_path):
    fill(log, clock, 2)
    database.away = True
    fill(log, clock, 5)
    log.require_ready()
    assert len(files(tmp_path)) == 1
    database.away = False
    assert len(rows(database)) == 2
    clock.advance(MINUTE)
    log.append(ONE, row(clock, number=5))
    assert numbers(database) == [0, 1, 0, 1, 2, 3, 4, 5]
    assert files(tmp_path) == []
    assert log.verify(ONE).intact
    fill(log, clock, 2)
    assert log.verify(ONE).intact


def test_a_spooled_row_of_durable_counts_as_written(open_log, spool, database, clock, tmp_path):
    log = open_log(LaterOffload(), spool=spool)
    database.away = True
    log._offload.spawn = lambda work: work()
    log.append(ONE, row(clock))
    log.intend(ONE, row(clock, outcome="intent"))
    assert len(files(tmp_path)) == 1


def test_the_database_is_left_alone_for_a_while_that_grows(open_log, spool, database, clock):
    log = open_log(spool=spool)
    database.away = True
    asked = []
    for _ in range(100):
        before = database.asked
        log.append(ONE, row(clock))
        asked.append(database.asked - before)
        clock.advance(0.9)
    assert 4 <= sum(asked) <= 8
    assert max(asked) == 1


def test_rows_of_a_workspace_that_waits_do_not_hold_up_the_others(open_log, spool, database, clock):
    log = open_log(spool=spool)
    database.away = True
    log.append(ONE, row(clock))
    database.away = False
    clock.advance(MINUTE)
    log.append(workspace_of("two"), row(clock))
    assert {each.workspace for each in rows(database)} == {"one", "two"}
    assert log.verify(ONE).intact


def test_a_fault_of_some_rows_is_no_fault_of_those_that_wait_on_disk(open_log, spool, database, clock, monkeypatch):
    offload = LaterOffload()
    log = open_log(offload, write="fast", spool=spool)
    database.away = True
    log.append(ONE, row(clock, number=0))
    offload.go()
    database.away = False
    log._spooling.database_is_back()
    log.append(ONE, row(clock, number=1))
    log.append(workspace_of("two"), row(clock, number=2))
    monkeypatch.setattr(database, "write", lambda work: 1 / 0)
    offload.go()
    monkeypatch.undo()
    log.append(ONE, row(clock, number=3))
    offload.go()
    assert [json.loads(each.content)["number"] for each in rows(database) if each.workspace == "one"] == [0, 1, 3]
    log.append(workspace_of("two"), row(clock, number=4))
    offload.go()
    (of_two,) = (json.loads(each.content) for each in rows(database) if each.workspace == "two")
    assert (of_two["number"], of_two["lost_before"]) == (4, 1)
    assert log.verify(ONE).intact


def test_many_rows_come_back_in_portions(log, database, clock, monkeypatch):
    monkeypatch.setattr(audit_spooling, "_PORTION", 7)
    database.away = True
    fill(log, clock, 30)
    database.away = False
    clock.advance(MINUTE)
    log.append(ONE, row(clock, number=30))
    assert numbers(database) == list(range(31))
    assert log.verify(ONE).intact


def test_a_database_that_goes_away_again_while_rows_come_back_gets_each_once(open_log, spool, database, clock, monkeypatch):
    monkeypatch.setattr(audit_spooling, "_PORTION", 3)
    log = open_log(spool=spool)
    database.away = True
    fill(log, clock, 10)
    database.away = False
    for number in range(10, 14):
        clock.advance(MINUTE)
        database.breaks_after_commit = 2
        log.append(ONE, row(clock, number=number))
    database.breaks_after_commit = 0
    clock.advance(MINUTE)
    log.append(ONE, row(clock, number=14))
    assert numbers(database) == list(range(15))
    assert log.verify(ONE).intact


@pytest.mark.parametrize("spooled", [True, False])
@pytest.mark.parametrize("write", ["durable", "fast"])
def test_a_commit_of_which_nobody_knows_whether_it_was_kept_is_never_doubled(open_log, spool, database, clock, write, spooled):
    log = open_log(write=write, spool=spool if spooled else None)
    fill(log, clock, 2)
    database.breaks_after_commit = 1
    try:
        log.append(ONE, row(clock, number=2))
    except Unavailable:
        assert (write, spooled) == ("durable", False)
    clock.advance(MINUTE)
    log.append(ONE, row(clock, number=3))
    assert numbers(database) == [0, 1, 2, 3]
    assert log.verify(ONE).intact


def test_what_a_dead_process_left_is_taken_over_once_by_the_next(open_log, spool, database, clock, tmp_path):
    dead = open_log(spool=spool)
    database.away = True
    fill(dead, clock, 3)
    database.away = False
    dead._spooling.close()  # the lock goes with the process
    first, second = open_log(spool=spool), open_log(spool=spool)
    for log in (first, second):
        log.append(ONE, row(clock))
    assert [each.writer for each in rows(database)].count(dead.writer) == 3
    assert files(tmp_path) == []
    assert second.verify(ONE).intact


def test_what_a_living_process_writes_is_left_to_it(open_log, spool, database, clock, tmp_path):
    alive, other = open_log(spool=spool), open_log(spool=spool)
    database.away = True
    fill(alive, clock, 3)
    database.away = False
    other.append(ONE, row(clock))
    assert len(files(tmp_path)) == 1
    clock.advance(MINUTE)
    alive.append(ONE, row(clock))
    assert files(tmp_path) == []
    assert other.verify(ONE).intact


def test_a_dead_process_that_had_written_its_rows_already_adds_none_twice(open_log, spool, database, clock, tmp_path):
    """Killed between the commit and the removal of the file."""
    dead = open_log(spool=spool)
    database.away = True
    fill(dead, clock, 3)
    (file,) = files(tmp_path)
    left = file.read_bytes()
    database.away = False
    clock.advance(MINUTE)
    dead.append(ONE, row(clock))
    file.write_bytes(left)
    open_log(spool=spool).append(ONE, row(clock))
    assert [each.writer for each in rows(database)].count(dead.writer) == 4
    assert files(tmp_path) == []


@pytest.mark.parametrize("torn", [1, 40, 200])
def test_a_torn_last_line_is_dropped_and_counted(open_log, spool, database, clock, tmp_path, metrics, torn, caplog):
    dead = open_log(spool=spool)
    database.away = True
    fill(dead, clock, 3)
    dead._spooling.close()
    (file,) = files(tmp_path)
    file.write_bytes(file.read_bytes()[:-torn])
    database.away = False
    log = open_log(spool=spool)
    log.append(ONE, row(clock))
    assert [each.writer for each in rows(database)].count(dead.writer) == 2
    assert b"audit_rows_lost_total 1.0" in metrics.exposition()
    assert "1 torn lines" in caplog.text
    assert log.verify(ONE).intact


def test_a_line_that_was_changed_is_not_taken_and_the_gap_shows(open_log, spool, database, clock, tmp_path):
    dead = open_log(spool=spool)
    database.away = True
    fill(dead, clock, 3)
    dead._spooling.close()
    (file,) = files(tmp_path)
    first, second, third = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second[:50] + b"AAAA" + second[54:] + third)
    database.away = False
    log = open_log(spool=spool)
    log.append(ONE, row(clock))
    assert [fault.what for fault in log.verify(ONE).faults] == ["rows are missing between 1 and 3"]


def test_what_waits_on_disk_tells_nothing_without_the_key(open_log, spool, database, clock, tmp_path):
    log = open_log(spool=spool)
    database.away = True
    log.append(ONE, row(clock, arguments="the words of a caller"))
    (file,) = files(tmp_path)
    assert b"caller" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_a_full_spool_fails_durable_calls_and_forgets_nothing_of_fast_ones(open_log, database, clock, tmp_path):
    durable = open_log(spool=Spool(tmp_path / "spool", max_bytes=3_000))
    database.away = True
    kept = 2
    fill(durable, clock, kept)
    with pytest.raises(Unavailable, match="spool on disk is full"):
        durable.append(ONE, row(clock, arguments="x" * 3_000))
    with pytest.raises(Unavailable, match="not answered while"):
        durable.require_ready()
    with pytest.raises(Unavailable, match="Nothing was done") as caught:
        durable.intend(ONE, row(clock, arguments="x" * 3_000))
    assert caught.value.not_executed
    database.away = False
    clock.advance(MINUTE)
    durable.require_ready()
    durable.append(ONE, row(clock))
    assert len(rows(database)) == kept + 1
    assert json.loads(rows(database)[-1].content)["lost_before"] == 2
    assert durable.verify(ONE).intact

    fast = open_log(write="fast", spool=Spool(tmp_path / "other", max_bytes=3_000))
    database.away = True
    fill(fast, clock, 10, "two")
    assert fast._waiting
    database.away = False
    clock.advance(MINUTE)
    fast.append(workspace_of("two"), row(clock, number=10))
    fast.close()
    of_two = [json.loads(each.content)["number"] for each in rows(database) if each.workspace == "two"]
    assert of_two == list(range(11))
    assert fast.verify(workspace_of("two")).intact


def test_a_disk_that_cannot_be_written_is_as_no_spool(open_log, database, clock, tmp_path):
    (tmp_path / "file").write_text("")
    log = open_log(spool=Spool(tmp_path / "file"))
    log.append(ONE, row(clock))
    database.away = True
    with pytest.raises(Unavailable, match="spool"):
        log.append(ONE, row(clock))


def test_an_append_that_does_not_fit_leaves_the_file_as_it_was(spool, tmp_path):
    file = Spool(tmp_path / "spool", max_bytes=500).open(CIPHER, "w")
    file.append(["short"], sync=True)
    before = files(tmp_path)[0].read_bytes()
    with pytest.raises(SpoolFull):
        file.append(["x" * 1_000], sync=True)
    assert files(tmp_path)[0].read_bytes() == before
    assert file.portion(10) == ["short"]
    assert file.portion(10) == []
    file.close()


def test_no_row_that_was_promised_is_missing_after_kill_9(open_log, database, clock, tmp_path):
    (tmp_path / "away").mkdir()
    killed = subprocess.Popen(
        [sys.executable, audit_process.__file__, str(tmp_path / "away")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    promised = [int(killed.stdout.readline()) for _ in range(20)]
    killed.kill()
    rest, _ = killed.communicate(timeout=30)
    promised += [int(line) for line in rest.splitlines()]

    log = open_log(spool=Spool(tmp_path / "away" / "spool"))
    log.append(ONE, row(clock))
    found = [number for number in numbers(database) if number is not None]
    assert found == list(range(len(found)))
    assert set(promised) <= set(found)
    assert log.verify(ONE).intact
