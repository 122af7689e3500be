"""Words of an erasure: who is to be forgotten, what was found of them, and what holds it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal, Protocol

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.detectors.text import DIGITS_TOGETHER, INVISIBLE, plain
from faas_toolkit.core.immutable import immutable

ERASED = "[erased]"
"""What stands in a text where somebody was named."""

_SHORTEST_NAME = 4
"""Characters; a shorter one would be found inside of anything, unless it is written in characters that are whole syllables."""
_SHORTEST_PHONE = 7
_LONG_PHONE = 9
"""Digits that no two numbers of different areas are likely to share."""
_BETWEEN = r"[\s().\-/]{0,3}"

Place = Literal["crm", "knowledge", "audit", "cache", "outcomes", "elsewhere"]
Action = Literal["delete", "anonymise", "destroy key", "keep"]
"""`keep`: it is told, and somebody has to look."""


@immutable(kw_only=True)
class Trace:
    """One thing that was found of a person, and what becomes of it."""

    place: Place
    item: str
    """Its id, or what kind of thing it is."""
    action: Action
    text: str
    """A sentence about it, without the person's own data."""
    count: int = 1


@immutable(kw_only=True, slots=False)
class Person:
    """Whom an erasure is about: everything by which they can be recognised.

    `shared` are names and numbers that somebody else has too. They mean the person only where a record already hangs on them.
    """

    given: str
    """As the caller named them; looked for as a whole value only, since it may be any word."""
    records: tuple[str, ...] = ()
    """Ids of their records, e.g. `person:42`."""
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()

    def is_meant_by(self, value: str) -> bool:
        """Whether a whole value (an owner, a subject, a piece of metadata) is this person."""
        whole = folded(value).strip()
        exact = {folded(text) for text in (self.given, *self.records, *self.emails, *self._own(self.names))}
        return whole in exact or any(re.fullmatch(_phone_pattern(phone), whole) for phone in _telling(self._own(self.phones)))

    def is_shared(self, value: str) -> bool:
        """Whether a name or number is one of those that somebody else has too, however it is written."""
        whole = folded(value).strip()
        phones = map(_phone_pattern, _telling(self.shared))
        return whole in {folded(text) for text in self.shared} or any(re.fullmatch(phone, whole) for phone in phones)

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the person in a way that means nobody else."""
        plainly = folded(text)
        return self._pattern is not None and self._may_stand_in(plainly) and self._pattern.search(plainly) is not None

    def taken_out_of(self, text: str, *, linked: bool = False) -> str:
        """The text without the person; `linked`: it hangs on them, so that a shared name means them too."""
        pattern = self._pattern_of_all if linked else self._pattern
        if pattern is None or not pattern.search(folded(text)):
            return text
        pieces, end = [], 0
        for start, stop in _places(pattern, text):
            pieces += [text[end:start], ERASED]
            end = stop
        return "".join(pieces) + text[end:]

    def _own(self, values: Iterable[str]) -> list[str]:
        return [value for value in values if value not in self.shared]

    def _may_stand_in(self, plainly: str) -> bool:
        """A quick look, since most texts name nobody: the longest word of a name or address, or digits enough for a number."""
        return any(hint in plainly for hint in self._hints) or (
            bool(self.phones) and DIGITS_TOGETHER.search(plainly.replace("\n", " ")) is not None
        )

    @cached_property
    def _hints(self) -> frozenset[str]:
        texts = (*self.records, *self.emails, *self.names)
        return frozenset(max(words, key=len) for text in texts if (words := folded(text).split()))

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        return _pattern((*self.records, *self._own(self.names)), self.emails, self._own(self.phones))

    @cached_property
    def _pattern_of_all(self) -> re.Pattern[str] | None:
        return _pattern((*self.records, *self.names), self.emails, self.phones)


class Holding(Protocol):
    """A part of the plugin that may hold something of a person."""

    def forget(self, workspace: Workspace, person: Person, *, confirmed: bool) -> list[Trace]:
        """What it holds, and, where `confirmed`, holds no more. Raises `Unavailable`."""
        ...


class Register(Protocol):
    """Knows people by what they are called."""

    def person(self, workspace: Workspace, given: str) -> Person:
        """The person that an id, an e-mail address or a phone number means; also one that it has no record of.

        Raises:
            InvalidInput: several people may be meant.
            Unavailable: the store does not answer.
        """
        ...


def folded(text: str) -> str:
    """The text in a form in which equal names are equal: composed, narrow, small, with ASCII dashes, nothing invisible."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", plain(INVISIBLE.sub("", text))).casefold()


