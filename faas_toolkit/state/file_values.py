"""Small values as files that only the plugin's own user may read: `core.host.KeyValueStorage` over a directory."""

import contextlib
import os
import secrets
from pathlib import Path

from faas_toolkit.core.errors import Unavailable


class FileValues:
    """A value is replaced whole or not at all, also by a crash or by another process. Blocks: to be used on a pool's thread.

    Args:
        directory: made with the first value.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str) -> bytes | None:
        """The value, or None where there is none; `key` is a file's name. Raises `Unavailable` where it cannot be read."""
        try:
            return (self._directory / key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable("read") from error

    def set(self, key: str, value: bytes) -> None:
        """Stores the value; raises `Unavailable` where it cannot be written."""
        unfinished = self._directory / f"{key}.{secrets.token_hex(4)}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(value)
            unfinished.replace(self._directory / key)
        except OSError as error:
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise _unavailable("written") from error


def _unavailable(what: str) -> Unavailable:
    return Unavailable(
        f"A file of the data directory cannot be {what}.",
        hint="Check the rights and the free space of the plugin's data directory.",
        not_executed=True,
    )
