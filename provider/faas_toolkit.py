"""The provider: says which setting is wrong, in the words that an administrator then sees under the form."""

from typing import Any

from dify_plugin import ToolProvider

from faas_toolkit.dify import adapter


class FaasToolkitProvider(ToolProvider):
    """Hands the settings on to be checked."""

    def _validate_credentials(self, credentials: dict[str, Any]) -> None:
        adapter.validate(credentials)
