"""Asks what will be asked, so that its answers are kept."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from faas_toolkit.dify import adapter


class CacheWarmTool(Tool):
    """Hands its parameters on."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage]:
        yield from adapter.run(self, "cache.warm", tool_parameters)
