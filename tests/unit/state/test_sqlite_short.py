"""Short reads: where they are done, what ends them, and that nothing is lost by it."""

import sqlite3
import threading

import gevent
import pytest
from sqlalchemy import text

from faas_toolkit.core.errors import NotFound, Unavailable
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.state import sqlite_database
from faas_toolkit.state.sqlite_database import SqliteDatabase
from faas_toolkit.state.sqlite_short import AT_MOST, CALM, LONGEST_REST, REST, ShortReads

COUNT_FAR = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 200000) SELECT count(*) FROM n"


@pytest.fixture
def database(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(sqlite_database, "ShortReads", lambda engine: ShortReads(engine, clock.monotonic))
    offload = GeventOffload()
    database = SqliteDatabase(path=tmp_path / "data.db", offload=offload)
    database.read(lambda _: None)  # opens the file
    yield database
    database.close()
    offload.close()


def native_thread(_connection):
    return threading.get_native_id()


def here():
    return threading.get_native_id()


def test_a_short_read_stays_where_it_is_and_any_other_goes_to_the_pool(database):
    assert database.read(native_thread, short=True) == here()
    assert database.read(native_thread) != here()
    assert database.write(native_thread) != here()


def test_the_first_read_opens_the_file_on_the_pool(tmp_path):
    offload = GeventOffload()
    database = SqliteDatabase(path=tmp_path / "new.db", offload=offload)
    assert database.read(native_thread, short=True) != here()
    assert database.read(native_thread, short=True) == here()
    database.close()
    offload.close()


def test_a_statement_that_takes_too_long_is_ended_and_done_on_the_pool(database, clock):
    threads = []

    def count(connection):
        threads.append(native_thread(connection))
        if threads == [here()]:
            clock.advance(2 * AT_MOST)  # while SQLite is at it, as it were
        return connection.execute(text(COUNT_FAR)).scalar()

    assert database.read(count, short=True) == 200_000
    assert threads[0] == here() != threads[1]


def rest_after_a_long_one(database, clock):
    """Seconds until reads are done here again, in steps of a quarter of the shortest rest."""
    assert database.read(lambda _: clock.advance(2 * AT_MOST), short=True) is None
    waited = 0.0
    while database.read(native_thread, short=True) != here():
        clock.advance(REST / 4)
        waited += REST / 4
    return waited


def test_after_one_that_took_too_long_reads_go_to_the_pool_for_a_moment(database, clock):
    assert rest_after_a_long_one(database, clock) == pytest.approx(REST, abs=REST / 4)


def test_one_long_read_after_the_other_makes_the_rest_longer_until_it_has_been_calm(database, clock):
    rests = [rest_after_a_long_one(database, clock) for _ in range(7)]
    assert rests == pytest.approx([min(REST * 2**number, LONGEST_REST) for number in range(7)], abs=REST / 4)
    clock.advance(CALM)
    assert rest_after_a_long_one(database, clock) == pytest.approx(REST, abs=REST / 4)


@pytest.mark.parametrize("short", [False, True])
def test_while_a_native_thread_is_at_work_on_more_than_a_moment_it_goes_to_the_pool_too(database, short):
    inside, go_on = threading.Event(), threading.Event()
    work = gevent.spawn(database._offload.run, "parse", lambda: (inside.set(), go_on.wait(5)), short=short)
    while not inside.is_set():
        gevent.sleep(0.001)
    assert (database.read(native_thread, short=True) == here()) is short
    go_on.set()
    work.get(timeout=5)
    assert database.read(native_thread, short=True) == here()


def test_a_statement_has_its_time_for_itself(database, clock):
    for _ in range(3):
        clock.advance(2 * AT_MOST)
        assert database.read(lambda connection: connection.execute(text(COUNT_FAR)).scalar(), short=True) == 200_000
    assert database.read(native_thread, short=True) == here()


def test_a_lock_is_not_waited_for_here(database):
    def meets_a_lock(connection):
        if threading.get_native_id() == here:
            assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 0
            raise sqlite3.OperationalError("database is locked")
        return "done on the pool"

    here = threading.get_native_id()
    assert database.read(meets_a_lock, short=True) == "done on the pool"


def test_a_failure_of_the_reader_is_its_own_and_happens_once(database):
    asked = []

    def not_there(_connection):
        asked.append(1)
        raise NotFound("no such person")

    with pytest.raises(NotFound):
        database.read(not_there, short=True)
    assert asked == [1]
    assert database.read(native_thread, short=True) == here()


def test_it_sees_what_was_committed_and_one_view_of_it(database):
    def insert(key):
        statement = text("INSERT INTO outcomes (key, workspace, expires, content) VALUES (:key, 'w', 1, x'00')")
        return lambda connection: connection.execute(statement, {"key": key})

    def count(connection):
        return connection.execute(text("SELECT count(*) FROM outcomes")).scalar()

    def twice(connection):
        before = count(connection)
        other.write(insert("b"))
        return before, count(connection)

    database.write(insert("a"))
    other = SqliteDatabase(path=database._path, offload=database._offload)
    assert database.read(twice, short=True) == (1, 1)
    assert database.read(count, short=True) == 2
    other.close()


def test_one_that_comes_while_another_is_at_it_goes_to_the_pool(database):
    def slowly(connection):
        gevent.sleep(0)
        return native_thread(connection)

    first, second = gevent.spawn(database.read, slowly, short=True), gevent.spawn(database.read, native_thread, short=True)
    gevent.joinall([first, second], raise_error=True)
    assert first.value == here() != second.value


def test_a_file_that_was_replaced_is_opened_anew(database):
    for file in database._path.parent.glob("data.db*"):
        file.unlink()
    assert database.read(lambda connection: connection.execute(text("SELECT count(*) FROM outcomes")).scalar(), short=True) == 0


def test_a_damaged_file_is_explained_as_ever(database):
    path = database._path
    database.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 100_000)
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"damaged|not a database"):
            database.read(lambda connection: connection.execute(text("SELECT * FROM outcomes")).all(), short=True)


def test_closing_waits_for_nobody_and_leaks_nothing(database, monkeypatch):
    opened = database._open
    closed = []

    def close_meanwhile(connection):
        monkeypatch.setattr(connection, "close", lambda: closed.append("closed"))
        opened.short.close()
        assert closed == []
        return "answer"

    assert database.read(close_meanwhile, short=True) == "answer"
    assert closed == ["closed"]
