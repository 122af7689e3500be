"""The lines between Dify's daemon and a plugin: one JSON document each, in the shapes of the SDK 0.10."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_LINE_BYTES = 5_242_880
"""A longer line makes the daemon's scanner fail: it kills the plugin, and every open caller waits for its 600 s."""


class RequestRefused(ValueError):
    """A request that Go's JSON cannot carry, so the daemon never gets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who stands behind a session, as far as Dify tells a plugin (dify-behaviour, 3)."""

    user_id: str = "00000000-0000-4000-8000-000000000001"
    app_id: str | None = None
    conversation_id: str | None = None
    message_id: str | None = None
    endpoint_id: str | None = None


def request_line(session_id: str, sender: Sender, data: Mapping[str, Any]) -> bytes:
    """Opens a session."""
    return encode(
        {
            "session_id": session_id,
            "conversation_id": sender.conversation_id,
            "message_id": sender.message_id,
            "app_id": sender.app_id,
            "endpoint_id": sender.endpoint_id,
            "context": None,
            "event": "request",
            "data": {"user_id": sender.user_id, **data},
        }
    )


def response_line(session_id: str, request_id: str, event: str, message: str, data: object) -> bytes:
    """One answer to a backwards call; `event` is response, error or end."""
    return encode(
        {
            "session_id": session_id,
            "event": "backwards_response",
            "data": {"backwards_request_id": request_id, "event": event, "message": message, "data": data},
        }
    )


def event_of(line: bytes) -> Mapping[str, Any] | None:
    """The JSON object in this line; None where it holds none."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def is_backwards_call(event: Mapping[str, Any]) -> bool:
    """Whether a plugin asks Dify for something with this event."""
    return event.get("event") == "session" and (event.get("data") or {}).get("type") == "invoke"


def encode(document: Mapping[str, Any]) -> bytes:
    """The document as one line.

    Lone surrogates become U+FFFD, as Go's decoder makes them on their way through the daemon; U+2028 and U+2029, which Python
    takes for line ends, are escaped, as Go's encoder does.

    Raises:
        RequestRefused: it holds NaN or an infinity, which Go refuses.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise RequestRefused("NaN and infinities cannot travel through the daemon: its JSON refuses them.") from error
    text = text.replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode() + b"\n"
