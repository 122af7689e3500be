"""Server-sent events as the standard reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.errors import BadResponse
from faas_toolkit.net import sse
from faas_toolkit.net.sse import MAX_EVENT_BYTES, event_data

LINE_END = sse._LINE_END


def read(*pieces: bytes) -> list[str]:
    return list(event_data(pieces, "Model 'm'"))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_in_three_ways(end):
    assert read(end.join([b"data: a", b"", b"data: b", b"", b""])) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data\n\n", [""]),
        (b": a comment\n\n: another\ndata: a\n\n", ["a"]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\nnonsense\n\n", ["a"]),
        (b"datas: a\n\n", []),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a\n\ndata: cut off", ["a"]),
        (b"\n\n\n", []),
        (b"", []),
        (b"data: a: b\n\n", ["a: b"]),
    ],
)
def test_what_an_event_holds(text, events):
    assert read(text) == events


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=20), max_size=5), st.data())
def test_events_are_the_same_however_the_bytes_are_cut(texts, data):
    whole = "".join(f"data: {text}\r\n\r\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(*pieces) == texts


def test_a_long_line_in_small_pieces_is_looked_through_once(monkeypatch):
    looked_at = []

    class Pattern:
        def search(self, text):
            looked_at.append(len(text))
            return LINE_END.search(text)

        def split(self, text):
            looked_at.append(len(text))
            return LINE_END.split(text)

    monkeypatch.setattr(sse, "_LINE_END", Pattern())
    assert read(*(b"data: " + b"x" * 10_000 + b"\n\n",)) == ["x" * 10_000]
    in_one = sum(looked_at)
    looked_at.clear()
    assert read(*(bytes([byte]) for byte in b"data: " + b"x" * 10_000 + b"\n\n")) == ["x" * 10_000]
    assert sum(looked_at) <= 2 * in_one


@pytest.mark.parametrize("text", [b"data: " + b"x" * MAX_EVENT_BYTES, (b"data: " + b"x" * 1_000 + b"\n") * 1_100])
def test_an_event_has_a_bound(text):
    with pytest.raises(BadResponse, match="1,000,000"):
        read(*[text[at : at + 16_384] for at in range(0, len(text), 16_384)])


def test_data_that_is_no_utf_8_is_refused():
    with pytest.raises(BadResponse, match="UTF-8"):
        read(b"data: \xff\n\n")


def test_an_event_is_handed_on_as_soon_as_it_is_whole():
    def pieces():
        yield b"data: a\n\n"
        raise AssertionError("asked for more before the first was handed on")

    assert next(event_data(pieces(), "m")) == "a"
