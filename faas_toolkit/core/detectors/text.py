"""What all detectors share: what a finding is, and how texts are read, whatever width, script or hidden characters they have."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate

from faas_toolkit.core.immutable import immutable


@immutable
class Found:
    """A piece of personal data, or a credential, in a text."""

    detector: str
    start: int
    end: int
    text: str
    whole: bool = True
    """False where it is several findings that overlap: no part of it can be shown."""


UNSPACED_SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
"""Scripts that write words without spaces between them (Thai to Hangul): there a neighbour says nothing about a word's edge."""

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
"""Soft hyphens, zero-width characters, marks of direction and variation, tags: a text with one inside looks the same."""

_ZEROS = (
    0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xE50, 0xED0, 0x1040, 0x17E0, 0x1810,
    0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
)  # fmt: skip
"""Where the digits of other scripts begin (Unicode, category Nd): Arabic to Mongolian, and those of mathematics."""
_PLAIN = str.maketrans(
    {0xFF01 + offset: chr(0x21 + offset) for offset in range(94) if offset != ord(":") - 0x21}
    | {zero + digit: str(digit) for zero in _ZEROS for digit in range(10)}
    | dict.fromkeys(map(ord, "‐‑‒–—−ー－"), "-")
    | dict.fromkeys(map(ord, "\u3000\u00a0\u2007\u2009\u202f\t"), " ")
)

DIGITS_TOGETHER = re.compile(r"\d(?:[^\d\n]{0,3}\d){6,}")
"""Where digits enough for a number stand close together: a quick look, and only around these places a thorough one."""
BEFORE_DIGITS = 40
"""What of the text before them tells what they are: a plus sign and brackets, or a label (WhatsApp number": ")."""
_BEHIND_DIGITS = 8


def plain(text: str) -> str:
    """The text in narrow characters and ASCII digits, one for one, so that positions stay.

    The wide colon stays: it stands before what follows in a sentence, and the narrow one also in the middle of ids (order:138…).
    """
    return text if text.isascii() and "\t" not in text else text.translate(_PLAIN)


def near_digits(text: str) -> Iterator[tuple[int, str]]:
    """Plain parts of the text in which seven digits or more stand close together, each with its place."""
    for digits in DIGITS_TOGETHER.finditer(text):
        before = max(0, digits.start() - BEFORE_DIGITS)
        yield before, plain(text[before : digits.end() + _BEHIND_DIGITS])


type Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], bool]]
"""What to look for near digits, and whether a match is one; its group `number`, where it has one, is what is found."""


def numbers(detector: str, text: str, *rules: Rule) -> Iterator[Found]:
    """What the rules find near digits, by position, none of which overlap."""
    done = 0
    for offset, window in near_digits(text):
        for start, end in sorted(span for rule in rules for span in _spans(window, *rule, cut=offset > 0)):
            if start + offset >= done:
                done = end + offset
                yield Found(detector, start + offset, done, text[start + offset : done])


def _spans(
    window: str, pattern: re.Pattern[str], fits: Callable[[re.Match[str]], bool], *, cut: bool
) -> Iterator[tuple[int, int]]:
    group: int | str = "number" if "number" in pattern.groupindex else 0
    for match in pattern.finditer(window):
        if not (cut and match.start() == 0) and fits(match):  # what stands before a window that was cut cannot be seen
            yield match.span(group)


_NEXT_WORD = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|[\W_]+")


@lru_cache(maxsize=4_096)
def field_words(key: str) -> str:
    """The words of a field's name, small, with `_` between them: `homePhone` and `home-phone` are `home_phone`; else empty."""
    return _NEXT_WORD.sub("_", key).lower() if len(key) <= 100 else ""


@immutable
class Visible:
    """A text without its invisible characters."""

    text: str
    _starts: tuple[int, ...]
    """Where its pieces begin, in `text`."""
    _shifts: tuple[int, ...]
    """How many characters were left out before each piece."""

    def place(self, position: int) -> int:
        """Where a character of `text` stands in the whole text."""
        return position + self._shifts[bisect_right(self._starts, position) - 1]


def visible(text: str) -> Visible | None:
    """The text without its invisible characters; None where it has none."""
    if text.isascii() or INVISIBLE.search(text) is None:
        return None
    pieces = [match.span() for match in _VISIBLE.finditer(text)]
    starts = (0, *accumulate(end - start for start, end in pieces))[: len(pieces)]
    shifts = tuple(start - begin for (start, _), begin in zip(pieces, starts, strict=True))
    return Visible("".join(text[start:end] for start, end in pieces), starts, shifts)


_VISIBLE = re.compile(f"[^{INVISIBLE.pattern[1:-1]}]+")


_ESCAPED = re.compile(
    r"\\(?:(?P<json>[nrtbf]|u(?!0040)[0-9a-fA-F]{4})|(?P<quote>\")|.)|(?P<url>%(?:0[9AaDd]|2[026-9CcFf]|3[A-Fa-f]|5[BbDd]|7[B-Db-d]))",
    re.DOTALL,
)
"""As JSON and URLs spell characters that part words; but not the signs that a detector reads: @ and +."""


def without_escapes(text: str) -> str:
    """The text with blanks where it spells line breaks, quotes and the like, of the same length: such letters part words."""
    return _ESCAPED.sub(_unescaped, text) if "\\" in text or "%" in text else text


def _unescaped(escape: re.Match[str]) -> str:
    if escape["quote"]:
        return ' "'
    return " " * len(escape[0]) if escape["json"] or escape["url"] else escape[0]


def placed(found: Found, text: str, shown: Visible | None) -> Found:
    """A finding of what was read as it stands in the text itself."""
    start, end = found.start, found.end
    if shown:
        start, end = shown.place(start), shown.place(end - 1) + 1
    return Found(found.detector, start, end, text[start:end], found.whole)
