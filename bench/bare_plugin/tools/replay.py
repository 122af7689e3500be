"""Emits the messages that a governed tool emitted, and does nothing else."""

import json
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage


@cache
def recorded(path: str) -> list[tuple[str, Any]]:
    """The messages, read once."""
    return [(name, value) for name, value in json.loads(Path(path).read_text(encoding="utf-8"))]


class ReplayTool(Tool):
    """Sends a recording."""

    def _invoke(self, tool_parameters: dict[str, Any]) -> Generator[ToolInvokeMessage]:
        for name, value in recorded(tool_parameters["recording"]):
            yield self.create_text_message(value) if name == "text" else self.create_variable_message(name, value)
