"""How a catalog gets from tool calls to endpoints: sealed, written only on a change, opened with the same key alone."""

import dataclasses
import json
import zlib

import pytest

from faas_toolkit.core.call import STORED_KEY, NamedKey, Workspace
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.dify import handover
from faas_toolkit.dify.handover import RETRY_SECONDS, STORAGE_KEY, Handover
from faas_toolkit.state.cipher import Keyring
from faas_toolkit.wiring import RuntimeSettings
from tests.fakes.host import FakeStorage

KEY, OTHER = b"k" * 32, b"o" * 32
NEW, OLD, STORED = NamedKey("new", b"n" * 32), NamedKey("old", KEY), NamedKey(STORED_KEY, b"")
LEFT = RuntimeSettings(
    catalog='{"version": 1, "note": "ünïcode"}',
    secrets=(("a", "a-secret"), ("b", "另一个")),
    encryption_key=(NamedKey("key", KEY),),
    identity_keys="i" * 40,
    default_role="guest",
)
OWN = RuntimeSettings(encryption_key=(NamedKey("key", KEY),))


class CountingStorage(FakeStorage):
    writes = 0

    def set(self, key, value):
        self.writes += 1
        super().set(key, value)


@pytest.fixture
def storage():
    return CountingStorage()


def workspace(name="a", key=KEY):
    return Workspace(name * 32, key)


def test_an_endpoint_with_the_same_key_gets_what_was_left_whole(clock, storage):
    Handover(clock).leave(LEFT, workspace(), storage)
    assert Handover(clock).take(OWN, workspace(), storage) == LEFT


def test_nothing_of_it_can_be_read_in_storage(clock, storage):
    Handover(clock).leave(LEFT, workspace(), storage)
    for text in (b"version", b"a-secret", b"guest", b"iiii"):
        assert text not in storage.values[STORAGE_KEY]


def test_equal_settings_are_written_once_and_a_change_is_written(clock, storage):
    kept = Handover(clock)
    for _ in range(3):
        kept.leave(LEFT, workspace(), storage)
    assert (storage.writes, storage.reads) == (1, 1)
    kept.leave(dataclasses.replace(LEFT, catalog="other"), workspace(), storage)
    kept.leave(LEFT, workspace(), storage)
    assert storage.writes == 3
    assert kept.take(OWN, workspace(), storage) == LEFT


def test_another_process_does_not_write_what_is_there_already(clock, storage):
    Handover(clock).leave(LEFT, workspace(), storage)
    Handover(clock).leave(LEFT, workspace(), storage)
    assert storage.writes == 1


def test_an_emptied_catalog_replaces_the_one_before(clock, storage):
    kept = Handover(clock)
    kept.leave(LEFT, workspace(), storage)
    kept.leave(OWN, workspace(), storage)
    assert kept.take(OWN, workspace(), storage) == OWN


@pytest.mark.parametrize("keys", [(), (STORED,)], ids=["no key", "the stored key alone"])
def test_without_a_key_nothing_is_left_and_nothing_is_looked_for(clock, storage, keys):
    kept = Handover(clock)
    kept.leave(dataclasses.replace(LEFT, encryption_key=keys), workspace(), storage)
    assert kept.take(RuntimeSettings(encryption_key=keys), workspace(), storage) == RuntimeSettings(encryption_key=keys)
    assert (storage.writes, storage.reads) == (0, 0)


def test_an_endpoint_s_own_catalog_goes_first(clock, storage):
    kept, own = Handover(clock), dataclasses.replace(OWN, catalog="mine", secrets=(("a", "b"),))
    kept.leave(LEFT, workspace(), storage)
    assert kept.take(own, workspace(), storage) == own


def test_before_the_first_tool_call_the_endpoint_says_what_to_do(clock, storage):
    with pytest.raises(Unavailable, match="No tool call has left") as told:
        Handover(clock).take(OWN, workspace(), storage)
    assert "encryption_key" in told.value.hint
    assert not told.value.retryable


