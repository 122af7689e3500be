"""When a vendor says one may come again: `retry-after-ms`, `Retry-After` in seconds or as a date, `x-ratelimit-reset`."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 3_600.0


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `now` (epoch), between 0 and an hour; None where nothing usable is said (RFC 9110 §10.2.3)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1_000)
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None:
        return _bounded(seconds)
    if said:
        try:
            return _bounded(parsedate_to_datetime(said).timestamp() - now)
        except (ValueError, OverflowError):  # a zone that is days away
            return None
    reset = _number(headers.get("x-ratelimit-reset"))
    if reset is None:
        return None
    return _bounded(reset - now if reset > 1e9 else reset)  # some count from 1970, some from now


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is None or 0 <= value < 1e12 else None


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_SECONDS)
