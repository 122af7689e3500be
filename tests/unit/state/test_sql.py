"""The relational store on real files: transactions, errors that teach, and files that are locked, damaged or missing."""

import os
import resource
import signal
import sqlite3
import stat
import traceback

import pytest
from sqlalchemy import text

from faas_toolkit.core.errors import Internal, NotFound, Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state import sqlite
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some directory" / "data.db"


@pytest.fixture
def database(path):
    database = Database(path=path, offload=InlineOffload())
    yield database
    database.close()


def insert(key):
    statement = text("INSERT INTO outcomes (key, workspace, expires, content) VALUES (:key, 'w', 1, x'00')")
    return lambda connection: connection.execute(statement, {"key": key})


def count(connection):
    return connection.execute(text("SELECT count(*) FROM outcomes")).scalar()


def test_what_was_written_is_read_by_another_process_of_the_same_file(database, path):
    database.write(insert("a"))
    assert Database(path=path, offload=InlineOffload()).read(count) == 1


def test_a_write_that_raises_keeps_nothing_and_hands_its_own_failure_on(database):
    def half_done(connection):
        insert("a")(connection)
        raise NotFound("no such person")

    with pytest.raises(NotFound):
        database.write(half_done)
    assert database.read(count) == 0


def test_a_read_sees_one_view_though_another_writes_meanwhile(database, path):
    other = Database(path=path, offload=InlineOffload())

    def twice(connection):
        before = count(connection)
        other.write(insert("a"))
        return before, count(connection)

    assert database.read(twice) == (0, 0)
    assert database.read(count) == 1


def test_the_pragmas_hold_on_every_connection(database):
    def pragmas(connection):
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]

    assert database.read(pragmas) == ["wal", 1, 1, sqlite.BUSY_MILLISECONDS]


def test_a_connection_is_used_again(database):
    def driver(connection):
        return id(connection.connection.driver_connection)

    assert database.read(driver) == database.write(driver)


def test_only_the_owner_may_read_the_file(database, path):
    database.read(count)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_writer_is_told_that_the_store_is_busy(database, path, monkeypatch):
    database.read(count)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    impatient = Database(path=path, offload=InlineOffload())
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("PRAGMA busy_timeout=20", "PRAGMA foreign_keys=ON"))
    with pytest.raises(Unavailable, match="busy") as caught:
        impatient.write(insert("a"))
    assert caught.value.retryable
    assert caught.value.not_executed
    assert impatient.read(count) == 0  # readers are not held up

    holder.execute("ROLLBACK")
    holder.close()
    impatient.write(insert("a"))


def test_a_file_that_is_no_database_is_named_so(database, path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"dear diary, " * 200)
    with pytest.raises(Unavailable, match="not a database") as caught:
        database.read(count)
    assert "backup" in caught.value.hint


def test_a_damaged_file_is_named_so_and_works_again_when_it_is_replaced(database, path, tmp_path):
    for number in range(200):
        database.write(insert(f"{number:060}"))
    database.write(lambda connection: None)
    database.close()
    kept = path.read_bytes()
    path.write_bytes(kept[:4096] + b"\xff" * (len(kept) - 4096))
    with pytest.raises(Unavailable, match="damaged"):
        database.read(count)

    path.write_bytes(kept)
    assert database.read(count) == 200


def test_a_path_that_cannot_be_opened_is_not_shown(tmp_path):
    (tmp_path / "secret-place").write_text("a file where a directory is needed")
    for path in (tmp_path / "secret-place" / "data.db", tmp_path):
        with pytest.raises(Unavailable, match="cannot be opened") as caught:
            Database(path=path, offload=InlineOffload()).read(count)
        assert str(tmp_path) not in caught.value.as_text()


def test_a_file_that_may_only_be_read_is_named_so(database, path):
    database.read(count)
    database.write(lambda connection: None)
    with pytest.raises(Unavailable, match="only be read") as caught:
        database.write(lambda connection: [connection.exec_driver_sql("PRAGMA query_only=ON"), insert("a")(connection)])
    assert not caught.value.retryable
    database.write(insert("a"))  # the connection that could not write was given up


def test_a_full_disk_is_named_so(database):
    def fill(connection):
        connection.exec_driver_sql("PRAGMA max_page_count=20")
        for number in range(100):
            connection.execute(
                text("INSERT INTO outcomes VALUES (:key, 'w', 1, :content)"), {"key": str(number), "content": os.urandom(9_000)}
            )

    with pytest.raises(Unavailable, match="disk is full"):
        database.write(fill)
    assert database.read(count) == 0


def test_a_real_write_error_of_the_disk_is_unavailable(database, path):
    database.read(count)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(Unavailable):
            fill(database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    database.write(insert("after"))


def fill(database):
    statement = text("INSERT INTO outcomes VALUES (:key, 'w', 1, :content)")
    for number in range(200):
        row = {"key": str(number), "content": os.urandom(9_000)}
        database.write(lambda connection, row=row: connection.execute(statement, row))


@pytest.mark.parametrize("statement", ["SELECT * FROM nowhere", "not sql at all", "INSERT INTO outcomes (key) VALUES ('x')"])
def test_a_statement_of_ours_that_is_wrong_is_internal_and_says_nothing(database, statement):
    with pytest.raises(Internal) as caught:
        database.write(lambda connection: connection.execute(text(statement)))
    assert "nowhere" not in caught.value.as_text()
    database.write(insert("still works"))


def test_values_never_reach_a_traceback(database):
    value = os.urandom(8).hex()
    database.write(insert(value))
    with pytest.raises(Internal) as caught:
        database.write(insert(value))
    shown = "".join(traceback.format_exception(caught.value))
    assert "UNIQUE constraint failed" in shown
    assert value not in shown


def test_a_table_that_is_gone_is_named(database):
    from faas_toolkit.observe.audit_table import audit_rows

    database.check()
    database.write(lambda connection: connection.execute(text(f"DROP TABLE {audit_rows.name}")))
    with pytest.raises(Unavailable, match="audit_rows") as caught:
        database.check()
    assert not caught.value.retryable
    assert "backup" in caught.value.hint


@pytest.mark.parametrize("what", ["deleted", "replaced"])
def test_a_file_that_is_gone_from_its_path_is_noticed_by_the_next_call(database, path, what):
    database.write(insert("a"))
    for file in path.parent.iterdir():
        file.unlink()
    if what == "replaced":
        other = Database(path=path, offload=InlineOffload())
        other.write(insert("b"))
        other.write(insert("c"))
        other.close()
    assert database.read(count) == {"deleted": 0, "replaced": 2}[what]
    database.write(insert("d"))
    assert Database(path=path, offload=InlineOffload()).read(count) == {"deleted": 1, "replaced": 3}[what]


def test_the_revision_is_another_one_after_each_commit_by_whomever(database, path):
    assert database.revision() is None  # nothing was opened yet
    database.read(count)
    seen = [database.revision()]
    assert database.revision() == seen[0]
    database.write(insert("a"))
    seen.append(database.revision())
    Database(path=path, offload=InlineOffload()).write(insert("b"))
    seen.append(database.revision())
    database.close()
    database.read(count)
    seen.append(database.revision())
    assert len(set(seen)) == len(seen)


def test_a_closed_database_opens_again(database):
    database.write(insert("a"))
    database.close()
    assert database.read(count) == 1
