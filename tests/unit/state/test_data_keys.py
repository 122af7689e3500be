"""Keys that can be destroyed: one for each owner, wrapped, renewed after a rotation, gone after a destruction. On real files."""

import pytest

from faas_toolkit.core.call import NamedKey, Workspace
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.state.data_keys import REMEMBERED_SECONDS, DataKeys
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

STORED, K1, K2 = b"s" * 32, NamedKey("k1", b"1" * 32), NamedKey("k2", b"2" * 32)
ONE = Workspace("one", STORED)
OTHER = Workspace("other", STORED)
UNDER_K1 = Workspace("one", K1.key, "k1", (NamedKey("stored", STORED),), root=STORED)
UNDER_K2 = Workspace("one", K2.key, "k2", (K1, NamedKey("stored", STORED)), root=STORED)
ONLY_K2 = Workspace("one", K2.key, "k2", (NamedKey("stored", STORED),), root=STORED)
DAY = 86_400.0


@pytest.fixture
def node(tmp_path, clock):
    """A process of its own over the same file."""
    databases = []

    def start():
        databases.append(Database(path=tmp_path / "data.db", offload=InlineOffload()))
        return DataKeys(database=databases[-1], clock=clock, offload=InlineOffload())

    yield start
    for database in databases:
        database.close()


@pytest.fixture
def keys(node):
    return node()


def test_an_owner_has_one_key_in_every_process_and_no_two_share_one(keys, node):
    key = keys.get(ONE, "user:1")
    assert len(key) == 32
    assert node().get(ONE, "user:1") == key
    others = {keys.get(ONE, "user:2"), keys.get(OTHER, "user:1"), key}
    assert len(others) == 3


def test_it_is_found_by_the_owner_s_blind_name_which_a_rotation_does_not_change(keys):
    name = keys.name(UNDER_K1, "user:1")
    key = keys.get(UNDER_K1, "user:1")
    assert keys.find(UNDER_K2, [name, "unknown"]) == {name: key}
    assert keys.owners(UNDER_K2) == {name: "user:1"}
    assert name != keys.name(OTHER, "user:1")


def test_a_destroyed_key_opens_nothing_more_and_the_next_use_makes_another(keys, node):
    key, name = keys.get(ONE, "user:1"), keys.name(ONE, "user:1")
    keys.get(ONE, "user:2")
    assert keys.destroy(ONE, [name]) == 1
    assert keys.destroy(ONE, [name]) == 0
    assert keys.find(ONE, [name]) == {}
    assert list(keys.owners(ONE).values()) == ["user:2"]
    assert keys.get(ONE, "user:1") not in (key, None)
    assert node().get(ONE, "user:1") == keys.get(ONE, "user:1")


def test_a_key_is_destroyed_for_its_own_workspace_only(keys):
    key = keys.get(OTHER, "user:1")
    keys.get(ONE, "user:1")
    keys.destroy(ONE, [keys.name(ONE, "user:1"), keys.name(OTHER, "user:1")])
    assert keys.get(OTHER, "user:1") == key


def test_another_process_notices_a_destruction_within_a_minute(keys, node, clock):
    elsewhere = node()
    key = elsewhere.get(ONE, "user:1")
    keys.destroy(ONE, [keys.name(ONE, "user:1")])
    assert elsewhere.get(ONE, "user:1") == key
    clock.advance(REMEMBERED_SECONDS)
    assert elsewhere.remembered(ONE, "user:1") is None
    assert elsewhere.get(ONE, "user:1") != key


def test_what_is_at_hand_is_used_while_the_database_is_away_and_anything_else_is_unavailable(keys, clock, tmp_path):
    key = keys.get(ONE, "user:1")
    clock.advance(REMEMBERED_SECONDS)
    keys._database.close()
    keys._database._path = tmp_path
    assert keys.get(ONE, "user:1") == key
    for _ in range(2):
        with pytest.raises(Unavailable):
            keys.get(ONE, "user:2")
    keys._database._path = tmp_path / "data.db"
    clock.advance(10)
    assert keys.get(ONE, "user:2")


def test_the_first_use_under_a_new_key_wraps_every_key_with_it(keys, node):
    kept = {owner: keys.get(UNDER_K1, owner) for owner in map(str, range(1_000))}
    assert keys.sealed_with(UNDER_K2) == {"k1": 1_000}
    node().get(UNDER_K2, "5")
    assert keys.sealed_with(UNDER_K2) == {"k2": 1_000}
    later = node()
    assert {owner: later.get(ONLY_K2, owner) for owner in kept} == kept


def test_the_first_use_under_a_new_key_wraps_every_key_also_where_the_process_has_that_one_at_hand(keys):
    kept = {owner: keys.get(UNDER_K1, owner) for owner in "abc"}
    assert keys.get(UNDER_K2, "a") == kept["a"]
    assert keys.sealed_with(UNDER_K2) == {"k2": 3}


def test_a_renewal_does_not_bring_a_destroyed_key_back(keys, node, monkeypatch):
    keys.get(UNDER_K1, "user:1")
    elsewhere = node()
    after = DataKeys._after

    def destroyed_meanwhile(self, workspace, place):
        batch = after(self, workspace, place)
        elsewhere.destroy(UNDER_K1, [name for name, _ in batch])
        return batch

    monkeypatch.setattr(DataKeys, "_after", destroyed_meanwhile)
    assert keys.renew(UNDER_K2) == 0
    assert keys.owners(UNDER_K2) == {}


def test_a_key_whose_wrapping_key_is_missing_is_neither_replaced_nor_lost(keys, node):
    key = keys.get(UNDER_K1, "user:1")
    later = node()
    with pytest.raises(Unavailable, match="in no setting") as told:
        later.get(ONLY_K2, "user:1")
    assert "encryption_key" in told.value.hint
    assert later.sealed_with(ONLY_K2) == {None: 1}
    assert later.get(UNDER_K2, "user:1") == key


def test_where_nothing_is_lost_by_it_a_missing_key_is_replaced(keys, node):
    key = keys.get(UNDER_K1, "cache", replace_lost=True)
    assert node().get(ONLY_K2, "cache", replace_lost=True) != key


def test_a_key_that_was_not_used_for_long_is_dropped_with_its_owner(keys, clock):
    keys.get(ONE, "user:1")
    keys.get(ONE, "user:2")
    clock.advance(9 * DAY)
    keys.get(ONE, "user:2")
    keys.drop_unused(ONE, clock.epoch() - 8 * DAY)
    assert list(keys.owners(ONE).values()) == ["user:2"]


def test_two_processes_that_make_one_key_at_once_get_the_same(keys, node, monkeypatch):
    elsewhere, read = node(), keys._database.read
    made = []

    def read_before_the_other_writes(work):
        result = read(work)
        made.append(elsewhere.get(ONE, "user:1"))
        return result

    monkeypatch.setattr(keys._database, "read", read_before_the_other_writes)
    assert keys.get(ONE, "user:1") == made[0]


@pytest.mark.parametrize("owner", ["", "dify:\ud800", "名字", "x" * 300])
def test_an_owner_may_be_called_anything(keys, node, owner):
    assert node().get(ONE, owner) == keys.get(ONE, owner)
    assert list(keys.owners(ONE).values()) == [owner]


def test_neither_owner_nor_key_lies_in_clear(keys, tmp_path):
    key = keys.get(ONE, "maria@example.com")
    keys._database.close()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert written
    assert b"maria" not in written
    assert key not in written
