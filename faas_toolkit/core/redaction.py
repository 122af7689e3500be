"""What must not be shown: secrets of the configuration, and personal data in texts.

Two different things. A secret is removed wherever it appears, for everyone. Personal data is found by a detector and shown as
the caller's role says (`pipeline.review`) or masked in what is kept (`pipeline.audit`).
"""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import cast
from urllib.parse import quote, quote_plus

from faas_toolkit.core.detectors import AT_SIGN, DETECTORS, Found, find_emails, find_phones

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
    "renamed",
]

SECRET_MARK = "[secret]"  # noqa: S105 - what stands in a secret's place
_SHORTEST_SECRET = 6


class SecretRedactor:
    """Removes the values of the configuration's secrets from any text, also as JSON, URLs and base64 (Basic auth) spell them.

    In base64 a secret is found wherever it stands in the encoded text, but for the characters at its ends that it shares with
    its neighbours. What is encoded otherwise (hexadecimal, compressed, base64 twice or broken into lines) is not found.
    Values shorter than six characters are left: removing them would spoil ordinary text, and the catalog refuses such secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {form for value in secrets if len(value) >= _SHORTEST_SECRET for form in _spellings(value)}
        values = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, values))) if values else None

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        return self._pattern.sub(SECRET_MARK, text) if self._pattern else text

    def value[T](self, value: T) -> T:
        """The value with no secret in any text inside it, keys included; the same object where there are no secrets."""
        return cast("T", self._within(value)) if self._pattern else value

    def _within(self, value: object) -> object:
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            names = renamed(value, self)
            return {names[key]: self._within(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._within(inner) for inner in value]
        return value


def renamed(names: Iterable[object], rename: Callable[[str], str]) -> dict[object, object]:
    """The new name of each; those that become one, or become a name that stands already, are numbered, so that none is lost."""
    new = {name: rename(name) if isinstance(name, str) else name for name in names}
    taken = {name for name in new if new[name] == name}
    numbers: dict[object, int] = {}
    for name, base in new.items():
        if base == name:
            continue
        while (free := base if base not in numbers else f"{base} ({numbers[base]})") in taken:
            numbers[base] = numbers.get(base, 1) + 1
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
        *_, sign = AT_SIGN.finditer(found.text)  # a local part may hold an encoded one
        return f"{found.text[:1] if sign.start() > 2 else ''}***{found.text[sign.start() :]}"
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
