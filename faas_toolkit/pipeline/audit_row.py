"""What is kept of a call: who asked what, from where, how it was decided and how it ended. Never a secret, never an answer."""

import json
from collections.abc import Iterable, Mapping
from typing import Literal

from faas_toolkit.core.call import Call, Decision, TargetAttempt
from faas_toolkit.core.canonical import canonical_json, digest
from faas_toolkit.core.redaction import SecretRedactor, mask_note, mask_text
from faas_toolkit.core.untrusted import MAX_JSON_BYTES

type KeptArguments = Literal["masked", "hash", "none"]

MAX_ARGUMENT_CHARS = 2_000
_MAX_NOTE_CHARS = 300
_MAX_ATTEMPTS = 100


class RowWriter:
    """Describes calls.

    Args:
        arguments: how arguments are kept: with personal data masked, as their digest, or not at all.
        detectors: which personal data is masked in arguments.
        redact: removes the configuration's secrets from whatever is kept.
        catalog_hash: of the catalog in force.
    """

    def __init__(
        self, *, arguments: KeptArguments, detectors: tuple[str, ...], redact: SecretRedactor, catalog_hash: str
    ) -> None:
        self._arguments = arguments
        self._detectors = detectors
        self._redact = redact
        self._catalog_hash = catalog_hash

    def __call__(self, call: Call, outcome: str, seconds: float) -> dict[str, object]:
        """The row, without its time; `outcome` is `ok` or the kind of the failure, `seconds` the call's duration."""
        record, origin = call.record, call.origin
        return {
            "operation": call.operation.name,
            "subject": record.caller.subject[:_MAX_NOTE_CHARS],
            "outcome": outcome,
            "request": record.request_id,
            "trace": call.trace_id[:_MAX_NOTE_CHARS],
            "verified": record.caller.verified,
            "roles": list(record.caller.roles),
            "user": origin.user_id[:_MAX_NOTE_CHARS],
            "surface": origin.surface,
            "app": origin.app_id,
            "cached": record.cached,
            "milliseconds": round(seconds * 1_000, 2),
            "arguments": self._kept({name: v for name, v in call.arguments.items() if name not in call.operation.unkept}),
            "decisions": self._noted(record.decisions),
            "attempts": [_described(attempt) for attempt in record.attempts[:_MAX_ATTEMPTS]],
            "tokens": dict(record.tokens),
            "masks": dict(record.masks),
            "catalog": self._catalog_hash,
            **record.noted,
        }

    def _noted(self, decisions: Iterable[Decision]) -> list[str]:
        """Without secrets and personal data."""
        cut = [self._redact.beginning(str(decision), 2 * _MAX_NOTE_CHARS) for decision in decisions]
        return [mask_note(note, self._detectors)[:_MAX_NOTE_CHARS] for note in cut]

    def _kept(self, arguments: Mapping[str, object]) -> str | None:
        if self._arguments == "none":
            return None
        text = _written({name: _unescaped(value) for name, value in arguments.items()})
        if self._arguments == "hash":
            return digest(text)
        if not arguments:
            return text
        # Masked together with what follows, so that nothing is cut in two before it is found; not whole, since it may be 1 MB.
        masked = mask_text(self._redact.beginning(text, 2 * MAX_ARGUMENT_CHARS), self._detectors)
        return masked if len(text) <= MAX_ARGUMENT_CHARS else masked[:MAX_ARGUMENT_CHARS] + "…"


def _described(attempt: TargetAttempt) -> list[object]:
    """Target, number, outcome, milliseconds, milliseconds waited."""
    return [attempt.target, attempt.number, attempt.outcome, round(attempt.duration * 1e3, 2), round(attempt.waited * 1e3, 2)]


def _unescaped(value: object) -> object:
    r"""JSON that came as a text, with the characters that it spells (`\u0040`): no detector reads escapes within escapes."""
    if not (isinstance(value, str) and "\\u" in value and len(value) <= MAX_JSON_BYTES):
        return value
    try:
        return json.dumps(json.loads(value), ensure_ascii=False)
    except (ValueError, RecursionError):  # refused further in, or no JSON at all
        return value


def _written(arguments: Mapping[str, object]) -> str:
    try:
        return canonical_json(dict(arguments))
    except (TypeError, ValueError, RecursionError):  # refused before it was validated: whatever a caller sent
        return ", ".join(sorted(str(name) for name in arguments))
