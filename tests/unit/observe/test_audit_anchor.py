"""Heads of chains are kept where the database is not, and say what is missing in it."""

import pytest

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.observe import audit_anchor
from faas_toolkit.observe.audit_anchor import AnchoredHead, place_of
from faas_toolkit.observe.audit_chain import PURPOSE, Head
from faas_toolkit.state.cipher import Keyring
from faas_toolkit.state.file_values import FileValues
from tests.fakes.audit import DAY, ONE, fill, row
from tests.fakes.host import FakeStorage

CIPHER = Keyring(PURPOSE).cipher(ONE)


@pytest.fixture
def storage():
    return FakeStorage()


@pytest.fixture
def directory(tmp_path):
    return FileValues(tmp_path / "heads")


def cut(database, sequence):
    database.write(lambda connection: connection.exec_driver_sql(f"DELETE FROM audit_rows WHERE sequence >= {sequence}").rowcount)


def test_a_cut_tail_is_found_by_the_head_in_the_workspaces_own_storage(open_log, database, clock, storage):
    log = open_log()
    fill(log, clock, 3)
    log.anchor(ONE, storage)
    cut(database, 3)
    report = open_log().verify(ONE, storage)
    assert [(fault.writer, fault.sequence) for fault in report.faults] == [(log.writer, 3)]
    assert report.anchors == 1
    assert open_log().verify(ONE).intact  # the database alone does not tell


def test_it_is_stored_at_most_once_a_minute_and_only_where_something_is_new(open_log, clock, storage):
    log = open_log()
    log.append(ONE, row(clock))
    for _ in range(5):
        log.anchor(ONE, storage)
        log.append(ONE, row(clock))
        clock.advance(10)
    assert storage.reads == 1
    clock.advance(60)
    for _ in range(3):
        log.anchor(ONE, storage)
        clock.advance(60)
    assert storage.reads == 2


def test_several_writers_share_a_place(open_log, database, clock, storage):
    logs = [open_log() for _ in range(3)]
    for log in logs:
        fill(log, clock, 2)
        log.anchor(ONE, storage)
    database.write(lambda connection: connection.exec_driver_sql("DELETE FROM audit_rows").rowcount)
    assert {fault.writer for fault in open_log().verify(ONE, storage).faults} == {log.writer for log in logs}


def test_a_place_that_is_down_changes_nothing_and_is_told_once(open_log, clock, storage, caplog):
    log = open_log()
    storage.down = True
    for _ in range(3):
        log.append(ONE, row(clock))
        log.anchor(ONE, storage)
        clock.advance(60)
    assert len(caplog.records) == 1
    report = log.verify(ONE, storage)
    assert report.problems == ("the heads kept in Dify's storage cannot be read now",)
    assert not report.intact
    storage.down = False
    log.anchor(ONE, storage)
    assert log.verify(ONE, storage).intact


def test_a_place_that_was_changed_is_a_finding_and_stays_as_evidence(open_log, clock, storage):
    log = open_log()
    log.append(ONE, row(clock))
    log.anchor(ONE, storage)
    storage.values[place_of(CIPHER)] = changed = storage.values[place_of(CIPHER)][:-1] + b"x"
    log.append(ONE, row(clock))
    clock.advance(60)
    log.anchor(ONE, storage)
    assert storage.values[place_of(CIPHER)] == changed
    assert "were changed" in open_log().verify(ONE, storage).problems[0]


def test_what_is_kept_tells_nothing_without_the_key(open_log, clock, storage):
    log = open_log()
    log.append(ONE, row(clock))
    log.anchor(ONE, storage)
    ((name, value),) = storage.values.items()
    assert ONE.id not in name.removeprefix("faas_toolkit_audit_")
    assert log.writer.encode() not in value


def test_another_key_keeps_its_heads_beside(open_log, clock, storage):
    log, other = open_log(), open_log()
    log.append(ONE, row(clock))
    log.anchor(ONE, storage)
    changed = Workspace(ONE.id, b"another".ljust(32, b"."))
    other.append(changed, row(clock))
    other.anchor(changed, storage)
    assert len(storage.values) == 2
    report = log.verify(ONE, storage)
    assert (report.faults, report.unproved) == ((), 1)
    assert not report.intact


def test_an_older_head_never_replaces_a_newer_one(storage):
    newer = {"w": AnchoredHead(Head(7, "h7"), 7.0)}
    audit_anchor.store(storage, CIPHER, newer, oldest=0.0)
    audit_anchor.store(storage, CIPHER, {"w": AnchoredHead(Head(5, "h5"), 5.0)}, oldest=0.0)
    assert audit_anchor.load(storage, CIPHER) == newer


def test_the_document_stays_small(storage, monkeypatch):
    monkeypatch.setattr(audit_anchor, "MAX_HEADS", 3)
    for number in range(10):
        audit_anchor.store(storage, CIPHER, {f"w{number}": AnchoredHead(Head(1, "h"), float(number))}, oldest=0.0)
    assert set(audit_anchor.load(storage, CIPHER)) == {"w7", "w8", "w9"}
    audit_anchor.store(storage, CIPHER, {"w10": AnchoredHead(Head(1, "h"), 10.0)}, oldest=9.5)
    assert set(audit_anchor.load(storage, CIPHER)) == {"w10"}


def test_a_head_whose_rows_have_gone_by_retention_is_no_fault(open_log, clock, storage):
    first = open_log(keep=10 * DAY)
    first.append(ONE, row(clock))
    first.anchor(ONE, storage)
    later = open_log(keep=10 * DAY)
    for _ in range(40):
        clock.advance(DAY)
        later.append(ONE, row(clock))
        later.anchor(ONE, storage)
        assert later.verify(ONE, storage).intact


def test_the_data_directory_holds_the_head_of_each_second_and_the_last_one_on_closing(open_log, database, clock, directory):
    log = open_log(heads=directory)
    fill(log, clock, 2)
    log.append(ONE, row(clock))
    log.append(ONE, row(clock))
    assert audit_anchor.load(directory, CIPHER)[log.writer].head.sequence == 3
    log.close()
    assert audit_anchor.load(directory, CIPHER)[log.writer].head.sequence == 4
    cut(database, 4)
    assert [fault.sequence for fault in open_log(heads=directory).verify(ONE).faults] == [4]


def test_a_data_directory_that_cannot_be_written_stops_nothing(open_log, clock, tmp_path, caplog):
    (tmp_path / "heads").write_text("in the way")
    log = open_log(heads=FileValues(tmp_path / "heads"))
    fill(log, clock, 3)
    assert len(caplog.records) == 1


def test_file_values_are_private_and_replaced_whole(directory, tmp_path):
    assert directory.get("a") is None
    directory.set("a", b"one")
    directory.set("a", b"two")
    assert directory.get("a") == b"two"
    (only,) = (tmp_path / "heads").iterdir()
    assert only.stat().st_mode & 0o077 == 0
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        FileValues(tmp_path / "file").set("a", b"")
