"""One spelling of a value, so that equal values have equal hashes."""

import hashlib
import json


def canonical_json(value: object) -> str:
    """Compact JSON with sorted keys; NaN and infinities are refused (`ValueError`)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def digest(value: object) -> str:
    """SHA-256 (hexadecimal) of the canonical JSON; lone surrogates are kept apart, not refused."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
