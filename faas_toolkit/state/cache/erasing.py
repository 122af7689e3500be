"""Forgets a person in what is kept so that it need not be asked or done again: sealed under blind names, so everything goes."""

from sqlalchemy import func, select, update  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.erasure import Person, Trace
from faas_toolkit.state.cache.epoch import OWNER
from faas_toolkit.state.cache.outcomes_table import outcomes
from faas_toolkit.state.data_keys import DataKeys
from faas_toolkit.state.sql import Database

_NOTHING = b""


class CacheErasure:
    """A `Holding` over every tier of the cache."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    def forget(self, workspace: Workspace, person: Person, *, confirmed: bool) -> list[Trace]:
        """Ends the age of the workspace's cache."""
        if confirmed:
            self._keys.destroy(workspace, [self._keys.name(workspace, OWNER)])
        text = "Nobody can tell whose they are, so all of the workspace become unreadable; they are asked anew."
        return [Trace(place="cache", item="kept answers", action="destroy key", text=text)]


class OutcomesErasure:
    """A `Holding` over what effects came to. That they happened stays noted: none runs twice because somebody was forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, workspace: Workspace, person: Person, *, confirmed: bool) -> list[Trace]:
        """Empties every outcome of the last day."""
        these = (outcomes.c.workspace == workspace.id, outcomes.c.content != _NOTHING)
        counted = select(func.count()).select_from(outcomes).where(*these)
        found = self._database.read(lambda connection: connection.execute(counted).scalar_one())
        if confirmed and found:
            emptied = update(outcomes).where(*these).values(content=_NOTHING)
            self._database.write(lambda connection: connection.execute(emptied).rowcount)
        text = "Of the last day; what they came to goes, that they happened stays noted, so that none runs twice."
        return [Trace(place="outcomes", item="kept outcomes", action="delete", text=text, count=found)] if found else []
