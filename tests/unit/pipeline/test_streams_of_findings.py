"""Whatever the chunks of a stream are, no finding of any detector comes out torn."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faas_toolkit.core.call import Record, Workspace
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.stream import End, Stream
from faas_toolkit.pipeline.masking import HELD_BACK_CHARS, Masker
from faas_toolkit.pipeline.tokens import Tokens
from tests.fakes.planted import planted

VALUES = list(islice(planted(400, seed=3), 400))
LINES = "\n".join(f"{number:02}" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0" * 2 for number in range(60))
PRIVATE_KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{LINES}\n-----END RSA PRIVATE KEY-----"
JWT = "ey" + f"JhbGciOiJIUzI1NiJ9{'aB3' * 150}.{'x9Z_' * 700}.{'q7-' * 100}"
ADDRESS = f"https://svc:{'p4ss' * 30}@db.example.com/{'path/' * 200}"
FILLING = ["so ", "字词", "\n", "order-", "9", " x" * 90, "y" * 500, "词" * 200, "-", "("]


def masker(mode):
    return Masker(dict.fromkeys(DETECTORS, mode), Record(request_id="", started=0.0), tokens=Tokens(Workspace("w", bytes(32))))


def cut_at(text, sizes):
    position, at = 0, 0
    while position < len(text):
        yield text[position : position + sizes[at % len(sizes)]]
        position += sizes[at % len(sizes)]
        at += 1


def streamed(text, sizes, mode):
    return "".join(item for item in masker(mode).stream(Stream(cut_at(text, sizes))) if not isinstance(item, End))


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=4),
    st.lists(st.sampled_from(FILLING), max_size=8),
    st.lists(st.integers(1, 90), min_size=1, max_size=12),
    st.sampled_from(["partial", "drop", "token"]),
)
def test_a_stream_shows_what_the_whole_text_would_whatever_its_chunks(values, filling, sizes, mode):
    text = " | ".join(f"{before} {value.text}" for before, value in zip(filling * 4 or [""] * 4, values, strict=False))
    shown = streamed(text, sizes, mode)
    assert shown == masker(mode).text(text)
    assert not any(value.value in shown for value in values)


@pytest.mark.parametrize("size", [1, 3, 17, 64, 319, 320, 321, 5_000])
@pytest.mark.parametrize(
    "value", [PRIVATE_KEY, PRIVATE_KEY.replace("\n", "\\n"), JWT, ADDRESS], ids=["key", "escaped", "jwt", "address"]
)
def test_what_is_longer_than_what_is_held_back_is_found_whole(value, size):
    assert len(value) > HELD_BACK_CHARS
    text = f"{'Use this one: ' * 30}{value} and no other. {'More words. ' * 60}"
    shown = streamed(text, [size], "drop")
    assert shown == masker("drop").text(text)
    assert "[secret]" in shown
    assert "aB3" not in shown
    assert "x9Z" not in shown
    assert "p4ss" not in shown


def test_a_private_key_that_never_ends_is_not_shown():
    text = f"Here: {PRIVATE_KEY.partition('-----END')[0]}"
    for size in (1, 40, 400):
        assert "aB3" not in streamed(text, [size], "partial")


def test_a_stream_without_blanks_flows_and_is_not_kept():
    longest = sent = 0
    for item in masker("drop").stream(Stream("x" * 100 for _ in range(3_000))):
        if not isinstance(item, End):
            longest, sent = max(longest, len(item)), sent + len(item)
    assert sent == 300_000
    assert longest < 20_000
