"""How much a catalog's text may hold, and which scalars it may say."""

import math

MAX_CHARS = 1_000_000
MAX_VALUES = 30_000
"""Keys and values in all, those behind aliases counted each time."""
MAX_DEPTH = 40


def integer(text: str) -> int:
    """A whole number; raises ValueError above 30 digits, which no limit or amount needs."""
    if len(text) > 30:
        raise ValueError("too long")
    return int(text)


def finite(text: str) -> float:
    """A number that JSON can say; raises ValueError for infinities and what is none."""
    number = float(text) if text[-1:].isdigit() or text.endswith(".") else math.inf
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def lone_surrogate(text: str) -> int:
    """The position of the first half of a character, or -1."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return -1
