"""Which workspace is calling.

Dify tells a plugin no tenant id; `session.storage` is the one store that it isolates per workspace. So a workspace's identity is
a random id kept there, with a random key beside it. Storage has no compare-and-set, so a new identity is written, left alone for
300 ms, read back, and what stands then is adopted; nothing is written under an identity before that.
"""

import base64
import binascii
import json
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from faas_toolkit.core.call import STORED_KEY, NamedKey, Surface, Workspace
from faas_toolkit.core.errors import Unavailable

if TYPE_CHECKING:
    from faas_toolkit.core.clock import Clock
    from faas_toolkit.core.host import KeyValueStorage

STORAGE_KEY = "faas_toolkit_workspace"
SETTLE_SECONDS = 0.3
_REMEMBERED_APPS = 4_096
_KEY_BYTES = 32


def surface_of(app_id: str | None, message_id: str | None) -> Surface:
    """Who stands in front of the tool, as measured on Dify 1.14.2: only agents have a message, and Agent nodes have no app."""
    if not app_id:
        return "agent_node"
    return "agent_chat" if message_id else "workflow"


class WorkspaceDirectory:
    """Finds and, on the first call of a workspace, makes its identity.

    An app belongs to one workspace, and so does an endpoint, so what was read is remembered by the id of either; without one
    (Agent nodes) it is read anew. It is never remembered by user: an account may be in several workspaces.
    """

    def __init__(self, clock: "Clock") -> None:
        self._clock = clock
        self._by_app: OrderedDict[str, Workspace] = OrderedDict()

    def find(self, app_id: str | None, storage: "KeyValueStorage", keys: Sequence[NamedKey] = ()) -> Workspace:
        """The workspace of this call; the first of `keys` (from the setting `encryption_key`) seals in place of the stored one.

        The stored one goes on opening what it sealed, and names are made from it whichever key seals.

        Raises:
            Unavailable: storage does not answer or holds something else. Never a shared default.
        """
        workspace = self._by_app.get(app_id) if app_id else None
        if workspace is None:
            workspace = self._read(storage) or self._create(storage)
            self._remember(app_id, workspace)
        return _with_keys(workspace, keys) if keys else workspace

    def _remember(self, app_id: str | None, workspace: Workspace) -> None:
        if app_id:
            self._by_app[app_id] = workspace
            if len(self._by_app) > _REMEMBERED_APPS:
                self._by_app.popitem(last=False)

    def _read(self, storage: "KeyValueStorage") -> Workspace | None:
        stored = storage.get(STORAGE_KEY)
        return None if stored is None else _decode(stored)

    def _create(self, storage: "KeyValueStorage") -> Workspace:
        fresh = {"id": secrets.token_hex(16), "key": base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()}
        storage.set(STORAGE_KEY, json.dumps(fresh).encode())
        self._clock.sleep(SETTLE_SECONDS)
        workspace = self._read(storage)
        if workspace is None:
            raise Unavailable("Dify's storage lost this workspace's identity right after it was written.", hint="Call again.")
        return workspace


def _with_keys(workspace: Workspace, keys: Sequence[NamedKey]) -> Workspace:
    stored = NamedKey(STORED_KEY, workspace.key)
    first, *older = (stored if named.id == STORED_KEY else named for named in keys)
    if stored not in (first, *older):
        older.append(stored)
    return Workspace(workspace.id, first.key, first.id, tuple(older), root=workspace.key)


def _decode(stored: bytes) -> Workspace:
    try:
        identity = json.loads(stored)
        workspace = Workspace(str(identity["id"]), base64.b64decode(identity["key"], validate=True))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _damaged() from error
    if len(workspace.key) != _KEY_BYTES or not workspace.id:
        raise _damaged()
    return workspace


def _damaged() -> Unavailable:
    return Unavailable(
        f"The workspace identity in Dify's storage (key {STORAGE_KEY!r}) is damaged.",
        hint="Restore the plugin's storage from a backup; deleting the key starts this workspace anew, without its stored data.",
        retryable=False,
    )
