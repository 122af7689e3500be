"""From an HTTP answer to data or a failure, for every platform that is asked over HTTP."""

import json
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
from faas_toolkit.core.schema import printable, require_clean_value
from faas_toolkit.net.retry_after import parse_retry_after

_SHOWN_CHARS = 300


def data_of(response: httpx.Response, what: str) -> object:
    """JSON where the answer says or looks so, else its text; None for an empty answer.

    Raises:
        BadResponse: it says that it is JSON and is not, or it holds what JSON cannot say.
    """
    if not response.content:
        return None
    declared = "json" in response.headers.get("content-type", "").lower()
    try:
        text = response.content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadResponse(
            f"{what} answered bytes that are not text.", hint="A function must answer JSON or UTF-8 text."
        ) from error
    if not (declared or text.lstrip()[:1] in ("{", "[")):
        return text
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
        require_clean_value(value, "the answer")
    except (ValueError, RecursionError, InvalidInput) as error:
        if not declared:
            return text
        raise BadResponse(
            f"{what} answered something that is not valid JSON.", hint="Its owner has to repair it; nothing of it was used."
        ) from error
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


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
    return "" if "Traceback" in text else printable(" ".join(text.split()), _SHOWN_CHARS)


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
        f"Nothing answers at the address of {what} (HTTP {response.status_code}).",
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
    415: _refused_arguments,
    422: _refused_arguments,
    429: _throttled,
    # 500 is the function's own fault: most runtimes answer it for an exception; these four are the platform's
    502: _not_serving,
    503: _not_serving,
    504: _too_slow,
    529: _not_serving,
}
