"""What is particular to memory, disk and tiers; what holds for every cache is in tests/contract/test_cache_store.py."""

import logging
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.cache.disk import DiskCache
from faas_toolkit.state.cache.memory import MAX_ENTRIES, MemoryCache
from faas_toolkit.state.cache.port import Kept
from faas_toolkit.state.cache.tiers import TieredCache
from tests.fakes.clock import FakeClock

ONE = Workspace("workspace-one", bytes(range(32)))
OTHER = Workspace("workspace-other", bytes(range(32)))
ROOT = Path(__file__).parents[3]


@pytest.fixture
def disk(tmp_path, clock):
    cache = DiskCache(path=tmp_path / "cache" / "cache.db", clock=clock, offload=InlineOffload(), max_bytes=2_000_000)
    yield cache
    cache.close()


def value_of(cache, workspace, name):
    kept = cache.get(workspace, name)
    return kept and kept.value


def test_memory_holds_ten_thousand_entries_and_the_least_used_go_first(clock):
    cache = MemoryCache(clock=clock)
    cache.put(ONE, "first", Kept(b"", 60))
    for number in range(MAX_ENTRIES - 1):
        cache.put(ONE, str(number), Kept(b"", 60))
    assert cache.get(ONE, "first") is not None
    cache.put(ONE, "one more", Kept(b"", 60))
    assert cache.get(ONE, "first") is not None
    assert cache.get(ONE, "0") is None


def test_memory_is_bounded_by_bytes(clock):
    cache = MemoryCache(clock=clock, max_bytes=5_000_000)
    for number in range(20):
        cache.put(ONE, str(number), Kept(bytes(900_000), 60))
    assert [number for number in range(20) if cache.get(ONE, str(number))] == list(range(15, 20))


def test_what_memory_lost_comes_back_from_the_disk_with_the_time_it_has_left(clock, disk):
    TieredCache(near=MemoryCache(clock=clock), cold=disk, spawn=InlineOffload().spawn).put(ONE, "name", Kept(b"value", 60))
    clock.advance(20)
    memory = MemoryCache(clock=clock)
    restarted = TieredCache(near=memory, cold=disk, spawn=InlineOffload().spawn)

    assert restarted.get(ONE, "name") == Kept(b"value", 40, "disk")
    assert memory.get(ONE, "name") == Kept(b"value", 40, "memory")


def test_an_answer_does_not_wait_for_the_disk(clock, disk):
    class Later(InlineOffload):
        work = ()

        def spawn(self, work):
            self.work = (*self.work, work)

    later = Later()
    TieredCache(near=MemoryCache(clock=clock), cold=disk, spawn=later.spawn).put(ONE, "name", Kept(b"value", 60))
    assert disk.get(ONE, "name") is None
    for work in later.work:
        work()
    assert value_of(disk, ONE, "name") == b"value"


def test_nothing_lies_in_the_clear_on_the_disk(disk, tmp_path):
    disk.put(ONE, "the name", Kept(b"the value", 60))
    disk.close()
    written = b"".join(file.read_bytes() for file in (tmp_path / "cache").iterdir())
    assert written
    for clear in (b"the name", b"the value", b"workspace-one", ONE.key):
        assert clear not in written
    assert stat.S_IMODE((tmp_path / "cache" / "cache.db").stat().st_mode) == 0o600


def test_tampering_is_a_miss(disk, tmp_path):
    disk.put(ONE, "name", Kept(b"value", 60))
    file = sqlite3.connect(tmp_path / "cache" / "cache.db")
    file.execute("UPDATE entries SET content = x'01' || substr(content, 2, 20) || zeroblob(30)")
    file.commit()
    file.close()
    assert disk.get(ONE, "name") is None


def test_an_entry_put_in_anothers_place_is_a_miss(disk, tmp_path):
    disk.put(ONE, "mine", Kept(b"value", 60))
    disk.put(ONE, "yours", Kept(b"other", 60))
    file = sqlite3.connect(tmp_path / "cache" / "cache.db")
    file.execute("UPDATE entries SET content = (SELECT content FROM entries ORDER BY rowid LIMIT 1)")
    file.commit()
    file.close()
    assert value_of(disk, ONE, "mine") == b"value"
    assert disk.get(ONE, "yours") is None


