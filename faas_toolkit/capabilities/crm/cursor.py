"""Where the next page begins: sealed, so that it fits one question of one workspace and nothing else."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping

from faas_toolkit.core.canonical import canonical_json, digest
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable

_SEAL_BYTES = 12
"""96 bits: nobody guesses one, and a model has to repeat it."""


@immutable
class Position:
    """How much of each source was already given, and what the sources' change counters were."""

    offsets: Mapping[str, int]
    versions: Mapping[str, str]


def seal(position: Position, question: object, key: bytes) -> str:
    """An opaque text that `open_cursor` takes back for the same question."""
    body = canonical_json([position.offsets, position.versions]).encode()
    return base64.urlsafe_b64encode(_seal(body, question, key) + body).decode().rstrip("=")


def open_cursor(cursor: str, question: object, key: bytes) -> Position:
    """The position.

    Raises:
        InvalidInput: it was changed, or it belongs to another question.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    body = raw[_SEAL_BYTES:]
    if not body or not hmac.compare_digest(raw[:_SEAL_BYTES], _seal(body, question, key)):
        raise InvalidInput(
            "This cursor does not belong to this question.",
            hint="Repeat the call that gave it with the same query, entity, filters and sources and its next_cursor unchanged,"
            " or leave cursor out to begin at the first page.",
        )
    offsets, versions = json.loads(body)
    return Position(offsets, versions)


def _seal(body: bytes, question: object, key: bytes) -> bytes:
    return hmac.digest(key, b"crm cursor\0" + digest(question).encode() + body, "sha256")[:_SEAL_BYTES]
