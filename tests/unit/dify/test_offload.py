"""Native threads under greenlets: the hub goes on, errors arrive, and nothing is printed."""

import itertools
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import gevent
import pytest

from faas_toolkit.core.errors import NotFound, Unavailable
from faas_toolkit.core.offload import POOL_SIZES
from faas_toolkit.dify.offload import GeventOffload

ROOT = Path(__file__).parents[3]
QUERIES = 60


@pytest.fixture
def offload():
    offload = GeventOffload()
    yield offload
    offload.close()


def test_who_gives_way_lets_timers_and_sockets_have_their_turn(offload):
    served = []
    gevent.spawn_later(0.001, served.append, 1)
    for _ in range(100):
        offload.give_way()
    assert served


def slow_query():
    connection = sqlite3.connect(":memory:")
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT sum(i) FROM n"
    try:
        return connection.execute(count).fetchone()[0]
    finally:
        connection.close()


def longest_silence(run):
    """Seconds of the longest gap of a 1 ms heartbeat while 60 greenlets each run a slow query, and seconds in all."""
    beats, finished = [time.perf_counter()], []

    def beat():
        while not finished:
            gevent.sleep(0.001)
            beats.append(time.perf_counter())

    heart = gevent.spawn(beat)
    gevent.sleep(0.01)
    callers = [gevent.spawn(run, slow_query) for _ in range(QUERIES)]
    gevent.joinall(callers, raise_error=True)
    finished.append(True)
    heart.join()
    assert {caller.value for caller in callers} == {5000050000}
    return max(after - before for before, after in itertools.pairwise(beats)), beats[-1] - beats[0]


def test_the_hub_goes_on_while_sixty_slow_queries_run(offload):
    on_the_hub, in_all = longest_silence(lambda query: query())
    on_the_pool, _ = longest_silence(lambda query: offload.run("sqlite", query))

    assert on_the_hub > in_all / 2  # what would happen without the pool
    assert on_the_pool < on_the_hub / 4


def test_the_hubs_own_threads_are_left_to_dns_and_stdin(offload):
    before = gevent.get_hub().threadpool.size  # a test before this one may have looked a name up
    offload.run("sqlite", slow_query)
    offload.run("parse", slow_query)
    assert gevent.get_hub().threadpool.size == before


def test_a_pool_has_the_threads_that_core_says_and_starts_with_its_first_work(offload):
    assert offload._pools == {}
    threads = set()

    def note():
        threads.add(threading.get_native_id())
        time.sleep(0.02)

    gevent.joinall([gevent.spawn(offload.run, "sqlite", note) for _ in range(8)], raise_error=True)
    assert len(threads) == POOL_SIZES["sqlite"] == 2
    assert threading.get_native_id() not in threads
    assert list(offload._pools) == ["sqlite"]


@pytest.mark.parametrize("error", [NotFound("no such person"), ValueError("x"), SystemExit(3), KeyboardInterrupt()])
def test_what_work_raises_is_raised_to_the_caller_and_printed_nowhere(offload, capfd, error):
    def fail():
        raise error

    with pytest.raises(type(error)) as caught:
        offload.run("sqlite", fail)
    assert caught.value is error
    assert offload.run("sqlite", lambda: None) is None
    assert capfd.readouterr() == ("", "")


def test_background_work_runs_after_the_call_and_its_error_shows_no_value(offload, caplog):
    secret = "value " * 3
    ran = []

    def fail():
        raise ValueError(secret)

    def fail_with_words():
        raise Unavailable("The store is away.")

    for work in (fail, fail_with_words, lambda: ran.append(1)):
        offload.spawn(work)
    assert ran == []
    with caplog.at_level(logging.ERROR):
        offload.close()
    assert ran == [1]
    assert secret not in caplog.text
    assert "ValueError in test_background_work" in caplog.text
    assert "The store is away." in caplog.text


def test_background_work_is_bounded_and_none_is_dropped(offload):
    running, most, ran = 0, 0, 0

    def work():
        nonlocal running, most, ran
        running += 1
        most = max(most, running)
        gevent.sleep(0.001)
        running -= 1
        ran += 1

    for _ in range(300):
        offload.spawn(work)
    offload.close()
    assert ran == 300
    assert most <= 65  # 64 and the caller


def test_a_database_serves_many_greenlets_in_a_process_that_the_sdk_patched(tmp_path):
    program = """
from gevent import monkey; monkey.patch_all(sys=True)
import sys, gevent
from pathlib import Path
from sqlalchemy import text
from faas_toolkit.dify.offload import GeventOffload
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

offload = GeventOffload()
databases = [Database(path=Path(sys.argv[1]) / name, offload=offload) for name in ("one.db", "two.db")]
INSERT = text("INSERT INTO outcomes VALUES (:key, 'w', 1, x'00')")

def use(number):
    database = databases[number % 2]
    database.write(lambda connection: connection.execute(INSERT, {"key": str(number)}))
    return database.read(lambda connection: connection.execute(text("SELECT count(*) FROM outcomes")).scalar())

callers = [gevent.spawn(use, number) for number in range(100)]
gevent.joinall(callers, raise_error=True)
sys.stderr.write(f"{max(c.value for c in callers)} {gevent.get_hub().threadpool.size}")
for database in databases:
    database.close()
offload.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "50 0", 0)
