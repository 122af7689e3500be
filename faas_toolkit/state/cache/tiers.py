"""Caches one behind the other: the near one answers first, the far one survives a restart."""

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.offload import Offload
from faas_toolkit.state.cache.port import CacheStore, Kept


class TieredCache:
    """Memory before disk."""

    def __init__(self, *, near: CacheStore, far: CacheStore, offload: Offload) -> None:
        self._near = near
        self._far = far
        self._offload = offload

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value of the nearest tier that has it; the nearer one then has it too."""
        kept = self._near.get(workspace, name)
        if kept is None:
            kept = self._far.get(workspace, name)
            if kept is not None:
                self._near.put(workspace, name, kept)
        return kept

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value near at once and far soon: no answer waits for the disk."""
        self._near.put(workspace, name, kept)
        self._offload.spawn(lambda: self._far.put(workspace, name, kept))
