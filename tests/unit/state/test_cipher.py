"""Sealing: what was sealed opens only whole, in its place, for its workspace and purpose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.call import Workspace
from faas_toolkit.state.cipher import Keyring

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
