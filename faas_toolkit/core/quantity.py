"""Durations and amounts as people write them: `5s`, `10m`, `180d`, `100k`, `2M`."""

import math
import re
from decimal import Decimal

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_MILLION = 1_000_000
_LARGEST_AMOUNT = 10**15
_TOO_LARGE = "an amount is at most 1,000,000,000,000,000 (1000000G)"
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)", re.ASCII)
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)", re.ASCII)


def parse_duration(value: object, *, bare_unit: str = "s") -> float:
    """Seconds of a duration; a bare number counts in `bare_unit`. Raises ValueError that teaches."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("a duration is a number with a unit, e.g. 30s, 5m, 1h, 180d, 800ms")
    try:
        seconds = _parse_duration_text(value.strip(), bare_unit) if isinstance(value, str) else value * _SECONDS[bare_unit]
    except OverflowError:  # a whole number that no double holds
        seconds = math.inf
    if not 0 <= seconds < 10 * 366 * 86400:
        raise ValueError("a duration lies between 0 and ten years, e.g. 30s")
    return seconds


def _parse_duration_text(text: str, bare_unit: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a duration; write a number with ms, s, m, h or d, e.g. 30s")
    return float(match[1]) * _SECONDS[match[2] or bare_unit]


def parse_amount(value: object) -> int:
    """A whole positive amount such as 200, 100k or 2M. Raises ValueError that teaches."""
    amount = _number(value, "a whole number, e.g. 200, 100k or 2M")
    if amount > _LARGEST_AMOUNT:
        raise ValueError(_TOO_LARGE)
    if amount < 1 or amount % 1:
        raise ValueError(f"{str(value).strip()[:40]!r} is not a whole amount of at least 1, e.g. 200, 100k or 2M")
    return int(amount)


def parse_money(value: object) -> int:
    """Millionths of a currency's unit, of an amount such as 50, 0.5 or 2k. Raises ValueError that teaches."""
    millionths = _number(value, "a number of the currency's units, e.g. 50, 0.5 or 2k") * _MILLION
    if not 1 <= millionths <= _LARGEST_AMOUNT or millionths % 1:
        raise ValueError("an amount of money lies between 0.000001 and 1,000,000,000, e.g. 50, 0.5 or 2k")
    return int(millionths)


def _number(value: object, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"an amount is {what}")
    if isinstance(value, int) and abs(value) > _LARGEST_AMOUNT:  # Python refuses to print one of 5,000 digits
        raise ValueError(_TOO_LARGE)
    text = str(value).strip()
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not an amount; write {what}")
    return Decimal(match[1]) * _FACTORS[match[2]]  # not float: 1.1k is 1100, not 1100.0000000000002
