"""How audit rows hang together: each holds the hash of the one before it, per workspace and writing process, and a proof.

The hash (SHA-256) links rows and can be checked by anyone. The proof is an HMAC-SHA256 under the workspace's key, so nobody
without that key can write a row, or a whole chain, that passes for one of ours. Decision 0015 says why both.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.immutable import immutable
from faas_toolkit.state.cipher import Cipher

COLUMNS = ("workspace", "writer", "sequence", "time", "operation", "subject", "outcome", "previous_hash")
"""What a row's content and its table both hold."""

PURPOSE = "audit"
"""Of the keys of rows, heads and spooled rows (`state/cipher.py`)."""

_PROOF_BEGINS = ',"proof":"'
_PROOF_ENDS = '"}'
_KEY_ID_CHARS = 8
_PROOF_CHARS = _KEY_ID_CHARS + 64

type Proof = Literal["proved", "other key", "forged"]


@immutable
class Head:
    """Where a chain stands."""

    sequence: int = 0
    hash: str = ""


NO_ROW = Head()
"""Before the first row."""


def seal(row: Mapping[str, object], head: Head, cipher: Cipher) -> tuple[dict[str, object], Head]:
    """The table's row that follows the head, and the new head.

    Raises:
        ValueError: the row holds NaN or an infinity.
        TypeError: it holds what JSON cannot say.
    """
    linked = {**row, "sequence": head.sequence + 1, "previous_hash": head.hash}
    # A lone surrogate becomes its escape, which is the same JSON and can be stored everywhere.
    body = canonical_json(linked).encode("utf-8", "backslashreplace").decode()
    content = f"{body[:-1]}{_PROOF_BEGINS}{key_id(cipher)}{_mac(body, cipher)}{_PROOF_ENDS}"
    new = Head(head.sequence + 1, hash_of(content))
    return table_row(linked, content, new.hash), new


def table_row(linked: Mapping[str, object], content: str, hashed: str) -> dict[str, object]:
    """The table's columns of a row that is already sealed."""
    return {**{name: storable(linked[name]) for name in COLUMNS}, "content": content, "hash": hashed}


def hash_of(content: str) -> str:
    """SHA-256 of a row's content, hexadecimal; the content includes the hash before it and the proof."""
    return hashlib.sha256(content.encode()).hexdigest()


def parsed(content: str) -> dict[str, Any] | None:
    """The row; None where somebody changed it so that it cannot be read, which a verification tells."""
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def proof_of(content: str, cipher: Cipher) -> Proof:
    """Whether the content was written by a holder of the workspace's key; `other key`: by a holder of another one, as it says."""
    start = len(content) - len(_PROOF_ENDS) - _PROOF_CHARS
    begins = start - len(_PROOF_BEGINS)
    if begins < 1 or content[begins:start] != _PROOF_BEGINS:
        return "forged"
    named, mac = content[start : start + _KEY_ID_CHARS], content[start + _KEY_ID_CHARS : -len(_PROOF_ENDS)]
    if named != key_id(cipher):
        return "other key"
    return "proved" if mac == _mac(content[:begins] + "}", cipher) else "forged"


@lru_cache(maxsize=256)
def key_id(cipher: Cipher) -> str:
    """Tells keys apart and says nothing about them."""
    return cipher.blind("key")[:_KEY_ID_CHARS]


def storable(value: object) -> object:
    """A value as its column takes it: texts of at most 255 characters, without null characters and halves of characters."""
    if isinstance(value, str):
        if len(value) <= 255 and value.isascii() and "\0" not in value:
            return value
        return value[:255].replace("\0", "").encode("utf-8", "replace").decode()
    return value


def _mac(body: str, cipher: Cipher) -> str:
    return cipher.blind(f"row\0{body}")
