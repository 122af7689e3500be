"""What must not be shown: secrets of the configuration, and personal data in texts.

Two different things. A secret is removed wherever it appears, for everyone. Personal data is found by a detector and shown as
the caller's role says (`pipeline.review`) or masked in what is kept (`pipeline.audit`).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import cast
from urllib.parse import quote, quote_plus

from faas_toolkit.core.detectors import DETECTORS, Found, find_emails, find_phones

__all__ = [
    "DETECTORS",
    "SECRET_MARK",
    "Found",
    "SecretRedactor",
    "find_emails",
    "find_personal_data",
    "find_phones",
    "mask_partially",
    "mask_text",
]

SECRET_MARK = "[secret]"  # noqa: S105 - what stands in a secret's place
_SHORTEST_SECRET = 6


class SecretRedactor:
    """Removes the values of the configuration's secrets from any text, also as JSON and URLs spell them.

    Values shorter than six characters are left: removing them would spoil ordinary text, and the catalog refuses such secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {form for value in secrets if len(value) >= _SHORTEST_SECRET for form in _spellings(value)}
        self._values = sorted(spellings, key=len, reverse=True)
        self._firsts = frozenset(value[0] for value in self._values)
        self._pattern = re.compile("|".join(map(re.escape, self._values))) if self._values else None

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        return self._pattern.sub(SECRET_MARK, text) if self._pattern else text

    def value[T](self, value: T) -> T:
        """The value with no secret in any text inside it, keys included; the same object where there are no secrets."""
        return cast("T", self._within(value)) if self._pattern else value

    def pieces(self, pieces: Iterable[str]) -> Iterator[str]:
        """A text that comes in pieces, without any secret, also where two pieces share one; only its possible beginning waits."""
        waiting = ""
        for piece in pieces:
            waiting += piece
            cut = self._beginning(waiting)
            if cut:
                yield self(waiting[:cut])
                waiting = waiting[cut:]
        if waiting:
            yield self(waiting)

    def _beginning(self, text: str) -> int:
        """Where the last part begins that may turn out to be a secret, or belongs to one; the text's length where none may."""
        if self._pattern is None:
            return len(text)
        for start in range(max(0, len(text) - len(self._values[0]) + 1), len(text)):
            if text[start] in self._firsts and any(value.startswith(text[start:]) for value in self._values):
                torn = (found.start() for found in self._pattern.finditer(text) if found.start() < start < found.end())
                return next(torn, start)
        return len(text)

    def _within(self, value: object) -> object:
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {self._within(key): self._within(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._within(inner) for inner in value]
        return value


def _spellings(secret: str) -> tuple[str, ...]:
    plain = secret.encode("utf-8", "surrogatepass")
    return (
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(plain, safe=""),
        quote(plain),
        quote_plus(plain),
    )


def find_personal_data(text: str, detectors: Iterable[str], key: str = "") -> list[Found]:
    """All findings of the named detectors, by position; where two overlap, the earlier and longer one stands.

    Args:
        text: where to look.
        detectors: names of `DETECTORS`.
        key: the name of the field that holds the text, if it has one.
    """
    found = sorted((item for name in detectors for item in DETECTORS[name](text, key)), key=lambda item: (item.start, -item.end))
    kept: list[Found] = []
    for item in found:
        if not kept or item.start >= kept[-1].end:
            kept.append(item)
    return kept


def mask_partially(found: Found) -> str:
    """A form that still helps to recognise: `w***@example.com`, `+86 *** **** **78`."""
    if found.detector == "email":
        local, _, domain = found.text.partition("@")
        return f"{local[:1] if len(local) > 2 else ''}***@{domain}"
    digits = [position for position, character in enumerate(found.text) if character.isdigit()]
    shown = {*digits[-2:], *(digits[:2] if found.text.lstrip("(（").startswith(("+", "＋")) else ())}
    return "".join("*" if position in digits and position not in shown else c for position, c in enumerate(found.text))


def mask_text(text: str, detectors: Iterable[str]) -> str:
    """The text with all findings masked partially."""
    result, position = [], 0
    for found in find_personal_data(text, detectors):
        result += [text[position : found.start], mask_partially(found)]
        position = found.end
    return "".join(result) + text[position:]
