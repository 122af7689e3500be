"""Ending a workspace's cache by destroying its key: in memory and on a real disk cache."""

from pathlib import Path

import pytest

from faas_toolkit.core.call import NamedKey, Workspace
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.cache.disk import DiskCache
from faas_toolkit.state.cache.epoch import OWNER, EpochCache
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.port import Kept
from faas_toolkit.state.cache.tiers import TieredCache
from faas_toolkit.state.data_keys import DataKeys
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

ONE, OTHER = Workspace("one", b"k" * 32), Workspace("other", b"k" * 32)


@pytest.fixture
def keys(tmp_path, clock):
    database = Database(path=tmp_path / "toolkit.sqlite", offload=InlineOffload())
    yield DataKeys(database=database, clock=clock, offload=InlineOffload())
    database.close()


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path, clock):
    if request.param == "memory":
        return MemoryCache(clock=clock)
    return DiskCache(path=tmp_path / "cache.sqlite", clock=clock, offload=InlineOffload())


@pytest.fixture
def cache(store, keys):
    return EpochCache(store=TieredCache(near=store, spawn=lambda work: work()), keys=keys)


def test_what_is_kept_is_found_until_the_age_ends(cache, keys):
    cache.put(ONE, "name", Kept(b"value", 60))
    cache.put(OTHER, "name", Kept(b"theirs", 60))
    assert cache.get(ONE, "name").value == b"value"
    keys.destroy(ONE, [keys.name(ONE, OWNER)])
    assert cache.get(ONE, "name") is None
    assert cache.get(OTHER, "name").value == b"theirs"
    cache.put(ONE, "name", Kept(b"new", 60))
    assert cache.get(ONE, "name").value == b"new"


def test_what_was_asked_for_before_the_age_ended_is_not_kept_after_it(cache, keys):
    token = cache.take(ONE, "name", 20).token
    keys.destroy(ONE, [keys.name(ONE, OWNER)])
    cache.put(ONE, "name", Kept(b"of who is forgotten", 60), token)
    assert cache.get(ONE, "name") is None
    cache.give_up(ONE, "name", token)
    cache.put(ONE, "name", Kept(b"new", 60), cache.take(ONE, "name", 20).token)
    assert cache.get(ONE, "name").value == b"new"


def test_the_workspace_s_key_alone_opens_nothing_of_it(cache, store):
    cache.put(ONE, "name", Kept(b"value", 60))
    assert store.get(ONE, "name") is None


def test_after_a_rotation_the_cache_starts_anew(cache):
    cache.put(ONE, "name", Kept(b"value", 60))
    rotated = Workspace("one", b"n" * 32, "new", (NamedKey("stored", b"k" * 32),), root=b"k" * 32)
    cache.put(rotated, "other name", Kept(b"other", 60))
    assert cache.get(rotated, "other name").value == b"other"


def test_without_a_database_nothing_is_found_and_nothing_is_kept(store, clock):
    cache = EpochCache(
        store=TieredCache(near=store, spawn=lambda work: work()),
        keys=DataKeys(database=Database(path=Path(), offload=InlineOffload()), clock=clock, offload=None),
    )
    cache.put(ONE, "name", Kept(b"value", 60))
    assert cache.get(ONE, "name") is None
