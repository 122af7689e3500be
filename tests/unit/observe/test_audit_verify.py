"""No change of the audit rows goes unseen."""

import json

import pytest
from sqlalchemy import update

from faas_toolkit.observe import audit_verify
from faas_toolkit.observe.audit_chain import PURPOSE, Head, seal
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.cipher import Keyring
from tests.fakes.audit import ONE, fill, rows, workspace_of


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
    monkeypatch.setattr(audit_verify, "_PAGE", 7)
    logs = [open_log() for _ in range(3)]
    for log in logs:
        fill(log, clock, 15)
    report = logs[0].verify(workspace_of("one"))
    assert (report.intact, report.rows, report.chains) == (True, 45, 3)
