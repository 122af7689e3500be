"""A text to passages: cut at headings, paragraphs and sentences, each with the headings above it."""

import re
from collections.abc import Iterator

from faas_toolkit.capabilities.knowledge.reading.blocks import ends
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.redaction import find_personal_data
from faas_toolkit.core.untrusted import cut_short

MAX_WIDTH = 1_200
"""Of a passage; a character of a script without spaces counts double, as it says about twice as much."""
MAX_HEADING_CHARS = 500

_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_FENCE = re.compile(r"(```|~~~)")
_WIDE = re.compile("[\u0e00-\u0eff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")
# After a full stop with a space, but not between a number and the word that says what it is ("Tel. 415 …"), and after the full
# stops that need none.
_SENTENCE_END = re.compile(r"(?<=[.!?;:…])\s+(?![^\d\n]{0,16}\d)|(?<=[。！？；])")
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY")
"""Begins a passage, so that a key of the usual size (RSA, 2,048 bits) is cut once, and each half is known for what it is."""
_AROUND = 600
"""Characters on each side of a cut that a detector reads."""
_MOST_CUTS = 8
"""Places that are looked at until one is found that tears nothing."""


@immutable
class Piece:
    """A passage of a text."""

    heading: str
    """The headings above it, outermost first, joined by ` > `."""
    text: str


def cut(text: str) -> Iterator[Piece]:
    """The passages of a text whose headings are written as in Markdown, in order; together they hold all of it."""
    for heading, body in _sections(text):
        for part in _packed(body):
            yield Piece(heading, part)


def first_heading(text: str) -> str:
    """The first heading at the very beginning of a text, without its mark; empty where it begins otherwise."""
    found = _heading(text.lstrip().split("\n", 1)[0])
    return found[1] if found else ""


def _heading(line: str) -> tuple[int, str] | None:
    """Level and words of a heading; a line longer than any heading is text."""
    match = _HEADING.match(line) if len(line) <= MAX_HEADING_CHARS else None
    return (len(match[1]), match[2].rstrip("# \t") or match[2]) if match else None


def _sections(text: str) -> Iterator[tuple[str, str]]:
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    fenced = ""
    for line in text.split("\n"):
        fence = _FENCE.match(line.lstrip())
        if fence and fenced in ("", fence[1]):
            fenced = "" if fenced else fence[1]
        heading = None if fenced else _heading(line)
        if heading is None:
            lines.append(line)
            continue
        yield from _section(path, lines, heading[0])
        path = [*((level, name) for level, name in path if level < heading[0]), heading]
        lines = []
    yield from _section(path, lines, 0)


def _section(path: list[tuple[int, str]], lines: list[str], next_level: int) -> Iterator[tuple[str, str]]:
    body = "\n".join(lines).strip()
    if not body and path and next_level <= path[-1][0]:  # a heading with nothing below it is still something to find
        path, body = path[:-1], path[-1][1]
    if body:
        yield cut_short(" > ".join(name for _, name in path), MAX_HEADING_CHARS), body


def _packed(body: str) -> Iterator[str]:
    """Paragraphs put together as long as they fit; what is too long by itself is cut at lines, at sentences, at last anywhere."""
    kept: list[str] = []
    width = 0
    for part in _parts(body):
        wide = _width(part)
        if kept and (width + wide > MAX_WIDTH or _KEY_BEGINS.match(part)):
            if full := "".join(kept).strip():
                yield full
            kept, width = [], 0
        kept.append(part)
        width += wide
    rest = "".join(kept).strip()
    if rest:
        yield rest


def _parts(body: str) -> Iterator[str]:
    for paragraph in _paragraphs(body):
        if _width(paragraph) <= MAX_WIDTH:
            yield paragraph + "\n"
            continue
        for line in paragraph.split("\n"):
            yield from _sentences(line + "\n")
        yield "\n"


def _paragraphs(body: str) -> Iterator[str]:
    """What empty lines part, the last line break with each."""
    position = 0
    while (gap := body.find("\n\n", position)) >= 0:
        yield body[position : gap + 1]
        position = gap + 2
        while body.startswith("\n", position):
            position += 1
    yield body[position:]


def _sentences(line: str) -> Iterator[str]:
    if _width(line) <= MAX_WIDTH:
        yield line
        return
    position = 0
    for end in [*ends(_SENTENCE_END, line), len(line)]:
        yield from _slices(line[position:end])
        position = end


def _slices(sentence: str) -> Iterator[str]:
    """At a space where there is one in the second half, else anywhere: a line of a megabyte has to end somewhere.

    No address, number or key is torn, nor a number from the word before it: review finds whole ones only, and in one passage.
    """
    position = 0
    while position < len(sentence):
        step = MAX_WIDTH if not _WIDE.search(sentence, position, position + MAX_WIDTH) else MAX_WIDTH // 2
        end = min(position + step, len(sentence))
        if end < len(sentence):
            end = _harmless(sentence, position + step // 2, end)
        yield sentence[position:end]
        position = end


def _harmless(text: str, least: int, end: int) -> int:
    """The last place in the stretch that tears nothing, at a space if it can be; the first that was looked at where all do."""
    places: list[int] = []
    while end > least and len(places) < _MOST_CUTS:
        space = text.rfind(" ", least, end)
        places.append(space + 1 if space > 0 else end)
        torn = _torn(text, places[-1])
        if torn is None:
            return places[-1]
        end = min(torn, places[-1] - (1 << len(places)))  # ever further: the word that says what it is may be long
    return places[0]


def _torn(text: str, place: int) -> int | None:
    """Where the first finding begins that a cut at this place would hide from a detector; None where it hides nothing."""
    start, end = max(0, place - _AROUND), place + _AROUND
    left = {*_spans(text, start, place), *_spans(text, place, end)}
    return min((found for found, stop in _spans(text, start, end) if (found, stop) not in left), default=None)


def _spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    return [(start + found.start, start + found.end) for found in find_personal_data(text[start:end], DETECTORS)]


def _width(text: str) -> int:
    if len(text) > MAX_WIDTH or text.isascii():  # what is too long already is not counted out: it may be megabytes
        return len(text)
    return len(text) + len(_WIDE.findall(text))
