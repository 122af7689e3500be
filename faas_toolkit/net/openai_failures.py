"""What an OpenAI-compatible server means by a status, or by an error inside its answer.

| status | failure |
|---|---|
| 401 402 403 | unavailable, never repeated: it is our key that is wrong; names the catalog key |
| 404 405 410 | unavailable, never repeated: the address or the model's name in the catalog is wrong |
| 408 504 524 | timeout_unknown: a gateway gave up |
| 413 | too_large; so is any other 4xx that says that the context is too long |
| 429 | throttled, not before Retry-After; unavailable where the account has no money left, which no waiting helps |
| other 4xx | blocked where a content filter refused; else invalid_input |
| other 5xx | unavailable: a model server has no answers of its own with these |
| the rest | bad_response: redirects are not followed |
"""

import json
from collections.abc import Mapping

import httpx

from faas_toolkit.core.errors import (
    BadResponse,
    Blocked,
    Failure,
    InvalidInput,
    Throttled,
    TimeoutUnknown,
    TooLarge,
    Unavailable,
)
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import shortened
from faas_toolkit.net.retry_after import parse_retry_after

_SHOWN_CHARS = 300
_CONTEXT = ("context_length", "context length", "maximum context", "context window", "too many tokens", "prompt is too long")
_FILTER = ("content_filter", "content management policy", "content_policy")
_NO_MONEY = ("insufficient_quota", "insufficient balance", "insufficient_balance", "billing")
_RATE = ("rate_limit", "rate limit", "too many requests", "429")
_WRONG_KEY = (401, 402, 403)
_NOT_THERE = (404, 405, 410)
_GAVE_UP = (408, 504, 524)


def failure_of_status(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    """The failure that an answer other than 2xx stands for.

    Args:
        response: the answer, read.
        what: names the model.
        key: the catalog key of its section, e.g. `models.pools.chat.deployments.main`.
        now: epoch seconds.
    """
    said, text = _complaint(response)
    told = _Told(response.status_code, what, key, f" It says: {said}" if said else "", text)
    wait = parse_retry_after(response.headers, now)
    if 400 <= told.status < 500:
        return _refusal(told, wait)
    if response.is_server_error:
        gave_up = told.status in _GAVE_UP
        failed = f"{what} failed (HTTP {told.status}).{told.shown}"
        return _gave_up(told) if gave_up else Unavailable(failed, retry_after=wait)
    hint = "Redirects are not followed: put the final address into the catalog." if response.is_redirect else ""
    return BadResponse(f"{what} answered HTTP {told.status}, which is no answer of a model.", hint=hint)


@immutable
class _Told:
    status: int
    what: str
    key: str
    shown: str
    text: str
    """Everything the server says, in lower case, to look for words in."""

    def names(self, words: tuple[str, ...]) -> bool:
        return any(word in self.text for word in words)


def _refusal(told: _Told, wait: float | None) -> Failure:
    if told.status in _WRONG_KEY or told.status in _NOT_THERE or (told.status == 429 and told.names(_NO_MONEY)):
        return _cannot_be_used(told)
    if told.status == 429:
        return Throttled(f"{told.what} is being asked too often (HTTP 429).{told.shown}", retry_after=wait, not_executed=True)
    if told.status in _GAVE_UP:
        return _gave_up(told)
    if told.status == 413 or told.names(_CONTEXT):
        message = f"The prompt is larger than {told.what} takes (HTTP {told.status}).{told.shown}"
        return TooLarge(message, hint="Send less.", not_executed=True)
    return _refused(told.text, f"{told.what} refused the request (HTTP {told.status}).{told.shown}")


def _cannot_be_used(told: _Told) -> Failure:
    where = f"An administrator checks `{told.key}` in the catalog: "
    if told.status in _NOT_THERE:
        message, hint = "is not there", f"{where}`model`, and `url`, which ends with /v1."
    elif told.status in _WRONG_KEY:
        message, hint = "refuses our credentials", f"{where}`auth`."
    else:
        message, hint = "has no quota left for this account", "An administrator looks at the account."
    message = f"{told.what} {message} (HTTP {told.status}).{told.shown}"
    return Unavailable(message, hint=hint, retryable=False, not_executed=True)


def _gave_up(told: _Told) -> Failure:
    return TimeoutUnknown(f"{told.what} ran into its own time limit (HTTP {told.status}).")


def failure_of_error(error: object, what: str) -> Failure:
    """The failure for an `error` inside an answer that began as a good one."""
    said, text = _message(error), json.dumps(error, ensure_ascii=False, default=str).lower()
    words = f" It says: {shortened(said, _SHOWN_CHARS)}" if said else ""
    shown = f"{what} broke off with an error of its own.{words}"
    if any(word in text for word in _CONTEXT):
        return TooLarge(f"The prompt is larger than {what} takes.{words}", hint="Send less.")
    if any(word in text for word in _FILTER):
        return _refused(text, shown)
    if any(word in text for word in _RATE):
        return Throttled(shown)
    return BadResponse(shown)


def _refused(text: str, shown: str) -> Failure:
    if any(word in text for word in _FILTER):
        return Blocked(shown, hint="Its content filter decides; ask for something else.")
    return InvalidInput(shown, hint="Change the request.", not_executed=True)


def _complaint(response: httpx.Response) -> tuple[str, str]:
    """What the server says was wrong, as it may be shown, and everything it says, to look for words in."""
    if "html" in response.headers.get("content-type", "").lower() or len(response.content) > 100_000:
        return "", ""
    text = response.content.decode("utf-8", "replace").strip()
    try:
        said = _message(json.loads(text))
    except (ValueError, RecursionError):
        said = text
    return "" if "Traceback" in said else shortened(said, _SHOWN_CHARS), text.lower()


def _message(body: object) -> str:
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        error = next((error[name] for name in ("message", "detail", "code", "type") if isinstance(error.get(name), str)), "")
    return error if isinstance(error, str) else ""
