"""When a vendor says one may come again.

`retry-after-ms`, `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), `x-ratelimit-reset`, and `x-ratelimit-reset-requests`,
`-tokens` and their like, written as OpenAI and those who speak like it do: `1s`, `6m0s`, `120ms`.
"""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

LONGEST_SECONDS = 366 * 86_400.0
"""Nothing that a vendor says is shortened but what nobody means."""

_SINCE_1970 = 1e9
"""A number of seconds from here on is a date: some count from 1970, some from now."""
_RESET, _REMAINING = "x-ratelimit-reset-", "x-ratelimit-remaining-"
_SPAN = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,12}(?:\.\d{1,9})?)ms)?", re.ASCII)


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `now` (epoch), from 0 to a year; None where nothing usable is said.

    Of several resets the longest counts, among those of which nothing remains (or of which nobody says what remains).
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _bounded(milliseconds / 1_000)
    said = headers.get("retry-after")
    seconds = _number(said)
    if seconds is not None:
        return _from_now(seconds, now)
    if said:
        try:
            return _bounded(parsedate_to_datetime(said).timestamp() - now)
        except (ValueError, OverflowError):  # a zone that is days away
            return None
    reset = _number(headers.get("x-ratelimit-reset"))
    resets = [reset] if reset is not None else _spent_resets(headers)
    return max((_from_now(each, now) for each in resets), default=None)


def _spent_resets(headers: Mapping[str, str]) -> list[float]:
    named = {name.lower(): value for name, value in headers.items()}
    spent = (
        _span(value)
        for name, value in named.items()
        if name.startswith(_RESET) and not _number(named.get(_REMAINING + name.removeprefix(_RESET)))
    )
    return [span for span in spent if span is not None]


def _span(text: str) -> float | None:
    """Seconds of `6m0s`, `120ms`, `7.66s` or a bare number."""
    match = _SPAN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return _number(text)
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    return hours * 3_600 + minutes * 60 + seconds + milliseconds / 1_000


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is None or 0 <= value < 1e12 else None


def _from_now(seconds: float, now: float) -> float:
    return _bounded(seconds - now if seconds > _SINCE_1970 else seconds)


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_SECONDS)
