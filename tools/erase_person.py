"""Forgets a person, once that is confirmed."""

from collections.abc import Generator
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from faas_toolkit.dify import adapter


class ErasePersonTool(Tool):
    """Hands its parameters on."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage]:
        yield from adapter.run(self, "workspace.erase", tool_parameters)
