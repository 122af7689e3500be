"""`/mcp` over HTTP: MCP's Streamable HTTP without streams and without sessions, so any process can answer any request."""

from collections.abc import Callable

from faas_toolkit.core.call import ApiClient
from faas_toolkit.core.errors import Failure, Unauthenticated
from faas_toolkit.core.untrusted import printable
from faas_toolkit.gateway.clients import identify, parse_clients
from faas_toolkit.gateway.http import CROSS_ORIGIN, MAX_ANSWER_BYTES, MAX_BODY_BYTES, HttpRequest, HttpResponse, json_response
from faas_toolkit.gateway.jsonrpc import (
    FAILED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    UNAUTHENTICATED,
    UNSUPPORTED_PROTOCOL_VERSION,
    Malformed,
    RpcError,
    RpcRequest,
    error_message,
    parse_body,
    read_message,
    result_message,
)
from faas_toolkit.gateway.mcp import VERSIONS, McpServer
from faas_toolkit.gateway.toolbox import Toolbox, Visitor

MAX_BATCH = 20
_VERSIONS_WITH_BATCHES = ("", "2025-03-26")
"""A request without the header is of 2025-03-26 (MCP 2025-06-18, transports)."""

type OpenToolbox = Callable[[Visitor], Toolbox]


def answer_mcp(request: HttpRequest, clients: object, open_toolbox: OpenToolbox) -> HttpResponse:
    """Answers one HTTP request.

    Args:
        request: as it came.
        clients: the endpoint's setting `clients`.
        open_toolbox: how a visitor's tools are reached; asked only after their key was checked.
    """
    try:
        return _answered(request, clients, open_toolbox)
    except RpcError as error:
        return _refused(error)


def answer_fault() -> HttpResponse:
    """What is said when the toolkit itself failed: nothing of the inside."""
    return _refused(RpcError(INTERNAL_ERROR, "The toolkit failed on this request; the fault is in its own code.", status=500))


def _answered(request: HttpRequest, clients: object, open_toolbox: OpenToolbox) -> HttpResponse:
    if request.method != "POST":
        raise RpcError(
            INVALID_REQUEST,
            f"{printable(request.method)} is not served here: there are no streams and no sessions. Send messages with POST.",
            status=405,
            headers={"Allow": "POST, OPTIONS"},
        )
    visitor = Visitor(client=_client(request, clients), identity_token=request.header("x-identity-token") or None)
    document = parse_body(_body(request))
    version = _version(request)

    def server(messages: int) -> McpServer:
        return McpServer(lambda: open_toolbox(visitor), max_bytes=MAX_ANSWER_BYTES // messages)

    if isinstance(document, list):
        return _batch(document, version, server(max(1, len(document))))
    return _single(document, server(1))


def _single(document: object, server: McpServer) -> HttpResponse:
    message = read_message(document)
    if isinstance(message, Malformed):
        return _refused(message.error, message.id)
    if not isinstance(message, RpcRequest):
        return _accepted()
    try:
        return json_response(200, result_message(message.id, server.answer(message)))
    except RpcError as error:
        return _refused(error, message.id)


def _batch(documents: list[object], version: str, server: McpServer) -> HttpResponse:
    if version not in _VERSIONS_WITH_BATCHES:
        raise RpcError(INVALID_REQUEST, f"MCP {version} has no batches; send each message by itself.", status=400)
    if not 1 <= len(documents) <= MAX_BATCH:
        raise RpcError(INVALID_REQUEST, f"A batch has 1 to {MAX_BATCH} messages, got {len(documents):,}.", status=400)
    answers = [answer for document in documents if (answer := _of_batch(document, server)) is not None]
    return json_response(200, answers) if answers else _accepted()


def _of_batch(document: object, server: McpServer) -> dict[str, object] | None:
    message = read_message(document)
    if isinstance(message, Malformed):
        return error_message(message.id, message.error)
    if not isinstance(message, RpcRequest):
        return None
    try:
        if message.method == "initialize":
            raise RpcError(INVALID_REQUEST, "initialize must not be part of a batch; send it by itself.")
        return result_message(message.id, server.answer(message))
    except RpcError as error:
        return error_message(message.id, error)


def _client(request: HttpRequest, clients: object) -> ApiClient:
    try:
        return identify(request.header("authorization"), parse_clients(clients))
    except Unauthenticated as failure:
        shown = ', error="invalid_token"' if request.header("authorization") else ""  # RFC 6750 §3
        challenge = {"WWW-Authenticate": f'Bearer realm="faas_toolkit"{shown}'}
        raise RpcError(UNAUTHENTICATED, failure.as_text(), status=401, headers=challenge) from failure
    except Failure as failure:
        raise RpcError(FAILED, failure.as_text(), status=503) from failure


def _body(request: HttpRequest) -> bytes:
    kind = request.header("content-type").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RpcError(INVALID_REQUEST, f"Content-Type must be application/json, got {printable(kind)!r}.", status=415)
    body = request.content
    if len(body) > MAX_BODY_BYTES:
        raise RpcError(
            INVALID_REQUEST, f"The body has {len(body):,} bytes; at most {MAX_BODY_BYTES:,} are taken. Send less.", status=413
        )
    return body


def _version(request: HttpRequest) -> str:
    version = request.header("mcp-protocol-version")
    if version and version not in VERSIONS:
        raise RpcError(
            UNSUPPORTED_PROTOCOL_VERSION,
            f"MCP {printable(version)!r} is not spoken here; {', '.join(VERSIONS)} are.",
            data={"supported": list(VERSIONS), "requested": printable(version)},
            status=400,
        )
    return version


def _accepted() -> HttpResponse:
    return HttpResponse(status=202, headers=CROSS_ORIGIN)


def _refused(error: RpcError, identity: str | int | None = None) -> HttpResponse:
    return json_response(error.status, error_message(identity, error), error.headers)
