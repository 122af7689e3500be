"""Where the embedded default keeps its data.

The working directory dies with each version and the container layer with each container (design.md §3.8), so the data lives
beside the working directory, which in Dify's own deployment is on the daemon's volume.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_VERSIONED = re.compile(r".+-\d{1,4}(\.\d{1,4}){2}(-\w{1,16})?@[0-9a-f]{16,}")
"""`<name>-<version>@<checksum>`, as the daemon names a plugin's working directory (dify-runtime §3)."""


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A directory and how long it will last."""

    path: Path
    chosen_by: str
    """What decided, in words for `diagnose`."""
    lasting: bool
    """Whether it survives a new version and a new container, as far as can be known."""


def choose_data_directory(environment: Mapping[str, str], working_directory: Path) -> DataDirectory:
    """The operator's `FAAS_TOOLKIT_DATA_DIR`, else beside the daemon's working directory, else the user's data directory."""
    serverless = environment.get("INSTALL_METHOD") == "serverless"
    chosen = environment.get("FAAS_TOOLKIT_DATA_DIR")
    if chosen:
        return DataDirectory(Path(chosen), "FAAS_TOOLKIT_DATA_DIR", lasting=not serverless)
    if _VERSIONED.fullmatch(working_directory.name):
        return DataDirectory(working_directory.parent / ".faas_toolkit", "the plugin daemon's volume", lasting=not serverless)
    home = Path(environment.get("XDG_DATA_HOME") or Path(environment.get("HOME", "/tmp")) / ".local" / "share")  # noqa: S108 - last resort, reported as not lasting
    return DataDirectory(home / "faas_toolkit", "the user's data directory", lasting=not serverless and "HOME" in environment)
