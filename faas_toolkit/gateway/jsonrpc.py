"""JSON-RPC 2.0, as MCP narrows it: an id is a text or a whole number and never null; batches only in MCP 2025-03-26."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.schema import MAX_WHOLE_NUMBER
from faas_toolkit.core.untrusted import parse_json, printable

PARSE_ERROR = -32_700
INVALID_REQUEST = -32_600
METHOD_NOT_FOUND = -32_601
INVALID_PARAMS = -32_602
INTERNAL_ERROR = -32_603
UNSUPPORTED_PROTOCOL_VERSION = -32_022
"""MCP 2026-07-28; a client that reads it falls back to a version of ours."""
UNAUTHENTICATED = -32_001
"""Of the range that JSON-RPC leaves to servers: no key fits."""
FAILED = -32_002
"""Same: the toolkit refused or could not; `data` holds the failure's kind, message, hint, retryable and retry_after."""

type MessageId = str | int


class RpcError(Exception):
    """A protocol failure: what becomes the member `error` of a response.

    Args:
        code: of JSON-RPC or MCP.
        message: what was wrong and what would be right; safe to show.
        data: more about it, JSON-able.
        status: of the HTTP response, where the message came alone.
        headers: of that response.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        data: object = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status
        self.headers = headers or {}


@immutable
class RpcRequest:
    """A call that wants an answer."""

    id: MessageId
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@immutable
class Unanswered:
    """A notification, or a response to a question that was never asked: both are taken and not answered."""


@immutable
class Malformed:
    """A message that is none; answered under its id where one can be read."""

    id: MessageId | None
    error: RpcError


type Message = RpcRequest | Unanswered | Malformed


def parse_body(body: bytes) -> object:
    """The JSON document; whole numbers written as `3.0` are whole (Dify turns integers into numbers on their way to a model).

    Raises:
        RpcError: with HTTP status 400, or 413 where it is too large.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise RpcError(PARSE_ERROR, f"The body is not UTF-8 at byte {error.start}.", status=400) from error
    try:
        return with_whole_numbers(parse_json(text, "The body"))
    except TooLarge as failure:
        raise RpcError(INVALID_REQUEST, failure.as_text(), status=413) from failure
    except InvalidInput as failure:
        raise RpcError(PARSE_ERROR, failure.as_text(), status=400) from failure


def with_whole_numbers(value: object) -> object:
    """The value with every float that is a whole number as an integer; JSON knows no difference, functions do."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_WHOLE_NUMBER:
        return int(value)
    if isinstance(value, dict):
        return {name: with_whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(inner) for inner in value]
    return value


def read_message(document: object) -> Message:
    """One message of a parsed body."""
    if not isinstance(document, dict):
        return Malformed(None, _invalid(f"A message is a JSON object, got {printable(type(document).__name__)}."))
    identity = document.get("id")
    known = identity if isinstance(identity, (str, int)) and not isinstance(identity, bool) else None
    if document.get("jsonrpc") == "2.0" and "method" not in document and {"result", "error"} & set(document):
        return Unanswered()
    problem = _problem(document, known)
    if problem is not None:
        return Malformed(known, problem)
    if known is None:
        return Unanswered()
    return RpcRequest(known, document["method"], document.get("params", {}))


def _problem(document: Mapping[str, Any], known: MessageId | None) -> RpcError | None:
    rules = (
        (document.get("jsonrpc") == "2.0", 'Every message says "jsonrpc": "2.0".'),
        (isinstance(document.get("method"), str), '"method" must be a text, for example "tools/list".'),
        ("id" not in document or known is not None, '"id" must be a text or a whole number; a notification has none.'),
    )
    for holds, said in rules:
        if not holds:
            return _invalid(said)
    if not isinstance(document.get("params", {}), dict):
        return RpcError(INVALID_PARAMS, '"params" must be a JSON object.')
    return None


def result_message(identity: MessageId, result: Mapping[str, object]) -> dict[str, object]:
    """The answer to a call."""
    return {"jsonrpc": "2.0", "id": identity, "result": dict(result)}


def error_message(identity: MessageId | None, error: RpcError) -> dict[str, object]:
    """The answer to a call that failed as a call, or to what is none."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return {"jsonrpc": "2.0", "id": identity, "error": body}


def _invalid(message: str) -> RpcError:
    return RpcError(INVALID_REQUEST, message, status=400)