def _places(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where the pattern is found in the folded text, as places in the text itself."""
    pieces, places = [], []
    for start, end in _characters(text):
        piece = folded(text[start:end])
        pieces.append(piece)
        places += [(start, end)] * len(piece)
    for match in pattern.finditer("".join(pieces)):
        yield places[match.start()][0], places[match.end() - 1][1]


def _characters(text: str) -> Iterator[tuple[int, int]]:
    """Each character with what joins it: accents, vowels and ends of a Hangul syllable, and what is invisible."""
    start = 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not _joins(text[end]):
            yield start, end
            start = end


def _joins(character: str) -> bool:
    if character.isascii():
        return False
    composed = unicodedata.normalize("NFKC", character)
    return bool(unicodedata.combining(composed[0]) or "\u1161" <= composed <= "\u11ff" or INVISIBLE.match(character))


def _pattern(texts: Iterable[str], emails: Iterable[str], phones: Iterable[str]) -> re.Pattern[str] | None:
    """Finds texts whole in a folded text, and phone numbers however they are grouped. Escaped literals: linear in the text."""
    addresses, names = (sorted({folded(each).strip() for each in values}, key=len, reverse=True) for values in (emails, texts))
    parts = [rf"(?<![\w.+-]){re.escape(address)}(?![\w-]|\.\w)" for address in addresses]
    parts += [_text_pattern(name) for name in names if _is_telling(name)]
    parts += [_phone_pattern(phone) for phone in _telling(phones)]
    return re.compile("|".join(parts)) if parts else None


def _is_telling(text: str) -> bool:
    return len(text) >= _SHORTEST_NAME or (len(text) > 1 and not text.isascii())


def _text_pattern(text: str) -> str:
    """Not within a longer word, and not a part of a double name."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    before = r"(?<!\w)(?<!\w-)" if text[0].isascii() else ""
    after = r"(?!\w|-\w)" if text[-1].isascii() else ""
    return f"{before}{words}{after}"


def _telling(phones: Iterable[str]) -> list[str]:
    return [phone for phone in phones if len(_digits(phone)) >= _SHORTEST_PHONE]


def _phone_pattern(phone: str) -> str:
    """The number with or without its country code and the zero before an area code: codes have 1 to 3 digits (ITU-T E.164)."""
    digits, written = _digits(phone), plain(phone).strip()
    if written.startswith(("+", "00")):
        digits = digits.removeprefix("00")
        forms = [(rf"(?:\+|00)?{_grouped(digits[:length])}", digits[length:]) for length in (1, 2, 3)]
    else:
        forms = [(r"(?:\+|00)\d{1,3}", digits.lstrip("0"))]
    found = "|".join(_number(code, rest) for code, rest in forms if len(rest) >= _SHORTEST_PHONE)
    return rf"(?<!\d)(?:{found or _grouped(digits)})(?!\d)"


def _number(code: str, rest: str) -> str:
    """A short one may be the end of another number, with an area code before it."""
    alone = r"(?<!\d[\s().\-/])" if len(rest) < _LONG_PHONE else ""
    return rf"{alone}(?:{code}{_BETWEEN})?(?:(?:\(0\)|0){_BETWEEN})?{_grouped(rest)}"


def _grouped(digits: str) -> str:
    return _BETWEEN.join(digits)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", plain(text))
