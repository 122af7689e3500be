"""Caches one behind the other: the near ones answer first, the far ones survive a restart and are shared."""

import math
from collections.abc import Sequence

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.offload import Background, Spawn
from faas_toolkit.state.cache.port import CacheStore, Kept, Lead, SharedStore

_PAUSE = 0.02


class TieredCache:
    """Memory before what is further away.

    Args:
        near: asked first, and written before the answer is given.
        shared: asked next; processes that share it make each value once.
        cold: asked last.
        spawn: runs in the background what is written further away than `near`.
        near_seconds: how long `near` holds a copy of what is further away.
    """

    def __init__(
        self,
        *,
        near: CacheStore,
        shared: SharedStore | None = None,
        cold: CacheStore | None = None,
        spawn: Spawn,
        near_seconds: float = math.inf,
    ) -> None:
        self._near = near
        self._shared = shared
        self._far: tuple[CacheStore, ...] = tuple(tier for tier in (shared, cold) if tier is not None)
        self._background = Background(spawn)
        self._near_seconds = near_seconds if self._far else math.inf

    @property
    def tiers(self) -> tuple[CacheStore, ...]:
        """All of them, nearest first."""
        return (self._near, *self._far)

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value of the nearest tier that has it; the nearer ones then have it too."""
        kept = self._near.get(workspace, name)
        if kept is not None:
            return kept
        for position, tier in enumerate(self._far):
            kept = tier.get(workspace, name)
            if kept is not None:
                self._copy_nearer(workspace, name, kept, self._far[:position])
                return kept
        return None

    def put(self, workspace: Workspace, name: str, kept: Kept, token: str = "") -> None:
        """Keeps the value near at once and far soon: no answer waits for that. `token`: of the lease it was made under."""
        self._put_near(workspace, name, kept)
        if self._far:
            self._background.spawn(lambda: self._put_far(workspace, name, kept, token))

    def settle(self, deadline: Deadline) -> None:
        """Waits until what is on its way to the far tiers is there, or the time is up."""
        while self._background.busy and not deadline.expired():
            deadline.clock.sleep(_PAUSE)

    def take(self, workspace: Workspace, name: str, seconds: float) -> Lead:
        """Who makes the value: see `SharedStore`."""
        if self._shared is None:
            return Lead("")
        lead = self._shared.take(workspace, name, seconds)
        if lead.kept is not None:
            self._put_near(workspace, name, lead.kept)
        return lead

    def give_up(self, workspace: Workspace, name: str, token: str) -> None:
        """Ends a lease without a value."""
        shared = self._shared
        if token and shared is not None:
            self._background.spawn(lambda: shared.give_up(workspace, name, token))

    def _put_near(self, workspace: Workspace, name: str, kept: Kept) -> None:
        shorter = kept.seconds > self._near_seconds
        self._near.put(workspace, name, kept._replace(seconds=self._near_seconds) if shorter else kept)

    def _copy_nearer(self, workspace: Workspace, name: str, kept: Kept, nearer: Sequence[CacheStore]) -> None:
        self._put_near(workspace, name, kept)
        if nearer:
            self._background.spawn(lambda: _put_in(nearer, workspace, name, kept))

    def _put_far(self, workspace: Workspace, name: str, kept: Kept, token: str) -> None:
        far = self._far
        if token and self._shared is not None:
            if not self._shared.finish(workspace, name, token, kept):
                newer = self._shared.get(workspace, name)
                if newer is not None:
                    self._put_near(workspace, name, newer)
                return  # whoever made the newer one puts it into the tiers behind
            far = far[1:]
        _put_in(far, workspace, name, kept)


def _put_in(tiers: Sequence[CacheStore], workspace: Workspace, name: str, kept: Kept) -> None:
    for tier in tiers:
        tier.put(workspace, name, kept)
