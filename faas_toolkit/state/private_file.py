"""Files that only the plugin's own user may read."""

import contextlib
import os
from pathlib import Path


def make_private(path: Path) -> None:
    """Makes the file, empty, where it is not there yet, and the directories above it; SQLite's side files take its rights over.

    Raises:
        OSError: it cannot be made.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
