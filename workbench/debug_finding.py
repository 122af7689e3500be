"""One thing that the preflight looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and, where it is wrong, what would be right, with an example."""

    check: str
    status: Literal["ok", "wrong", "skipped"]
    text: str
    right: str = ""


def shown(key: str) -> str:
    """Enough of a key to recognise it, and never all of it."""
    return f"{key[:4].strip()}… ({len(key)} characters)" if len(key) >= 12 else f"a key of {len(key)} characters"
