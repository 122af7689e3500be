"""Standard Webhooks signatures (github.com/standard-webhooks/standard-webhooks, spec 1.0, symmetric scheme `v1`)."""

import base64
import binascii
import hashlib
import hmac

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a key; the specification's bounds."""


def signing_key(secret: str) -> bytes:
    """The key in a secret written as `whsec_` and base64.

    Raises:
        ValueError: it is not base64, or not 24 to 64 bytes long. The text does not repeat the secret.
    """
    encoded = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a webhook secret is whsec_ and base64, as the receiver shows it") from None
    if not _SHORTEST <= len(key) <= _LONGEST:
        raise ValueError(f"a webhook secret holds {_SHORTEST} to {_LONGEST} bytes in base64; this one holds {len(key)}")
    return key


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers that prove a message.

    Args:
        secret: `whsec_` and base64.
        message_id: the same on every attempt of one message; the receiver drops what it has seen.
        timestamp: epoch seconds of this attempt; receivers refuse more than five minutes of difference.
        body: exactly the bytes that are sent.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(signing_key(secret), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{signature}"}
