"""Moments as people write them: a date, a date with a time, or how long ago."""

import re
from datetime import UTC, datetime, timedelta

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.quantity import parse_duration
from faas_toolkit.core.untrusted import printable

_AGO = re.compile(r"\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(text: str, name: str, now: float, *, whole_day: bool = False) -> float:
    """Epoch seconds of a moment; without a zone it is meant in UTC.

    Args:
        text: `24h` (ago), `2026-11-26`, `2026-11-26T08:00:00+08:00`.
        name: of the parameter.
        now: epoch seconds.
        whole_day: a date means the end of that day, not its beginning.

    Raises:
        InvalidInput: it is none of these.
    """
    text = text.strip()
    try:
        if _AGO.fullmatch(text):
            return now - parse_duration(text)
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        seconds = (at - _EPOCH) / timedelta(seconds=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{name} must be a date, a time or how long ago, got {printable(text)!r}.",
            hint=f"Examples: {name}=24h, {name}=2026-11-26, {name}=2026-11-26T08:00:00+08:00.",
        ) from error
    return seconds + 86_400.0 if whole_day and _DAY.fullmatch(text) else seconds


def as_time(seconds: object) -> str:
    """A moment in UTC to the second, e.g. `2026-11-26T08:00:00Z`; what is no moment as it is."""
    if not isinstance(seconds, (int, float)):
        return str(seconds)
    try:
        return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return str(seconds)
