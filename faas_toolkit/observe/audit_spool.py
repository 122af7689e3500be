"""Sealed rows that wait on this machine's disk while their database is away.

One file for each workspace and writer: a line for each row, sealed with the workspace's key. The rows are links of their
writer's chain already, so writing them into the database twice is the same as once. A file is locked by the process that
writes it; a file without an owner was left by a crash, and whoever opens the workspace next takes it over.
"""

import base64
import binascii
import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from faas_toolkit.state.cipher import Cipher

MAX_BYTES = 64_000_000
"""Of one file: some 50,000 rows."""
_SUFFIX = ".spool"


class SpoolFull(Exception):
    """The file has reached its bound."""


class SpoolFile:
    """The waiting rows of one chain. Blocks: to be used on a pool's thread.

    Args:
        path: where it is, or will be.
        cipher: of the workspace.
        max_bytes: what it may grow to.

    Raises:
        OSError: it cannot be opened.
        BlockingIOError: another process has it.
    """

    def __init__(self, path: Path, cipher: Cipher, max_bytes: int = MAX_BYTES) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.writer = path.name.split(".")[1]
        self.torn = 0
        """Lines that could not be opened: torn by a crash, or changed."""
        self._given = 0
        self._path = path
        self._cipher = cipher
        self._max_bytes = max_bytes
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        try:
            _lock(self._file)
            if not self._stands_at_its_path():
                raise BlockingIOError("its owner has just emptied it")
        except OSError:
            os.close(self._file)
            raise

    def append(self, contents: Iterable[str], *, sync: bool) -> None:
        """Adds rows, all or none; with `sync` they have reached the disk when it returns.

        Raises:
            OSError: the disk refuses.
            SpoolFull: they would not fit.
        """
        lines = b"".join(base64.b64encode(self._cipher.seal(self._name, each.encode())) + b"\n" for each in contents)
        size = os.fstat(self._file).st_size
        if size + len(lines) > self._max_bytes:
            raise SpoolFull
        try:
            written = 0
            while written < len(lines):
                written += os.write(self._file, lines[written:])
            if sync:
                os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, size)
            raise

    def portion(self, most: int) -> list[str]:
        """The next rows in order, at most so many, each once; none where all were given.

        A line that cannot be opened is left out and counted in `torn`.
        """
        contents: list[str] = []
        with os.fdopen(os.dup(self._file), "rb") as lines:
            lines.seek(self._given)
            for line in lines:
                content = self._opened(line)
                if content is None:
                    self.torn += 1
                else:
                    contents.append(content)
                self._given += len(line)
                if len(contents) == most:
                    break
        return contents

    def give_again(self) -> None:
        """Begins anew: what was given last could not be used."""
        self._given = self.torn = 0

    def remove(self) -> None:
        """Takes the file away: its rows are in the database. It is not used any more after that."""
        if self._stands_at_its_path():
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def close(self) -> None:
        """Leaves the file to whoever comes next."""
        os.close(self._file)

    @property
    def _name(self) -> str:
        return f"spool {self.writer}"

    def _stands_at_its_path(self) -> bool:
        """Whether the open file is the one that others find there."""
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except OSError:
            return False

    def _opened(self, line: bytes) -> str | None:
        try:
            plain = self._cipher.open(self._name, base64.b64decode(line, validate=False)) if line.endswith(b"\n") else None
        except binascii.Error:
            return None
        return None if plain is None else plain.decode()


class Spool:
    """The spool files of one machine.

    Args:
        directory: where they are.
        max_bytes: what one file may grow to.
    """

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self._directory = directory
        self._max_bytes = max_bytes

    def open(self, cipher: Cipher, writer: str) -> SpoolFile:
        """The file of one chain; raises OSError where the disk refuses."""
        return SpoolFile(self._directory / f"{_place(cipher)}.{writer}{_SUFFIX}", cipher, self._max_bytes)

    def left_behind(self, cipher: Cipher) -> Iterator[SpoolFile]:
        """The files of the workspace that nobody writes any more, now locked by this process."""
        for path in sorted(self._directory.glob(f"{_place(cipher)}.*{_SUFFIX}")):
            with contextlib.suppress(OSError):  # its writer lives
                yield SpoolFile(path, cipher, self._max_bytes)


def _lock(file: int) -> None:
    import fcntl  # not on Windows, where a plugin may run in remote debug, with the embedded store and so without a spool

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _place(cipher: Cipher) -> str:
    return cipher.blind("spool")[:32]
