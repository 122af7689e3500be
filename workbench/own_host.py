"""The host over what calls on the command line leave behind, so that the next call finds it."""

from pathlib import Path

from workbench.host import PluginHost, Transport

PROJECT = Path(__file__).parents[1]
KEPT = PROJECT / ".faas_toolkit"
"""What calls leave behind: the workspaces' storage and the plugin's data."""
CALL_TIMEOUT = 240.0
"""Seconds."""


def open_host(folder: Path, *, root: Path = PROJECT, transport: Transport = "stdio") -> PluginHost:
    """The plugin in `root`, whose data and storage are in `folder`."""
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(folder / "data")}
    return PluginHost(root, transport=transport, environment=environment, storage_folder=folder / "storage")
