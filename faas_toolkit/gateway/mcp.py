"""The Model Context Protocol as a server of tools speaks it: stateless, one message in, one answer out.

Versions up to 2025-11-25, which agree on all that is used here. MCP 2026-07-28 has no handshake; its clients fall back to one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from faas_toolkit.core.errors import Failure, TooLarge
from faas_toolkit.core.untrusted import printable
from faas_toolkit.gateway import tools
from faas_toolkit.gateway.http import to_json
from faas_toolkit.gateway.jsonrpc import FAILED, INVALID_PARAMS, METHOD_NOT_FOUND, RpcError, RpcRequest
from faas_toolkit.gateway.toolbox import Toolbox
from faas_toolkit.service import Outcome
from faas_toolkit.wiring import VERSION, operation_named

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
NEWEST = VERSIONS[-1]
MAX_PAGE_BYTES = 1_500_000
"""Of `tools/list`; more goes onto further pages."""

_INSTRUCTIONS = (
    "Governed tools of one workspace. Each answer is one text, and the same as structured content. A failed call says what was "
    "wrong and what would be right. list_capabilities says what you may use; diagnose says what to repair."
)


class McpServer:
    """Answers the messages of one visitor.

    Args:
        open_toolbox: how the visitor's tools are reached; asked once a message needs them. May raise a `Failure`.
        max_bytes: what an answer may have.
    """

    def __init__(self, open_toolbox: Callable[[], Toolbox], *, max_bytes: int) -> None:
        self._open_toolbox = open_toolbox
        self._max_bytes = max_bytes
        self._methods: Mapping[str, Callable[[Mapping[str, Any]], dict[str, object]]] = {
            "initialize": _initialize,
            "ping": lambda _: {},
            "tools/list": self._list,
            "tools/call": self._call,
        }

    def answer(self, request: RpcRequest) -> dict[str, object]:
        """The result of a request.

        Raises:
            RpcError: the request cannot be answered; a tool that failed is a result.
        """
        method = self._methods.get(request.method)
        if method is None:
            raise RpcError(
                METHOD_NOT_FOUND,
                f"There is no method {printable(request.method)!r} here; there are {', '.join(self._methods)}.",
            )
        return method(request.params)

    def _list(self, params: Mapping[str, Any]) -> dict[str, object]:
        first = _cursor(params.get("cursor"))
        toolbox = self._toolbox()
        try:
            described = list(tools.describe(toolbox.offer()))
        except Failure as failure:
            raise _failed(failure) from failure
        page: list[dict[str, object]] = []
        left = min(MAX_PAGE_BYTES, self._max_bytes)
        for tool in described[first:]:
            left -= len(to_json(tool))
            if page and left < 0:
                return {"tools": page, "nextCursor": str(first + len(page))}
            page.append(tool)
        return {"tools": page}

    def _call(self, params: Mapping[str, Any]) -> dict[str, object]:
        name, given = params.get("name"), params.get("arguments")
        arguments = {} if given is None else given
        if not isinstance(name, str) or not name:
            raise RpcError(INVALID_PARAMS, '"name" must be the name of a tool of tools/list.')
        if not isinstance(arguments, dict):
            raise RpcError(INVALID_PARAMS, '"arguments" must be a JSON object, as the tool\'s inputSchema says.')
        toolbox = self._toolbox()
        operation = tools.operations_by_tool().get(name)
        if operation is not None:
            return self._bounded(_result(toolbox.run(operation, arguments), operation.empty))
        operation = operation_named(tools.FUNCTION_CALL)
        outcome = toolbox.run(operation, {"function": tools.function_name(name), "arguments": arguments})
        if outcome.failure is not None and outcome.failure.kind == "not_found" and not outcome.meta["attempts"]:
            raise RpcError(INVALID_PARAMS, f"Unknown tool: {printable(name)}. {outcome.failure.as_text()}")
        # A failed call has no `data`: null would not fit the function's own schema.
        return self._bounded(_result(outcome, {key: value for key, value in operation.empty.items() if key != "data"}))

    def _toolbox(self) -> Toolbox:
        try:
            return self._open_toolbox()
        except Failure as failure:
            raise _failed(failure, status=503) from failure

    def _bounded(self, result: dict[str, object]) -> dict[str, object]:
        size = len(to_json(result))
        if size <= self._max_bytes:
            return result
        return _result(Outcome(meta={}, failure=_too_large(size, self._max_bytes)), {})


def _initialize(params: Mapping[str, Any]) -> dict[str, object]:
    asked = params.get("protocolVersion")
    if not isinstance(asked, str):
        raise RpcError(INVALID_PARAMS, f'"protocolVersion" must be a text, for example "{NEWEST}".')
    return {
        "protocolVersion": asked if asked in VERSIONS else NEWEST,
        "capabilities": {"tools": {"listChanged": False}},
        "serverInfo": {"name": "faas_toolkit", "title": "FaaS Toolkit", "version": VERSION},
        "instructions": _INSTRUCTIONS,
    }


def _result(outcome: Outcome, empty: Mapping[str, object]) -> dict[str, object]:
    failure = outcome.failure
    if failure is not None:
        text = f"Failed ({failure.kind}): {failure.as_text()}"
        variables = {"ok": False, "error": failure.as_dict(), "source": "", "meta": outcome.meta, "added": {}, **empty}
    else:
        text = outcome.text
        shared = {"ok": True, "error": {}, "source": outcome.source, "meta": outcome.meta, "added": outcome.added}
        variables = {**shared, **outcome.variables}
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": variables,
        "isError": failure is not None,
    }


def _cursor(given: object) -> int:
    if given is None:
        return 0
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 7:
        return int(given)
    raise RpcError(INVALID_PARAMS, '"cursor" must be the nextCursor of an earlier tools/list, or left out.')


def _failed(failure: Failure, *, status: int = 200) -> RpcError:
    return RpcError(FAILED, failure.as_text(), data=failure.as_dict(), status=status)


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge(
        f"The call ran, but its answer has {size:,} bytes; at most {limit:,} are sent.",
        hint="Ask for less: narrower, or fewer at once.",
    )
