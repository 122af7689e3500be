"""Sealing: what was sealed opens only whole, in its place, for its workspace and purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.call import NamedKey, Workspace
from faas_toolkit.state.cipher import KEY_HEADER_BYTES, Keyring

ONE = Workspace("one", bytes(range(32)))
OTHER = Workspace("other", bytes(range(32)))
CIPHER = Keyring("cache").cipher(ONE)


@given(st.text(), st.binary(max_size=300))
def test_what_was_sealed_opens_under_its_name(name, plain):
    assert CIPHER.open(name, CIPHER.seal(name, plain)) == plain


@pytest.mark.parametrize(
    ("cipher", "name"),
    [
        pytest.param(CIPHER, "another name", id="moved to another name"),
        pytest.param(Keyring("cache").cipher(OTHER), "name", id="another workspace with the same key"),
        pytest.param(Keyring("cache").cipher(Workspace("one", bytes(32))), "name", id="another key"),
        pytest.param(Keyring("outcomes").cipher(ONE), "name", id="another purpose"),
    ],
)
def test_an_envelope_opens_nowhere_else(cipher, name):
    assert cipher.open(name, CIPHER.seal("name", b"value")) is None


def test_one_keyring_tells_workspaces_and_exchanged_keys_apart_however_they_take_turns():
    ring = Keyring("cache")
    same, other_key = Workspace("one", bytes(range(32))), Workspace("one", bytes(32))
    for workspace, opens in ((ONE, True), (OTHER, False), (same, True), (other_key, False), (OTHER, False), (ONE, True)):
        assert (ring.cipher(workspace).open("name", CIPHER.seal("name", b"value")) is not None) is opens


def test_every_changed_or_missing_byte_is_noticed():
    sealed = CIPHER.seal("name", b"value")
    for position in range(len(sealed)):
        assert CIPHER.open("name", sealed[:position]) is None
        changed = bytearray(sealed)
        changed[position] ^= 1
        assert CIPHER.open("name", bytes(changed)) is None


def test_equal_values_look_different_and_show_nothing():
    first, second = CIPHER.seal("name", b"value" * 9), CIPHER.seal("name", b"value" * 9)
    assert first != second
    assert b"value" not in first


def test_a_blinded_name_is_the_same_for_one_workspace_and_another_for_each_other():
    ciphers = (CIPHER, Keyring("cache").cipher(ONE), Keyring("cache").cipher(OTHER), Keyring("outcomes").cipher(ONE))
    blinded = [cipher.blind("name\ud800") for cipher in ciphers]
    assert blinded[0] == blinded[1]
    assert len(set(blinded)) == 3
    assert all(len(name) == 64 for name in blinded)


def test_a_keyring_forgets_no_key_that_is_in_use():
    keyring = Keyring("cache")
    sealed = keyring.cipher(ONE).seal("name", b"value")
    for number in range(1_000):
        keyring.cipher(Workspace(str(number), bytes(32)))
    assert keyring.cipher(ONE).open("name", sealed) == b"value"


def test_no_key_is_shown():
    assert repr(ONE.key)[2:20] not in repr(CIPHER)
    assert "_names" not in repr(CIPHER)


STORED, K1, K2 = b"s" * 32, NamedKey("k1", b"1" * 32), NamedKey("k2", b"2" * 32)
BEFORE = Keyring("cache").cipher(Workspace("one", K1.key, "k1", root=STORED))
AFTER = Keyring("cache").cipher(Workspace("one", K2.key, "k2", (K1, NamedKey("stored", STORED)), root=STORED))


def test_after_a_rotation_the_new_key_seals_and_every_old_one_still_opens():
    old = BEFORE.seal("name", b"value")
    assert AFTER.open("name", old) == b"value"
    assert AFTER.open("name", Keyring("cache").cipher(Workspace("one", STORED)).seal("name", b"older")) == b"older"
    new = AFTER.seal("name", b"value")
    assert BEFORE.open("name", new) is None
    assert (AFTER.is_current(old), AFTER.is_current(new)) == (False, True)


def test_an_envelope_says_with_which_key_it_was_sealed():
    headers = [cipher.seal("name", b"value")[:KEY_HEADER_BYTES] for cipher in (AFTER, BEFORE, CIPHER)]
    assert [AFTER.key_of(header) for header in headers] == ["k2", "k1", None]


def test_a_name_outlives_every_rotation():
    stored = Keyring("cache").cipher(Workspace("one", STORED))
    assert stored.blind("name") == BEFORE.blind("name") == AFTER.blind("name")


def test_names_that_versions_made_from_the_sealing_key_are_known_too():
    earlier = Keyring("cache").cipher(Workspace("one", K1.key)).blind("name")
    assert earlier in AFTER.blinds("name")
    assert AFTER.blinds("name")[0] == AFTER.blind("name") != earlier


def test_an_envelope_of_the_first_version_opens():
    workspace = Workspace("one", bytes(range(32)))
    sealed = bytes.fromhex("01c0631ce2273ab4d26654a682a4585c7337cf423d6f69d20ab32d5082510f78c165238e7811")
    assert Keyring("cache").cipher(workspace).open("name", sealed) == b"value"


def test_no_key_of_a_workspace_is_shown():
    shown = repr(Workspace("one", K2.key, "k2", (K1,), root=STORED)) + repr(AFTER)
    assert not any(letter * 8 in shown for letter in "s12")
