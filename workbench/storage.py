"""The daemon's store for one plugin of one workspace, with its rules, its words and its flaws.

Read in the daemon's `persistence.go` and measured (dify-daemon, C and N12). Keys are paths of files. A value is written first and
counted afterwards, so a refused write has still replaced the value; and what was read stays cached for five minutes unless a
successful write or a deletion clears it.
"""

import os
import posixpath
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

MAX_KEY_BYTES = 256
MAX_WORKSPACE_BYTES = 104_857_600
"""The daemon's PERSISTENCE_STORAGE_MAX_SIZE."""
CACHE_SECONDS = 300.0


class StorageRefused(Exception):
    """What the daemon says when it does not do what was asked."""


class WorkspaceStorage:
    """The values of one workspace, as files in a folder.

    Args:
        quota: bytes that the manifest allows; -1 takes the daemon's own bound.
        folder: where they are kept; None: a folder that `close` removes.
    """

    def __init__(self, quota: int, folder: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._quota = MAX_WORKSPACE_BYTES if quota == -1 else min(quota, MAX_WORKSPACE_BYTES)
        self._temporary = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="workbench-storage-")) if folder is None else folder
        self._values = self._folder / "values"
        self._values.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.Lock()
        self._cache: dict[str, tuple[bytes, float]] = {}

    def close(self) -> None:
        """Removes a temporary folder."""
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def get(self, key: str) -> bytes:
        """The value; every failure has the same words."""
        with self._lock:
            try:
                return self._cached(key) or self._load(key)
            except (StorageRefused, OSError, ValueError):
                raise StorageRefused("load data failed, please check if the key is correct or you have not set it") from None

    def set(self, key: str, value: bytes) -> None:
        """Stores the value."""
        with self._lock:
            try:
                self._save(key, value)
            except (StorageRefused, ValueError) as error:
                raise StorageRefused(f"save data failed: {error}") from error

    def delete(self, key: str) -> int:
        """Deletes the value; answers how many cache entries went with it, as the daemon does."""
        with self._lock:
            try:
                return self._delete(key)
            except (StorageRefused, ValueError) as error:
                raise StorageRefused(f"delete data failed: {error}") from error

    def exist(self, key: str) -> int:
        """1 or 0."""
        with self._lock:
            try:
                return int(self._cached(key) is not None or self._path(key).exists())
            except (StorageRefused, ValueError) as error:
                raise StorageRefused(f"exist data failed: {error}") from error

    def _load(self, key: str) -> bytes:
        value = self._path(key).read_bytes()
        self._cache[key] = (value, self._clock() + CACHE_SECONDS)
        return value

    def _save(self, key: str, value: bytes) -> None:
        path = self._path(key)
        if len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
            raise StorageRefused("key length must be less than 256 characters")
        before = path.stat().st_size if path.is_file() else 0
        _write(path, value)
        used = self._used() + len(value) - before
        if used > self._quota:
            raise StorageRefused("allocated size is greater than max storage size")
        self._count(used)
        self._cache.pop(key, None)

    def _delete(self, key: str) -> int:
        path = self._path(key)
        cached = self._cache.pop(key, None) is not None
        try:
            size = path.stat().st_size
            path.unlink()
        except OSError as error:
            raise _as_go("stat", path, error) from error
        self._count(self._used() - size)
        return int(cached)

    def _cached(self, key: str) -> bytes | None:
        value, until = self._cache.get(key, (None, 0.0))
        return value if self._clock() < until else None

    def _path(self, key: str) -> Path:
        clean = "/" + posixpath.normpath(key).lstrip("/") if key.startswith("/") else posixpath.normpath(key)
        if ".." in clean or "//" in clean or "\\" in clean:
            raise StorageRefused("invalid key: path traversal attempt detected")
        return self._values / clean.lstrip("/")

    def _used(self) -> int:
        counter = self._folder / "size"
        return int(counter.read_text(encoding="ascii")) if counter.exists() else 0

    def _count(self, used: int) -> None:
        (self._folder / "size").write_text(str(used), encoding="ascii")


def _write(path: Path, value: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _as_go("mkdir", path.parent, error) from error
    try:
        path.write_bytes(value)
    except OSError as error:
        raise _as_go("open", path, error) from error


def _as_go(call: str, path: Path, error: OSError) -> StorageRefused:
    """An error of the operating system as Go writes it, the server's path included."""
    return StorageRefused(f"{call} {path}: {os.strerror(error.errno or 0).lower()}")
