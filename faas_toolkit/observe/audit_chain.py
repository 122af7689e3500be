"""How audit rows hang together: each holds the hash of the one before it, per workspace and writing process."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from faas_toolkit.core.canonical import canonical_json

COLUMNS = ("workspace", "writer", "sequence", "time", "operation", "subject", "outcome", "previous_hash")
"""What a row's content and its table both hold."""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain stands."""

    sequence: int = 0
    hash: str = ""


def seal(row: Mapping[str, object], head: Head) -> tuple[dict[str, object], Head]:
    """The table's row that follows the head, and the new head. Raises ValueError where the row holds NaN or an infinity."""
    linked = {**row, "sequence": head.sequence + 1, "previous_hash": head.hash}
    # A lone surrogate becomes its escape, which is the same JSON and can be stored everywhere.
    encoded = canonical_json(linked).encode("utf-8", "backslashreplace")
    new = Head(head.sequence + 1, hashlib.sha256(encoded).hexdigest())
    return {**{name: storable(linked[name]) for name in COLUMNS}, "content": encoded.decode(), "hash": new.hash}, new


def hash_of(content: str) -> str:
    """SHA-256 of a row's content, hexadecimal; the content includes the hash before it."""
    return hashlib.sha256(content.encode()).hexdigest()


def storable(value: object) -> object:
    """A value as its column takes it: texts of at most 255 characters, without null characters and halves of characters."""
    if isinstance(value, str):
        if len(value) <= 255 and value.isascii() and "\0" not in value:
            return value
        return value[:255].replace("\0", "").encode("utf-8", "replace").decode()
    return value
