"""What must not be shown: secrets of the configuration, and personal data in texts.

Two different things. A secret is removed wherever it appears, for everyone. Personal data is found by a detector and shown as
the caller's role says (`pipeline.review`) or masked in what is kept (`pipeline.audit`).
"""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import cast
from urllib.parse import quote, quote_plus

from faas_toolkit.core.detectors.email import AT_SIGN
from faas_toolkit.core.detectors.table import DETECTORS, NUMERIC
from faas_toolkit.core.detectors.text import DIGITS_TOGETHER, INVISIBLE, Found, placed, visible, without_escapes
from faas_toolkit.core.offload import Pace, ignore, nothing

SECRET_MARK = "[secret]"  # noqa: S105 - what stands in a secret's place
_SHORTEST_SECRET = 6
_LONGEST_SECRET = 20_000
"""Characters; keys of accounts have 3,000. What is longer is a word list, which is no secret whole, and costs half a second."""
_VISIT = 8
"""What going to one text, or cutting one out, costs: in characters that a detector looks at (`core/offload.py`, Pace)."""
_SEARCHED_AT_ONCE = 128
"""How many characters are searched for one spelling while a detector looks at one."""


class SecretRedactor:
    """Removes the values of the configuration's secrets from any text, also as JSON, URLs and base64 (Basic auth) spell them.

    In base64 a secret is found wherever it stands in the encoded text, but for the characters at its ends that it shares with
    its neighbours. What is encoded otherwise (hexadecimal, compressed, base64 twice or broken into lines) is not found.

    Args:
        secrets: the values.
        give_way: lets other calls run, while a large value is looked through (`core.offload.Offload.give_way`).

    Values shorter than six characters are left: removing them would spoil ordinary text, and the catalog refuses such secrets.
    So are those above 20,000, which are word lists.
    """

    def __init__(self, secrets: Iterable[str], give_way: Callable[[], None] = nothing) -> None:
        spellings = {form for value in secrets if _SHORTEST_SECRET <= len(value) <= _LONGEST_SECRET for form in _spellings(value)}
        self._spellings = sorted(spellings, key=len, reverse=True)
        self._firsts = frozenset(spelling[0] for spelling in spellings)
        self._give_way = give_way

    def __bool__(self) -> bool:
        """Whether there is any secret to remove."""
        return bool(self._spellings)

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        return _without(self._spellings, text) if self._spellings else text

    def beginning(self, text: str, chars: int) -> str:
        """At most so many characters from the text's beginning, without any secret, and without the half of one at the cut."""
        longest = len(self._spellings[0]) if self._spellings else 0
        if len(text) <= chars:
            return self(text)[:chars]
        seen = self(text[: chars + longest])
        return seen[: max(0, min(chars, len(seen) - longest))]

    def value[T](self, value: T) -> T:
        """The value with no secret in any text inside it, keys included; the same object where none stands in it."""
        if not self._spellings:
            return value
        pace = Pace(self._give_way)
        text = "\n".join(texts_in(value, pace))
        found = []
        for spelling in self._spellings:  # fast, and an answer holds none but by mistake or malice
            if spelling in text:
                found.append(spelling)
            pace(len(text) // _SEARCHED_AT_ONCE)
        return cast("T", _within(value, found, pace)) if found else value

    def pieces(self, pieces: Iterable[str]) -> Iterator[str]:
        """A text that comes in pieces, without any secret, also where two pieces share one; only its possible beginning waits."""
        waiting = ""
        for piece in pieces:
            waiting += piece
            cut = self._possible_beginning(waiting)
            if cut:
                yield self(waiting[:cut])
                waiting = waiting[cut:]
        if waiting:
            yield self(waiting)

    def _possible_beginning(self, text: str) -> int:
        """Where the last part begins that may turn out to be a secret, or belongs to one; the text's length where none may."""
        longest = len(self._spellings[0]) if self._spellings else 0
        for start in range(max(0, len(text) - longest + 1), len(text)):
            if text[start] in self._firsts and any(spelling.startswith(text[start:]) for spelling in self._spellings):
                while (torn := self._torn(text, start)) < start:  # which one goes first is known when no secret reaches over
                    start = torn  # noqa: PLW2901 - the loop ends with it
                return start
        return len(text)

    def _torn(self, text: str, place: int) -> int:
        return min((at for spelling in self._spellings if 0 <= (at := _over(text, spelling, place)) < place), default=place)


def _over(text: str, spelling: str, place: int) -> int:
    """Where a whole spelling begins that begins before the place and ends behind it; -1 where there is none."""
    return text.find(spelling, max(0, place - len(spelling) + 1), place + len(spelling) - 1)


def _within(value: object, spellings: list[str], pace: Pace) -> object:
    pace(_VISIT)
    if isinstance(value, str):
        return _without(spellings, value, pace)
    if isinstance(value, Mapping):
        names = renamed(value, lambda name: _without(spellings, name, pace), pace)
        return {names[key]: _within(inner, spellings, pace) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_within(inner, spellings, pace) for inner in value]
    return value


def _without(spellings: list[str], text: str, pace: Callable[[int], None] = ignore) -> str:
    """What stands between the spellings, the longest of which come first; a mark is not looked through again."""
    pieces = [text]
    for spelling in spellings:
        if spelling in text:
            pieces = [part for piece in pieces for part in piece.split(spelling)]
            pace(len(pieces) * _VISIT)
    return SECRET_MARK.join(pieces)


_TEXTLESS = (type(None), int, float)


def texts_in(value: object, pace: Callable[[int], None] = ignore, *, keys: bool = True) -> Iterator[str]:
    """Every text inside a value, those that are keys of mappings included unless it is said otherwise; `pace` as in `renamed`."""
    pending = [value]
    while pending:
        item = pending.pop()
        if pace is not ignore:
            pace(_VISIT)
        if isinstance(item, str):
            yield item
        elif isinstance(item, _TEXTLESS):  # asked before a mapping, which takes longer to tell
            continue
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
        elif isinstance(item, Mapping):
            if keys:
                pending.extend(item)
            pending.extend(item.values())


def renamed(names: Iterable[object], rename: Callable[[str], str], pace: Callable[[int], None] = ignore) -> dict[object, object]:
    """The new name of each; those that become one, or become a name that stands already, are numbered, so that none is lost.

    Args:
        names: the keys of a mapping.
        rename: the name without what is hidden.
        pace: is told of the work (`core.offload.Pace`).
    """
    new = {name: rename(name) if isinstance(name, str) else name for name in names}
    taken = {name for name in new if new[name] == name}
    numbers: dict[object, int] = {}
    for name, base in new.items():
        pace(_VISIT)
        if base == name:
            continue
        while (free := base if base not in numbers else f"{base} ({numbers[base]})") in taken:
            numbers[base] = numbers.get(base, 1) + 1
            pace(_VISIT)
        taken.add(free)
        new[name] = free
    return new


def _spellings(secret: str) -> tuple[str, ...]:
    plain = secret.encode("utf-8", "surrogatepass")
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(plain, safe=""),
        quote(plain),
        quote_plus(plain),
        *_base64_spellings(plain),
    )


