"""The headers by which a target of the catalog knows us."""

import base64

from faas_toolkit.net.config import Auth
from faas_toolkit.net.signing import standard_webhooks


def authorization(auth: Auth | None, *, body: bytes, message_id: str, timestamp: int) -> dict[str, str]:
    """The credentials of `auth`, and a signature of the body where it asks for one.

    Args:
        auth: the target's section; None: it knows nobody.
        body: what is sent.
        message_id: the same on every attempt, so that a receiver can drop what it has seen.
        timestamp: epoch seconds.
    """
    headers = credentials(auth)
    if auth is not None and auth.standard_webhook is not None:
        secret = auth.standard_webhook.get_secret_value()
        headers |= standard_webhooks.sign(secret, message_id=message_id, timestamp=timestamp, body=body)
    return headers


def credentials(auth: Auth | None) -> dict[str, str]:
    """The part of it that is the same for every request."""
    if auth is None:
        return {}
    headers: dict[str, str] = {}
    if auth.bearer is not None:
        headers["Authorization"] = f"Bearer {auth.bearer.get_secret_value()}"
    if auth.basic is not None:
        pair = f"{auth.basic.username}:{auth.basic.password.get_secret_value()}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    if auth.header is not None:
        headers[auth.header.name] = auth.header.value.get_secret_value()
    return headers
