"""The age of a workspace's cache: when its key is destroyed, everything kept until then is gone, in every tier and on every node.

Entries are sealed and their names are blind, so nobody can look for those of one person; all of them go.
"""

import hashlib
import hmac

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.cache.port import Kept, Lead
from faas_toolkit.state.cache.tiers import TieredCache
from faas_toolkit.state.data_keys import DataKeys

OWNER = "cache"
"""Of the key of an age."""


class EpochCache:
    """The tiers of a cache, with a key and names of the age that each workspace's cache is in.

    Where the age cannot be told, because the database is away, nothing is found and nothing kept. A lease belongs to its age:
    what was asked for before an erasure is not kept after it.
    """

    def __init__(self, *, store: TieredCache, keys: DataKeys) -> None:
        self._store = store
        self._keys = keys
        self._last: tuple[Workspace, bytes, tuple[Workspace, str]] | None = None
        """What was worked out last: a read asks three times. No more than one, so that no key outlives its age here."""

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value of this age."""
        aged = self._aged(workspace)
        return None if aged is None else self._store.get(aged[0], aged[1] + name)

    def put(self, workspace: Workspace, name: str, kept: Kept, token: str = "") -> None:
        """Keeps the value for this age; `token`: of the lease it was made under, which must be of this age too."""
        aged, (age, lease) = self._aged(workspace), _parts(token)
        if aged is not None and age in (None, aged[1]):
            self._store.put(aged[0], aged[1] + name, kept, lease)

    def take(self, workspace: Workspace, name: str, seconds: float) -> Lead:
        """Who makes the value in this age."""
        aged = self._aged(workspace)
        if aged is None:
            return Lead(":")
        lead = self._store.take(aged[0], aged[1] + name, seconds)
        return lead if lead.token is None else lead._replace(token=f"{aged[1]}:{lead.token}")

    def give_up(self, workspace: Workspace, name: str, token: str) -> None:
        """Ends a lease without a value."""
        aged, (age, lease) = self._aged(workspace), _parts(token)
        if aged is not None and age == aged[1]:
            self._store.give_up(aged[0], aged[1] + name, lease)

    def _aged(self, workspace: Workspace) -> tuple[Workspace, str] | None:
        """The workspace with the key of this age, for which both its own and the age's are needed; and how names begin."""
        try:
            age = self._keys.get(workspace, OWNER, replace_lost=True)
        except Unavailable:
            return None
        last = self._last
        if last is None or last[0] is not workspace or last[1] != age:
            key = hmac.digest(age, workspace.key, "sha256")
            aged = Workspace(workspace.id, key, workspace.key_id, root=key)
            last = self._last = workspace, age, (aged, hashlib.sha256(age).hexdigest()[:16])
        return last[2]


def _parts(token: str) -> tuple[str | None, str]:
    """The age of a lease (None: without a lease) and its token in the store."""
    age, colon, lease = token.partition(":")
    return (age if colon else None), lease