def _base64_spellings(secret: bytes) -> Iterator[str]:
    """How the secret looks inside a longer text, which may begin 0, 1 or 2 bytes before a group of three (RFC 4648 §4)."""
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(secret)) * 8 // 6
        for encode in (b64encode, urlsafe_b64encode):
            spelling = encode(bytes(before) + secret)[shared:whole].decode()
            yield spelling
            yield quote(spelling, safe="")


def find_personal_data(
    text: str,
    detectors: Iterable[str],
    key: str = "",
    *,
    pace: Callable[[int], None] = ignore,
    known: Iterable[Found] = (),
) -> list[Found]:
    """All findings of the named detectors, by position, none of which overlap.

    Of two in one place the longer one stands, of two equally long ones the surer one (`DETECTORS`). Two of which each reaches
    beyond the other become one, which is not `whole`. A password inside what looks like an address stands, and not the address.

    Args:
        text: where to look; as if characters that nobody sees were not in it.
        detectors: names of `DETECTORS`.
        key: the name of the field that holds the text, if it has one.
        pace: is told of the work after each detector (`core.offload.Pace`).
        known: findings that need no detector.
    """
    shown = visible(text)
    wanted = frozenset(detectors)
    found: list[Found] = []
    readable = without_escapes(shown.text if shown else text)
    digits = DIGITS_TOGETHER.search(readable) is not None
    for name, find in DETECTORS.items():
        if name in wanted and (digits or name not in NUMERIC):
            found += find(readable, key)
            pace(len(text))
    if shown or readable != text:
        found = [placed(item, text, shown) for item in found]
    found += known
    return _apart(found) if len(found) > 1 else found


def _apart(found: list[Found]) -> list[Found]:
    kept: list[Found] = []
    for item in sorted(found, key=lambda item: (item.start, -item.end)):  # stable: the surer ones stay before the others
        last = kept[-1] if kept else None
        if last is None or item.start >= last.end:
            kept.append(item)
        elif item.end > last.end:
            surer = min(last, item, key=lambda each: _RANKS[each.detector])
            text = last.text + item.text[last.end - item.start :]
            kept[-1] = Found(surer.detector, last.start, item.end, text, whole=False)
        elif item.detector == "secret" and last.detector == "email" and last.whole:
            kept[-1] = item
    return kept


_RANKS = {name: rank for rank, name in enumerate(DETECTORS)}
_LAST_SHOWN = {"phone": 2, "jp_my_number": 2}
"""How many characters at the end of a number are shown in part; four of those that are not named."""


def mask_partially(found: Found) -> str:
    """A form that still helps to recognise: `w***@example.com`, `+86 *** **** **78`, `**** **** **** 1111`; no secret."""
    if found.detector == "secret" or not found.whole:
        return "***"
    text = INVISIBLE.sub("", found.text)
    if found.detector == "email":
        *_, sign = AT_SIGN.finditer(text)  # a local part may hold an encoded one
        return f"{text[:1] if sign.start() > 2 else ''}***{text[sign.start() :]}"
    written = [position for position, character in enumerate(text) if character.isalnum()]
    country = found.detector == "iban" or (found.detector == "phone" and text.lstrip("(（").startswith(("+", "＋")))
    hidden = {*written[2 if country else 0 : -_LAST_SHOWN.get(found.detector, 4)]}
    return "".join("*" if position in hidden else character for position, character in enumerate(text))


def mask_note(note: str, detectors: tuple[str, ...]) -> str:
    """As `mask_text`, and a short one is remembered: most calls are decided in the same words as the one before."""
    return _mask_remembered(note, detectors) if len(note) <= _LONGEST_REMEMBERED else mask_text(note, detectors)


def mask_text(text: str, detectors: Iterable[str]) -> str:
    """The text with all findings masked partially."""
    result, position = [], 0
    for found in find_personal_data(text, detectors):
        result += [text[position : found.start], mask_partially(found)]
        position = found.end
    return "".join(result) + text[position:]


_LONGEST_REMEMBERED = 600
_mask_remembered = lru_cache(maxsize=2_048)(mask_text)
