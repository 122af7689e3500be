"""Where the embedded default keeps its data.

The working directory dies with each version and the container layer with each container (design.md §3.8), so the data lives
beside the working directory, which in Dify's own deployment is on the daemon's volume.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from faas_toolkit.core.immutable import immutable

_VERSIONED = re.compile(r".+-\d{1,4}(\.\d{1,4}){2}(-\w{1,16})?@[0-9a-f]{16,}")
"""`<name>-<version>@<checksum>`, as the daemon names a plugin's working directory (dify-runtime §3)."""


_A_VOLUME = "The operator sets FAAS_TOOLKIT_DATA_DIR to a directory on a lasting volume."
_NO_VOLUME = (
    "No directory of a serverless runtime lasts, and each instance has one of its own: keep what must last in a system of yours "
    "that the catalog names, and take the embedded store, its cache and its audit rows as gone at any time."
)


@immutable
class DataDirectory:
    """A directory and how long it will last."""

    path: Path
    chosen_by: str
    """What decided, in words for `diagnose`."""
    remedy: str = ""
    """What to do where it does not survive a new version and a new container, as far as can be known; empty where it does."""

    @property
    def lasting(self) -> bool:
        """Whether it survives them."""
        return not self.remedy


def choose_data_directory(environment: Mapping[str, str], working_directory: Path) -> DataDirectory:
    """The operator's `FAAS_TOOLKIT_DATA_DIR`, else beside the daemon's working directory, else the user's data directory."""
    remedy = _NO_VOLUME if environment.get("INSTALL_METHOD") == "serverless" else ""
    chosen = environment.get("FAAS_TOOLKIT_DATA_DIR")
    if chosen:
        return DataDirectory(Path(chosen), "FAAS_TOOLKIT_DATA_DIR", remedy)
    if _VERSIONED.fullmatch(working_directory.name):
        return DataDirectory(working_directory.parent / ".faas_toolkit", "the plugin daemon's volume", remedy)
    home = Path(environment.get("XDG_DATA_HOME") or Path(environment.get("HOME", "/tmp")) / ".local" / "share")  # noqa: S108 - last resort, reported as not lasting
    lasts = "HOME" in environment
    return DataDirectory(home / "faas_toolkit", "the user's data directory", remedy or ("" if lasts else _A_VOLUME))
