"""Who called what, how it ended, and whether the records are what was written."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from faas_toolkit.dify import adapter


class AuditSearchTool(Tool):
    """Hands its parameters on."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage]:
        yield from adapter.run(self, "audit.search", tool_parameters)