@pytest.mark.parametrize("stranger", [workspace(key=OTHER), workspace("b")], ids=["another key", "another workspace"])
def test_what_is_sealed_for_another_key_or_workspace_does_not_open(clock, storage, stranger):
    kept = Handover(clock)
    kept.leave(LEFT, workspace(), storage)
    kept.take(OWN, workspace(), storage)
    with pytest.raises(Unavailable, match="does not open"):
        kept.take(dataclasses.replace(OWN, encryption_key=(NamedKey("key", stranger.key),)), stranger, storage)


@pytest.mark.parametrize("stored", [b"", b"\x01", b"not sealed at all" * 10])
def test_what_was_damaged_does_not_open(clock, storage, stored):
    storage.values[STORAGE_KEY] = stored
    with pytest.raises(Unavailable, match="does not open"):
        Handover(clock).take(OWN, workspace(), storage)


def test_a_tool_call_goes_on_when_storage_is_down_and_tries_again_later(clock, storage, caplog):
    kept = Handover(clock)
    storage.down = True
    kept.leave(LEFT, workspace(), storage)
    kept.leave(LEFT, workspace(), storage)
    assert storage.reads == 1
    assert "could not be left" in caplog.text
    storage.down = False
    clock.sleep(RETRY_SECONDS + 1)
    kept.leave(LEFT, workspace(), storage)
    assert kept.take(OWN, workspace(), storage) == LEFT


def test_a_catalog_too_large_to_be_left_is_told_and_not_stood_in_for_by_an_older_one(clock, storage, monkeypatch):
    kept = Handover(clock)
    kept.leave(LEFT, workspace(), storage)
    monkeypatch.setattr(handover, "MAX_SEALED_BYTES", 100)
    kept.leave(dataclasses.replace(LEFT, catalog="new"), workspace(), storage)
    with pytest.raises(Unavailable, match="too large"):
        kept.take(OWN, workspace(), storage)


def test_calls_that_come_while_one_is_writing_write_nothing(clock, storage):
    kept = Handover(clock)

    class Busy(CountingStorage):
        def set(self, key, value):
            if self.writes < 3:  # what other calls do while this one waits for Dify
                self.writes += 1
                kept.leave(LEFT, workspace(), self)
                self.writes -= 1
            super().set(key, value)

    busy = Busy()
    kept.leave(LEFT, workspace(), busy)
    assert busy.writes == 1
    assert kept.take(OWN, workspace(), busy) == LEFT


@pytest.mark.parametrize("document", [{"secrets": {}, "of_a_later_version": 1}, {"catalog": ""}], ids=["more", "less"])
def test_what_another_version_left_is_told_with_what_to_do(clock, storage, document):
    cipher = Keyring("settings for endpoints").cipher(workspace())
    storage.values[STORAGE_KEY] = cipher.seal(STORAGE_KEY, zlib.compress(json.dumps(document).encode()))
    with pytest.raises(Unavailable, match="another version") as told:
        Handover(clock).take(OWN, workspace(), storage)
    assert "Call any of the plugin's tools once" in told.value.hint


def test_a_rotation_seals_anew_what_was_left_and_an_endpoint_with_either_list_of_both_keys_opens_it(clock, storage):
    Handover(clock).leave(dataclasses.replace(LEFT, encryption_key=(OLD,)), workspace(), storage)
    both = dataclasses.replace(OWN, encryption_key=(NEW, OLD))
    assert Handover(clock).take(both, workspace(), storage).catalog == LEFT.catalog
    Handover(clock).leave(dataclasses.replace(LEFT, encryption_key=(NEW, OLD)), workspace(), storage)
    assert storage.writes == 2
    for keys in ((NEW,), (NEW, OLD), (OLD, NEW)):
        own = dataclasses.replace(OWN, encryption_key=keys)
        assert Handover(clock).take(own, workspace(), storage) == dataclasses.replace(LEFT, encryption_key=keys)
    with pytest.raises(Unavailable, match="does not open"):
        Handover(clock).take(dataclasses.replace(OWN, encryption_key=(OLD,)), workspace(), storage)


def test_what_is_left_is_never_sealed_with_the_key_that_lies_beside_it(clock, storage):
    Handover(clock).leave(dataclasses.replace(LEFT, encryption_key=(STORED, OLD)), workspace(key=b"s" * 32), storage)
    assert Handover(clock).take(dataclasses.replace(OWN, encryption_key=(OLD,)), workspace(), storage).catalog == LEFT.catalog
