"""Whose documents a call reads: the workspace's own area of a base, or the sample's."""

from sqlalchemy import Connection, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.knowledge.sources.embedded.tables import AREAS
from faas_toolkit.core.immutable import immutable

SAMPLE = ":sample"
"""The workspace of the sample, shared by all; no real one has a colon in its id."""
SAMPLE_BASE = "handbook"


@immutable
class Area:
    """One base of one workspace."""

    number: int
    changes: int
    is_sample: bool
    sample: str | None
    """What made it, if that was the sample."""
    mark: str | None = None
    """Another one with every change; None before the first one was given, and in a copy that is not whole."""

    @property
    def version(self) -> str:
        """Another one after every change, and for every other area of the same database."""
        return f"{self.number}.{self.changes}.{self.mark or ''}"


def own_area(connection: Connection, workspace: str, base: str, *, lock: bool = False) -> Area | None:
    """The workspace's own area of this base; None until its first document.

    `lock`: nobody else changes it until the transaction ends; a file has one writer anyway.
    """
    return _read(connection, workspace, base, lock=lock)


def sample_area(connection: Connection) -> Area | None:
    """The sample's area; None until the first search of an install."""
    return _read(connection, SAMPLE, SAMPLE_BASE)


def _read(connection: Connection, workspace: str, base: str, *, lock: bool = False) -> Area | None:
    mine = select(AREAS.c.number, AREAS.c.changes, AREAS.c.sample, AREAS.c.mark)
    mine = mine.where(AREAS.c.workspace == workspace, AREAS.c.base == base)
    row = connection.execute(mine.with_for_update() if lock else mine).one_or_none()
    return None if row is None else Area(row.number, row.changes, workspace == SAMPLE, row.sample, row.mark)
