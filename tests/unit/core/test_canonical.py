"""Equal values have equal hashes, and other values others."""

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.canonical import canonical_json, digest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


def test_keys_are_sorted_and_nothing_is_spent_on_blanks():
    assert canonical_json({"b": [1, 2.5, None, True], "a": {"客": "户"}}) == '{"a":{"客":"户"},"b":[1,2.5,null,true]}'


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_the_order_of_keys_says_nothing(value):
    turned = dict(reversed(value.items()))
    assert digest(value) == digest(turned) == digest(MappingProxyType(turned))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (frozenset({"b", "a"}), '["a","b"]'),
        ({frozenset({"b"}), frozenset({"a"})}, '[["a"],["b"]]'),
        ({1, "a"}, '["a",1]'),
        (("a", 1), '["a",1]'),
        (date(2026, 11, 24), '"2026-11-24"'),
        (datetime(2026, 11, 24, 10, 30, tzinfo=UTC), '"2026-11-24T10:30:00+00:00"'),
        (Decimal("1.10"), '"1.10"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (MappingProxyType({"b": 1, "a": 2}), '{"a":2,"b":1}'),
    ],
)
def test_what_json_cannot_say_has_one_spelling(value, text):
    assert canonical_json(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(value)


def test_an_object_without_a_spelling_is_refused_since_its_address_would_count():
    with pytest.raises(TypeError, match="object has no canonical spelling"):
        digest({"a": object()})


def test_half_characters_are_kept_apart():
    assert digest("\ud800") != digest("\ud801")
    assert len(digest("\ud800")) == 64


@given(JSON, JSON)
def test_other_values_have_other_digests(one, other):
    assert (digest(one) == digest(other)) == (canonical_json(one) == canonical_json(other))
