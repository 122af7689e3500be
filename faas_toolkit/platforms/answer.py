"""From an HTTP answer to data or a failure, for every platform that is asked over HTTP."""

import json
import re
from collections.abc import Callable, Mapping

import httpx

from faas_toolkit.core.errors import (
    BadResponse,
    Failure,
    FunctionError,
    InvalidInput,
    Throttled,
    TimeoutUnknown,
    TooLarge,
    Unavailable,
)
from faas_toolkit.core.untrusted import MAX_JSON_BYTES, parse_json, require_clean_text, shortened
from faas_toolkit.net.retry_after import parse_retry_after

_SHOWN_CHARS = 300
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE)


def data_of(response: httpx.Response, what: str) -> object:
    """JSON where the answer says or looks so, else its text; None for an empty answer.

    Some runtimes call a plain text or JSON `text/html` (functions-framework does for a returned string), so a page is known by
    how it begins.

    Raises:
        BadResponse: it says that it is JSON and is not, it is a page, or it holds what cannot be passed on.
    """
    if not response.content.strip():
        return None
    declared = response.headers.get("content-type", "").lower()
    try:
        text = response.content.decode("utf-8-sig")
        if "json" in declared:
            return parse_json(text, "the answer")
        data = _json_or_text(text)
    except (UnicodeDecodeError, InvalidInput) as error:
        raise BadResponse(
            f"{what} answered something that is neither valid JSON nor UTF-8 text.", hint="Its owner has to repair it."
        ) from error
    if _PAGE.match(text) or ("html" in declared and text.lstrip().startswith("<")):
        raise BadResponse(
            f"{what} answered a web page instead of data.",
            hint="An administrator checks its address in the catalog: login pages and default pages look like this.",
        )
    return data


def _json_or_text(text: str) -> object:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return parse_json(text, "the answer")
        except InvalidInput:
            pass  # a text that only begins like JSON
    return require_clean_text(text, "the answer", MAX_JSON_BYTES)


def require_success(response: httpx.Response, what: str, key: str, now: float) -> None:
    """Raises the failure that a status stands for.

    Args:
        response: the answer.
        what: names the function.
        key: the catalog key that holds its credentials, e.g. `functions.score.auth`.
        now: epoch seconds.
    """
    if response.is_success:
        return
    make = _STATUSES.get(response.status_code) or (_server_error if response.is_server_error else _unexpected)
    raise make(response, what, key, now)


def complaint_of(response: httpx.Response) -> str:
    """What the function itself says was wrong, short and printable; empty where it says nothing in JSON or plain text."""
    kind = response.headers.get("content-type", "").lower()
    if "html" in kind or len(response.content) > 100_000:
        return ""
    text = response.content.decode("utf-8", "replace").strip()
    if "json" in kind or text[:1] == "{":
        try:
            text = _message_in(json.loads(text))
        except (ValueError, RecursionError):
            return ""
    return "" if "Traceback" in text else shortened(text, _SHOWN_CHARS)


def _message_in(body: object) -> str:
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        said = [str(error[name]) for name in ("message", "detail", "title", "errorMessage") if isinstance(error.get(name), str)]
        problems = error.get("problems") or error.get("errors")
        return " ".join([*said[:1], *(str(problem) for problem in problems[:5])] if isinstance(problems, list) else said[:1])
    return ""


def _said(response: httpx.Response) -> str:
    complaint = complaint_of(response)
    return f" It says: {complaint}" if complaint else ""


def _refused_arguments(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    return FunctionError(
        f"{what} refused the arguments (HTTP {response.status_code}).{_said(response)}", hint="Change the arguments."
    )


def _refused_credentials(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    return Unavailable(
        f"{what} refuses our credentials (HTTP {response.status_code}).",
        hint=f"An administrator checks `{key}` in the catalog.",
        retryable=False,
        not_executed=True,
    )


def _missing(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    target = key.rpartition(".")[0] + ".target"
    return Unavailable(
        f"There is no function at the address of {what} (HTTP {response.status_code}).{_said(response)}",
        hint=f"An administrator checks `{target}` in the catalog.",
        retryable=False,
        not_executed=True,
    )


def _too_slow(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    # a gateway gave up; what stands behind it may still be running (faas-platforms §1.6)
    return TimeoutUnknown(
        f"{what} ran into its platform's time limit (HTTP {response.status_code}); it may still have done its work."
    )


def _too_large(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    return TooLarge(f"The arguments are larger than {what} takes (HTTP 413).", hint="Send less.")


def _throttled(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    return Throttled(
        f"{what} is being called too often (HTTP 429).", retry_after=parse_retry_after(response.headers, now), not_executed=True
    )


def _not_serving(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    return Unavailable(
        f"{what} is not serving now (HTTP {response.status_code}).", retry_after=parse_retry_after(response.headers, now)
    )


def _server_error(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    return FunctionError(f"{what} failed (HTTP {response.status_code}).{_said(response)}")


def _unexpected(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    hint = "Redirects are not followed: put the final address into the catalog." if response.is_redirect else ""
    return BadResponse(f"{what} answered HTTP {response.status_code}, which is no answer of a function.", hint=hint)


_STATUSES: Mapping[int, Callable[[httpx.Response, str, str, float], Failure]] = {
    400: _refused_arguments,
    401: _refused_credentials,
    402: _refused_credentials,
    403: _refused_credentials,
    404: _missing,
    405: _missing,
    408: _too_slow,
    409: _refused_arguments,
    410: _missing,
    413: _too_large,
    414: _too_large,
    415: _refused_arguments,
    422: _refused_arguments,
    425: _not_serving,
    429: _throttled,
    431: _too_large,
    502: _not_serving,
    503: _not_serving,
    504: _too_slow,
    520: _not_serving,
    521: _not_serving,
    522: _not_serving,
    523: _not_serving,
    524: _too_slow,
    525: _not_serving,
    526: _not_serving,
    529: _not_serving,
    530: _not_serving,
}
"""What a status means for a repetition (faas-platforms §5.6), and why.

    400 409 415 422      function_error: the function looked at the arguments and says what is wrong; the same again fails again
    401 402 403          unavailable, never repeated: it is our key that is wrong, not the caller; names the catalog key
    404 405 410          unavailable, never repeated: nothing ran, and the address in the catalog is wrong
    408 504 524          timeout_unknown: a gateway gave up, and the function may still be running (Cloud Run's does)
    413 414 431          too_large
    429                  throttled: refused before it ran, so always repeatable, not before Retry-After
    425 502 503 529      unavailable: the platform had nobody to run it, or lost it on the way; repeated only without effects
    520-530              the same, as Cloudflare says it
    every other 5xx      function_error: runtimes answer 500 for an exception of the function (functions-framework, Fn, Flask)
    3xx and the rest     bad_response: no answer of a function; redirects are not followed, they could lead past the guard
"""