def test_the_disk_is_bounded_and_the_oldest_go_first(disk, tmp_path):
    for number in range(60):
        disk.put(ONE, str(number), Kept(os.urandom(100_000), 60))
    there = [number for number in range(60) if disk.get(ONE, str(number))]
    assert there == list(range(there[0], 60))
    assert 5 <= len(there) < 25
    disk.close()
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) < 3_000_000


def test_expired_entries_make_room_before_living_ones(disk, clock):
    disk.put(ONE, "living", Kept(bytes(10), 3_600))
    for number in range(17):
        disk.put(ONE, str(number), Kept(os.urandom(100_000), 60))
    clock.advance(61)
    for number in range(15):
        disk.put(ONE, f"new {number}", Kept(os.urandom(100_000), 60))
    assert disk.get(ONE, "living") is not None


def test_a_damaged_file_is_given_up_and_made_anew(disk, tmp_path, clock, caplog):
    disk.put(ONE, "name", Kept(b"value", 60))
    disk.close()
    (tmp_path / "cache" / "cache.db").write_bytes(b"dear diary, " * 500)
    with caplog.at_level(logging.WARNING):
        assert disk.get(ONE, "name") is None
    assert "SQLITE_NOTADB" in caplog.text
    assert str(tmp_path) not in caplog.text

    clock.advance(30)
    disk.put(ONE, "name", Kept(b"new value", 60))
    assert value_of(disk, ONE, "name") == b"new value"


def test_a_disk_that_does_not_want_is_left_alone_for_a_while(tmp_path, clock, caplog):
    (tmp_path / "file").write_text("where a directory is needed")
    cache = DiskCache(path=tmp_path / "file" / "cache.db", clock=clock, offload=InlineOffload())
    for _ in range(5):
        cache.put(ONE, "name", Kept(b"value", 60))
        assert cache.get(ONE, "name") is None
    assert len(caplog.records) == 1

    (tmp_path / "file").unlink()
    clock.advance(30)
    cache.put(ONE, "name", Kept(b"value", 60))
    assert value_of(cache, ONE, "name") == b"value"
    cache.close()


def test_two_processes_write_into_one_file_at_once(tmp_path):
    program = """
import sys; from pathlib import Path
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.cache.disk import DiskCache
from faas_toolkit.state.cache.port import Kept
cache = DiskCache(path=Path(sys.argv[1]), clock=SystemClock(), offload=InlineOffload())
print("ready", flush=True); sys.stdin.readline()
workspace = Workspace("one", bytes(32))
for number in range(200):
    cache.put(workspace, f"{sys.argv[2]} {number}", Kept(b"value", 600))
print(sum(cache.get(workspace, f"{sys.argv[2]} {number}") is not None for number in range(200)))
"""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "cache.db"), name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60) for process in processes] == [("200\n", "")] * 2


def test_whoever_wants_to_waits_until_what_is_on_its_way_has_arrived(clock, disk):
    class Later(InlineOffload):
        work = ()

        def spawn(self, work):
            self.work = (*self.work, work)

    class Waiting(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            if len(self.slept) == 3:
                later.work[0]()

    later, waiting = Later(), Waiting()
    cache = TieredCache(near=MemoryCache(clock=clock), cold=disk, spawn=later.spawn)
    cache.settle(Deadline.after(waiting, 10))
    assert waiting.slept == []
    cache.put(ONE, "name", Kept(b"value", 60))
    cache.settle(Deadline.after(waiting, 10))
    assert value_of(disk, ONE, "name") == b"value"
    assert len(waiting.slept) == 3

    cache.put(ONE, "name", Kept(b"value", 60))
    cache.settle(Deadline.after(waiting, 0.1))
    assert len(waiting.slept) <= 9
