"""Answers and failures as they are kept: JSON, nothing that runs when it is read."""

import json
from collections.abc import Mapping
from typing import Any

from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import Failure, NotFound, every_kind

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
"""Made once: `json.dumps` makes one for each call that asks for anything but its defaults."""


def answer_as_dict(answer: Answer) -> dict[str, object]:
    """What is kept of an answer."""
    return {
        "variables": dict(answer.variables),
        "source": answer.source,
        "added": dict(answer.added),
        "partial": answer.partial,
        "notices": list(answer.notices),
        "text_chars": answer.text_chars,
    }


def answer_from_dict(kept: Mapping[str, Any]) -> Answer:
    """The answer again; raises KeyError or TypeError where it is none."""
    return Answer(
        variables=kept["variables"],
        source=kept["source"],
        added=kept["added"],
        partial=kept["partial"],
        notices=tuple(kept["notices"]),
        text_chars=kept.get("text_chars"),
    )


def encode_outcome(outcome: Answer | NotFound, fresh_until: float | None) -> bytes | None:
    """What a question came to, as JSON; None where it holds something that JSON cannot say.

    Args:
        outcome: an answer, or that there is nothing of the kind.
        fresh_until: epoch seconds after which it is stale; None: it is fresh as long as it is kept.
    """
    said = {"failure": outcome.as_dict()} if isinstance(outcome, NotFound) else {"answer": answer_as_dict(outcome)}
    try:
        return _ENCODER.encode({"fresh_until": fresh_until, **said}).encode()
    except (TypeError, ValueError, RecursionError):
        return None


def decode_outcome(value: bytes) -> tuple[Answer | NotFound | None, float | None]:
    """Both again; None where the bytes are no such thing, e.g. those of another version."""
    try:
        kept = json.loads(value)
        fresh_until = None if kept["fresh_until"] is None else float(kept["fresh_until"])
        if "answer" in kept:
            return answer_from_dict(kept["answer"]), fresh_until
        failure = failure_from_dict(kept["failure"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None, None
    return (failure, fresh_until) if isinstance(failure, NotFound) else (None, None)


def failure_from_dict(kept: Mapping[str, Any]) -> Failure:
    """The failure that `Failure.as_dict` described."""
    return every_kind()[kept["kind"]](
        kept["message"], hint=kept["hint"], retryable=kept["retryable"], retry_after=kept["retry_after"]
    )
