"""The bare plugin's provider: nothing to check."""

from typing import Any

from dify_plugin import ToolProvider


class BareProvider(ToolProvider):
    """Takes any settings."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        pass
