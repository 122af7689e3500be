"""Whether an answer holds facts, and whose: the check behind the demo's exit code."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NUMBER = re.compile(r"(?<![\w:.-])\d[\d,   ]*(?:\.\d+)?(?:\s?(?:million|m|k)\b)?", re.IGNORECASE)
_SCALES = {"k": 1e3, "m": 1e6, "million": 1e6}
_TOLERANCE = 0.005
"""A model may round; half a per cent apart is the same number."""
_SHORTEST_NAME = 4
_SMALLEST_WHOLE = 10


@dataclass(frozen=True, slots=True)
class Fact:
    """One value of a tool's answer that the text repeats."""

    path: str
    """Where it stood, e.g. `records[0].deals[2].amount`."""
    value: str | float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact of the answer came from."""

    fact: Fact
    tool: str
    source: str


def facts_in(answer: str, data: object, known: str = "") -> list[Fact]:
    """The values of `data` that stand in the answer.

    Args:
        answer: the text.
        data: JSON-able, e.g. the variables of a tool.
        known: what was known before, such as the question: a value that stands there too proves nothing.
    """
    said, given = numbers_in(answer), numbers_in(known)
    found = []
    for path, value in _values(data, ""):
        if isinstance(value, str):
            if len(value) >= _SHORTEST_NAME and value in answer and value not in known:
                found.append(Fact(path, value))
        elif _same(value, said) and not _same(value, given):
            found.append(Fact(path, value))
    return found


def facts_of_text(answer: str, text: str, known: str = "") -> list[Fact]:
    """The numbers that the answer shares with a text, for a reader who saw no more than the text."""
    return facts_in(answer, {"text": sorted(set(numbers_in(text)))}, known)


def numbers_in(text: str) -> list[float]:
    """The numbers of a text; `1,234.5`, `1 234.5`, `1.2 million` and `40k` are understood, and what stands in an id is none."""
    return [number for match in _NUMBER.finditer(text) if (number := _number(match.group())) is not None]


def _number(written: str) -> float | None:
    word = re.sub(r"[^a-z]", "", written.lower())
    digits = re.sub(r"[^\d.]", "", written)
    try:
        return float(digits) * _SCALES.get(word, 1)
    except ValueError:
        return None


def _same(value: float, numbers: Iterable[float]) -> bool:
    """Also as a percentage: a score of 0.36 may be written as 36 %. Small whole numbers prove nothing."""
    if float(value).is_integer() and abs(value) < _SMALLEST_WHOLE:
        return False
    forms = (value, value * 100) if 0 < value < 1 else (value,)
    return any(math.isclose(form, number, rel_tol=_TOLERANCE) for form in forms for number in numbers)


def _values(data: Any, path: str) -> Iterator[tuple[str, str | float]]:  # noqa: ANN401 - JSON
    if isinstance(data, Mapping):
        for name, value in data.items():
            yield from _values(value, f"{path}.{name}" if path else str(name))
    elif isinstance(data, (list, tuple)):
        for index, value in enumerate(data):
            yield from _values(value, f"{path}[{index}]")
    elif isinstance(data, str) or (isinstance(data, (int, float)) and not isinstance(data, bool)):
        yield path, data
