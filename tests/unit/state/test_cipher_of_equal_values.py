"""Envelopes that are equal for equal values."""

from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.call import Workspace
from faas_toolkit.state.cipher import Keyring

HERE = Keyring("a").cipher(Workspace("w1", bytes(32)))
OTHERS = [
    Keyring("b").cipher(Workspace("w1", bytes(32))),
    Keyring("a").cipher(Workspace("w2", bytes(32))),
    Keyring("a").cipher(Workspace("w1", b"k" * 32)),
]


@given(st.binary(max_size=80), st.text(max_size=10))
def test_an_equal_value_has_an_equal_envelope_that_opens_as_any_other(plain, name):
    sealed = HERE.seal_equal(name, plain)
    assert sealed == HERE.seal_equal(name, plain)
    assert HERE.open(name, sealed) == plain
    assert HERE.open(f"{name}x", sealed) is None
    assert len(sealed) == 33 + len(plain)


@given(st.binary(min_size=8, max_size=80))
def test_another_name_value_purpose_workspace_or_key_has_another_envelope(plain):
    sealed = HERE.seal_equal("a", plain)
    changed = [
        HERE.seal_equal("b", plain),
        HERE.seal_equal("a", plain + b"x"),
        *(other.seal_equal("a", plain) for other in OTHERS),
    ]
    assert len({sealed[5:17], *(other[5:17] for other in changed)}) == 6
    assert plain not in sealed
    assert [other.open("a", sealed) for other in OTHERS] == [None, None, None]
