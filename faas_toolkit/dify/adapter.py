"""The door for Dify's tools, endpoints and provider.

Start-up counts (design.md §3.7), so what stands behind it loads on the first call.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dify_plugin import Endpoint, Tool
    from dify_plugin.entities.tool import ToolInvokeMessage
    from dify_plugin.interfaces.endpoint import Request, Response

_SAME_NAMES: Mapping[str, str] = {}


def run(tool: "Tool", operation_name: str, parameters: Mapping[str, object]) -> Iterator["ToolInvokeMessage"]:
    """Answers one invocation of a tool; raises only the SDK's classes, where a workflow node must fail."""
    from faas_toolkit.dify import invocation

    yield from invocation.answer(tool, operation_name, parameters)


def run_function(
    tool: "Tool",
    function: str,
    parameters: Mapping[str, object],
    *,
    json: tuple[str, ...] = (),
    renamed: Mapping[str, str] = _SAME_NAMES,
) -> Iterator["ToolInvokeMessage"]:
    """Answers one invocation of a typed tool: `function.call` of this function, each parameter one argument.

    Args:
        tool: what Dify made for this invocation.
        function: its name in the catalog.
        parameters: what Dify handed over.
        json: the parameters that hold their argument as JSON.
        renamed: parameters whose argument has another name.
    """
    from faas_toolkit.dify import invocation, typed

    def arguments(given: Mapping[str, object]) -> Mapping[str, object]:
        return typed.function_call(function, given, json=json, renamed=renamed)

    yield from invocation.answer(tool, "function.call", parameters, arguments)


def respond(endpoint: "Endpoint", door: str, request: "Request", settings: Mapping[str, object]) -> "Response":
    """Answers one HTTP request at an endpoint (`mcp`, `health` or `preflight`); never raises."""
    from faas_toolkit.dify import endpoint as http

    return http.answer(endpoint, door, request, settings)


def validate(credentials: Mapping[str, object]) -> None:
    """Checks the provider's settings; raises the SDK's `CredentialsValidateFailedError`."""
    from faas_toolkit.dify import settings

    settings.validate(credentials)
