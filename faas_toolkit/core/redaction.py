"""What must not be shown: secrets of the configuration, and personal data in texts.

Two different things. A secret is removed wherever it appears, for everyone. Personal data is found by a detector and shown as
the caller's role says (`pipeline.review`) or masked in what is kept (`pipeline.audit`).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

SECRET_MARK = "[secret]"  # noqa: S105 - what stands in a secret's place
_SHORTEST_SECRET = 6

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
PHONE = re.compile(r"(?<![\w./:#-])(?:\+\d{1,3}[\s.-]?)?(?:\(\d{1,4}\)[\s.-]?)?\d{2,5}(?:[\s.-]?\d{2,5}){1,4}(?![\w/:#-])")
_DATE = re.compile(r"(?:19|20)\d\d[-./\s]\d\d?[-./\s]\d\d?")


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data in a text."""

    detector: str
    start: int
    end: int
    text: str


class SecretRedactor:
    """Removes the values of the configuration's secrets from any text.

    Values shorter than six characters are left: removing them would spoil ordinary text, and the catalog refuses such secrets.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = sorted({value for value in secrets if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, values))) if values else None

    def __call__(self, text: str) -> str:
        """The text without any secret."""
        return self._pattern.sub(SECRET_MARK, text) if self._pattern else text


def find_emails(text: str) -> Iterator[Found]:
    """E-mail addresses, in any script."""
    if "@" in text:
        for match in EMAIL.finditer(text):
            yield Found("email", match.start(), match.end(), match[0])


def find_phones(text: str) -> Iterator[Found]:
    """Phone numbers of 8 to 15 digits (E.164's bound), written with the usual separators; dates and plain numbers are not taken.

    A number without any separator counts only with a leading plus or as a Chinese mobile number (11 digits from 13 to 19).
    """
    for match in PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if 8 <= len(digits) <= 15 and not _DATE.match(match[0]) and _written_as_phone(match[0], digits):
            yield Found("phone", match.start(), match.end(), match[0])


def _written_as_phone(text: str, digits: str) -> bool:
    if text.startswith("+"):
        return True
    if text == digits:
        return len(digits) == 11 and digits[0] == "1" and digits[1] in "3456789"
    return "." not in text or text.count(".") >= 2


DETECTORS: Mapping[str, Callable[[str], Iterator[Found]]] = {"email": find_emails, "phone": find_phones}
"""The detectors by the name that the catalog uses."""


def find_personal_data(text: str, detectors: Iterable[str]) -> list[Found]:
    """All findings of the named detectors, by position; where two overlap, the earlier and longer one stands."""
    found = sorted((item for name in detectors for item in DETECTORS[name](text)), key=lambda item: (item.start, -item.end))
    kept: list[Found] = []
    for item in found:
        if not kept or item.start >= kept[-1].end:
            kept.append(item)
    return kept


def mask_partially(found: Found) -> str:
    """A form that still helps to recognise: `w***@example.com`, `+86 *** **34`."""
    if found.detector == "email":
        local, _, domain = found.text.partition("@")
        return f"{local[:1]}***@{domain}"
    total = sum(c.isdigit() for c in found.text)
    seen = 0
    shown = []
    for character in found.text:
        if character.isdigit():
            seen += 1
            shown.append(character if seen > total - 2 or (found.text.startswith("+") and seen <= 2) else "*")
        else:
            shown.append(character)
    return "".join(shown)


def mask_text(text: str, detectors: Iterable[str]) -> str:
    """The text with all findings masked partially."""
    result, position = [], 0
    for found in find_personal_data(text, detectors):
        result += [text[position : found.start], mask_partially(found)]
        position = found.end
    return "".join(result) + text[position:]
