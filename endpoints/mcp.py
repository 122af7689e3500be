"""The toolkit's tools and the workspace's functions, typed, for programs that speak MCP."""

from collections.abc import Mapping
from typing import Any

from dify_plugin import Endpoint
from dify_plugin.interfaces.endpoint import Request, Response

from faas_toolkit.dify import adapter


class McpEndpoint(Endpoint):
    """Hands the request on."""

    def _invoke(self, r: Request, values: Mapping[str, Any], settings: Mapping[str, Any]) -> Response:
        return adapter.respond(self, "mcp", r, settings)
