"""One spelling of a value, so that equal values have equal hashes."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from uuid import UUID

from faas_toolkit.core.upload import Upload


def canonical_json(value: object) -> str:
    """Compact JSON with sorted keys.

    Raises:
        ValueError: it holds NaN or an infinity.
        TypeError: it holds what has no spelling of its own; an object's address would make equal values differ.
    """
    return _ENCODER.encode(value)


def digest(value: object) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON; lone surrogates are kept apart, not refused."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def beginning_of_json(value: object, characters: int) -> str:
    """The value as JSON that people read, in full where it has no more characters than that, else at least so many of them.

    What stands behind is not even written: it may be a megabyte.
    """
    pieces, length = [], 0
    for piece in _READABLE.iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > characters:
            break
    return "".join(pieces)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Upload):
        return value.described()
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=canonical_json)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no canonical spelling")


_READABLE = json.JSONEncoder(ensure_ascii=False)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)
"""Made once: `json.dumps` makes one for each call that asks for anything but its defaults."""
