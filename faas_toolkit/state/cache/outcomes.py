"""What effects came to, kept for a day under their idempotency keys. Loaded on first use."""

import json
from collections import Counter
from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.immutable import immutable
from faas_toolkit.state.cache.outcomes_table import outcomes
from faas_toolkit.state.cipher import Cipher, Keyring
from faas_toolkit.state.data_keys import count_by_key
from faas_toolkit.state.sql import Database

KEEP_SECONDS = 86_400.0
_EMPTIED = b""
"""What is left of an outcome after an erasure."""


@immutable
class StoredOutcome:
    """What is known about an effect that began earlier."""

    payload: str
    """The digest of what was asked; empty where the entry cannot be opened any more."""
    result: Mapping[str, object] | None
    """What it came to; None while, or for ever when, nobody has said."""


class Outcomes:
    """An entry is made *before* the effect, so that a crash leaves a trace instead of a second run.

    All methods raise `Unavailable` when the store is away.
    """

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._keyring = Keyring("outcomes")

    def begin(self, workspace: Workspace, name: str, payload: str) -> StoredOutcome | None:
        """Notes that the effect begins, and returns None; or returns what an earlier call left, and notes nothing."""
        cipher = self._keyring.cipher(workspace)
        now = self._clock.epoch()
        row = {
            "key": cipher.blind(name),
            "workspace": workspace.id,
            "expires": now + KEEP_SECONDS,
            "content": _sealed(cipher, name, payload, None),
        }

        def work(connection: Connection) -> StoredOutcome | None:
            connection.execute(delete(outcomes).where(outcomes.c.expires <= now))
            found = connection.execute(select(outcomes.c.content).where(_is_of(cipher, name))).scalar()
            if found is not None:
                return _opened(cipher, name, found)
            connection.execute(insert(outcomes), row)
            return None

        return self._database.write(work)

    def finish(self, workspace: Workspace, name: str, payload: str, result: Mapping[str, object]) -> None:
        """Keeps what the effect came to; `result` must be JSON."""
        cipher = self._keyring.cipher(workspace)
        content = _sealed(cipher, name, payload, result)
        statement = update(outcomes).where(_is_of(cipher, name)).values(content=content)
        self._database.write(lambda connection: connection.execute(statement).rowcount)

    def forget(self, workspace: Workspace, name: str) -> None:
        """Takes the note back: it is certain that nothing was done."""
        statement = delete(outcomes).where(_is_of(self._keyring.cipher(workspace), name))
        self._database.write(lambda connection: connection.execute(statement).rowcount)

    def sealed_with(self, workspace: Workspace) -> Counter[str | None]:
        """How many outcomes are sealed with which key of the workspace, by its id; None: with one that no setting holds."""
        theirs = (outcomes.c.workspace == workspace.id) & (outcomes.c.content != _EMPTIED)
        return count_by_key(self._database, self._keyring.cipher(workspace), outcomes.c.content, theirs)


def _is_of(cipher: Cipher, name: str) -> ColumnElement[bool]:
    """Under whichever key it was noted: an effect must not run again because keys were exchanged."""
    return outcomes.c.key.in_(cipher.blinds(name))


def _sealed(cipher: Cipher, name: str, payload: str, result: Mapping[str, object] | None) -> bytes:
    return cipher.seal(name, json.dumps({"payload": payload, "result": result}, allow_nan=False).encode())


def _opened(cipher: Cipher, name: str, content: bytes) -> StoredOutcome:
    plain = cipher.open(name, content)
    if plain is None:  # tampered with, or the workspace's key was changed: something began, more is not known
        return StoredOutcome("", None)
    kept = json.loads(plain)
    return StoredOutcome(kept["payload"], kept["result"])
