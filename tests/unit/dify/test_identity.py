import json

import pytest

from faas_toolkit.core.call import STORED_KEY, NamedKey
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.dify.host import DifyStorage
from faas_toolkit.dify.identity import SETTLE_SECONDS, STORAGE_KEY, WorkspaceDirectory, surface_of
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeStorage, SdkStorage

NEW, OLD = NamedKey("new", b"n" * 32), NamedKey("old", b"o" * 32)


class WrittenOverWhileWaiting(FakeClock):
    """Another node writes its own identity while this one waits."""

    def __init__(self, storage, identity):
        super().__init__()
        self._storage, self._identity = storage, identity

    def sleep(self, seconds):
        super().sleep(seconds)
        self._storage.values[STORAGE_KEY] = self._identity


def test_two_workspaces_get_two_identities_and_keys(clock):
    directory = WorkspaceDirectory(clock)
    first, second = directory.find("app-1", FakeStorage()), directory.find("app-2", FakeStorage())
    assert first.id != second.id
    assert first.key != second.key
    assert len(first.key) == 32


def test_the_identity_is_adopted_only_after_it_was_left_alone(clock):
    WorkspaceDirectory(clock).find("app", FakeStorage())
    assert clock.slept == [SETTLE_SECONDS]


def test_a_node_that_loses_the_race_adopts_what_stands():
    storage = FakeStorage()
    winner = WorkspaceDirectory(FakeClock()).find(None, FakeStorage(other := {}))
    loser = WorkspaceDirectory(WrittenOverWhileWaiting(storage, other[STORAGE_KEY])).find(None, storage)
    assert loser == winner


def test_an_app_is_remembered_and_an_agent_node_is_read_anew(clock):
    directory, storage = WorkspaceDirectory(clock), FakeStorage()
    directory.find("app", storage)
    reads = storage.reads
    directory.find("app", storage)
    assert storage.reads == reads
    directory.find(None, storage)
    assert storage.reads == reads + 1


def test_without_an_app_each_storage_is_its_own_workspace(clock):
    directory, one, two = WorkspaceDirectory(clock), FakeStorage(), FakeStorage()
    assert directory.find(None, one).id != directory.find(None, two).id


def test_a_configured_key_seals_in_place_of_the_stored_one_which_still_opens_and_names(clock):
    directory, storage = WorkspaceDirectory(clock), FakeStorage()
    stored = directory.find("app", storage)
    configured = directory.find("app", storage, [NEW, OLD])
    assert (configured.id, configured.key, configured.key_id) == (stored.id, NEW.key, "new")
    assert configured.older == (OLD, NamedKey(STORED_KEY, stored.key))
    assert configured.root == stored.key


def test_the_stored_key_seals_again_where_it_stands_first(clock):
    directory, storage = WorkspaceDirectory(clock), FakeStorage()
    stored = directory.find("app", storage)
    back = directory.find("app", storage, [NamedKey(STORED_KEY, b""), OLD])
    assert (back.key, back.key_id, back.older) == (stored.key, STORED_KEY, (OLD,))


def test_storage_that_fails_never_gives_a_shared_default(clock):
    storage = FakeStorage()
    storage.down = True
    with pytest.raises(Unavailable):
        WorkspaceDirectory(clock).find(None, storage)


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b"null",
        b'{"id": "a", "key": "no base64!"}',
        b'{"id": "a", "key": "c2hvcnQ="}',
        b'{"id": "", "key": ""}',
    ],
)
def test_a_damaged_identity_is_reported_and_not_replaced(clock, stored):
    storage = FakeStorage({STORAGE_KEY: stored})
    with pytest.raises(Unavailable, match="damaged"):
        WorkspaceDirectory(clock).find("app", storage)
    assert storage.values[STORAGE_KEY] == stored


def test_nothing_but_the_identity_is_stored(clock):
    storage = FakeStorage()
    WorkspaceDirectory(clock).find("app", storage)
    assert list(storage.values) == [STORAGE_KEY]
    assert set(json.loads(storage.values[STORAGE_KEY])) == {"id", "key"}


@pytest.mark.parametrize(
    ("app_id", "message_id", "surface"),
    [("app", None, "workflow"), ("app", "message", "agent_chat"), (None, None, "agent_node"), ("", None, "agent_node")],
)
def test_the_surface_follows_from_what_dify_sends(app_id, message_id, surface):
    assert surface_of(app_id, message_id) == surface


def test_a_missing_key_of_the_sdk_is_none_and_a_failing_store_is_unavailable():
    sdk = SdkStorage()
    storage = DifyStorage(sdk)
    assert storage.get("k") is None
    storage.set("k", b"v")
    assert storage.get("k") == b"v"
    sdk.down = True
    with pytest.raises(Unavailable):
        storage.get("k")
    with pytest.raises(Unavailable):
        storage.set("k", b"v")


def test_a_key_that_another_call_stores_between_two_looks_is_read():
    class StoredMeanwhile(SdkStorage):
        def exist(self, key):
            self.values[key] = b"theirs"
            return True

    assert DifyStorage(StoredMeanwhile()).get("k") == b"theirs"
