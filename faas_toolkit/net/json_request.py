"""The form in which JSON is sent to a target of the catalog: a POST with its credentials and, where it asks, a signature."""

import secrets
from collections.abc import Mapping

import httpx

from faas_toolkit.core.clock import Now
from faas_toolkit.net.authorization import authorization
from faas_toolkit.net.config import Auth

_NO_MORE: Mapping[str, str] = {}


def json_request(
    url: str, body: bytes, *, auth: Auth | None, now: Now, message_id: str = "", headers: Mapping[str, str] = _NO_MORE
) -> httpx.Request:
    """The request, to be sent once: a signature holds for the moment it was made.

    Args:
        url: where to.
        body: JSON as it is sent.
        auth: how the target knows us; None: not at all.
        now: epoch seconds.
        message_id: the same on every attempt, so that a receiver can drop what it has seen; empty: a new one.
        headers: beside, or instead of, the usual ones.
    """
    proof = authorization(auth, body=body, message_id=message_id or secrets.token_hex(16), timestamp=int(now()))
    usual = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "faas-toolkit"}
    return httpx.Request("POST", url, headers={**usual, **headers, **proof}, content=body)
