"""A cursor fits one question of one workspace."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.capabilities.crm.cursor import Position, open_cursor, seal
from faas_toolkit.core.errors import InvalidInput

KEY = b"k" * 32
POSITION = Position({"main": 5}, {"main": "1.2"})


def test_it_opens_for_the_same_question():
    assert open_cursor(seal(POSITION, ["acme", 1], KEY), ["acme", 1], KEY) == POSITION


@pytest.mark.parametrize(("question", "key"), [(["acme", 2], KEY), (["acme", 1], b"x" * 32)])
def test_another_question_or_workspace_is_refused(question, key):
    with pytest.raises(InvalidInput, match="does not belong") as caught:
        open_cursor(seal(POSITION, ["acme", 1], KEY), question, key)
    assert "leave cursor out" in caught.value.hint


@pytest.mark.parametrize("cursor", ["", "made up", "=", "é" * 9, "A" * 2_000, base64.urlsafe_b64encode(b"x" * 12).decode()])
def test_what_was_never_a_cursor_is_refused(cursor):
    with pytest.raises(InvalidInput):
        open_cursor(cursor, [], KEY)


@given(place=st.integers(0, 40), bit=st.integers(0, 7))
def test_every_changed_bit_is_seen(place, bit):
    raw = bytearray(base64.urlsafe_b64decode(seal(POSITION, [], KEY) + "=="))
    raw[place % len(raw)] ^= 1 << bit
    with pytest.raises(InvalidInput):
        open_cursor(base64.urlsafe_b64encode(bytes(raw)).decode(), [], KEY)
