"""Old audit rows go, portion by portion, and what is left still verifies."""

import json

from faas_toolkit.observe import audit_retention
from tests.fakes.audit import DAY, ONE, row, rows, workspace_of


def tamper(database, statement, **values):
    database.write(lambda connection: connection.exec_driver_sql(statement, values or None).rowcount)


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


def test_a_backlog_goes_in_portions_and_every_state_in_between_verifies(open_log, database, clock, monkeypatch):
    monkeypatch.setattr(audit_retention, "MOST_AT_A_TIME", 10)
    logs = [open_log(keep=1_000 * DAY) for _ in range(3)]
    for number in range(75):
        logs[number % 3].append(ONE, row(clock, number=number))
    clock.advance(200 * DAY)
    log = open_log(keep=180 * DAY)
    left = 75
    while left:
        log.append(ONE, row(clock))
        now = [each for each in rows(database) if each.writer != log.writer]
        assert left - 10 <= len(now) < left
        left = len(now)
        assert log.verify(ONE).intact
    assert [json.loads(each.content)["number"] for each in rows(database) if "number" in each.content] == []


def test_a_portion_that_was_rolled_back_is_removed_by_the_same_row_later(open_log, database, clock):
    open_log(keep=1_000 * DAY).append(ONE, row(clock))
    clock.advance(200 * DAY)
    log = open_log(keep=180 * DAY, write="fast")
    database.breaks_after_commit = 1
    log.append(ONE, row(clock))
    assert [each.writer for each in rows(database)] == [log.writer]
    assert log.verify(ONE).intact


def test_chains_that_cannot_be_cut_do_not_keep_the_others(open_log, database, clock):
    """A clock that was years ahead wrote a first row that is not old; the rows behind it wait for it."""
    blocked = open_log(keep=1_000 * DAY)
    blocked.append(ONE, row(clock) | {"time": clock.epoch() + 5_000 * DAY})
    blocked.append(ONE, row(clock))
    clock.advance(1)
    open_log(keep=1_000 * DAY).append(ONE, row(clock))
    clock.advance(200 * DAY)
    log = open_log(keep=180 * DAY)
    log.append(ONE, row(clock))
    assert {each.writer for each in rows(database)} == {blocked.writer, log.writer}
    assert log.verify(ONE).intact
