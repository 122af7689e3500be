"""Answers and failures as they are kept: JSON, nothing that runs when it is read."""

import json
from collections.abc import Mapping
from typing import Any

from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import Failure, every_kind


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


def encode_answer(answer: Answer) -> bytes | None:
    """The answer as JSON; None where it holds something that JSON cannot say."""
    try:
        return json.dumps(answer_as_dict(answer), allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        return None


def decode_answer(value: bytes) -> Answer | None:
    """The answer again; None where the bytes are not one, e.g. those of another version."""
    try:
        return answer_from_dict(json.loads(value))
    except (KeyError, TypeError, ValueError):
        return None


def failure_from_dict(kept: Mapping[str, Any]) -> Failure:
    """The failure that `Failure.as_dict` described."""
    return every_kind()[kept["kind"]](
        kept["message"], hint=kept["hint"], retryable=kept["retryable"], retry_after=kept["retry_after"]
    )
