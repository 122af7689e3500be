"""Words of an erasure: who is to be forgotten, what was found of them, and what holds it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from faas_toolkit.core.call import Workspace

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One thing that was found of a person, and what becomes of it."""

    place: Place
    item: str
    """Its id, or what kind of thing it is."""
    action: Action
    text: str
    """A sentence about it, without the person's own data."""
    count: int = 1


@dataclass(frozen=True, kw_only=True)
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
        folded = value.strip().casefold()
        exact = {text.casefold() for text in (self.given, *self.records, *self.emails, *self._own(self.names))}
        return folded in exact or any(re.fullmatch(_phone_pattern(phone), folded) for phone in _telling(self._own(self.phones)))

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the person in a way that means nobody else."""
        return self._pattern is not None and self._pattern.search(text) is not None

    def taken_out_of(self, text: str, *, linked: bool = False) -> str:
        """The text without the person; `linked`: it hangs on them, so that a shared name means them too."""
        pattern = self._pattern_of_all if linked else self._pattern
        return text if pattern is None else pattern.sub(ERASED, text)

    def _own(self, values: Iterable[str]) -> list[str]:
        return [value for value in values if value not in self.shared]

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


def _pattern(texts: Iterable[str], emails: Iterable[str], phones: Iterable[str]) -> re.Pattern[str] | None:
    """Finds texts whole, in any case, and phone numbers however they are grouped. Escaped literals: linear in the text."""
    parts = [rf"(?<![\w.+-]){re.escape(email.strip())}(?![\w-]|\.\w)" for email in dict.fromkeys(emails)]
    parts += [
        _text_pattern(text) for text in sorted({text.strip() for text in texts}, key=len, reverse=True) if _is_telling(text)
    ]
    parts += [_phone_pattern(phone) for phone in _telling(phones)]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _is_telling(text: str) -> bool:
    text = text.strip()
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
    digits, written = _digits(phone), phone.strip()
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
    return re.sub(r"\D", "", text)
