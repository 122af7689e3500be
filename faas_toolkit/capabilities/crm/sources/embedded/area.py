"""Whose records answer for a workspace: its own, and the sample's while it has none."""

from datetime import date, timedelta

from sqlalchemy import Connection, bindparam, or_, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.crm.sources.embedded.sample import GENERATOR
from faas_toolkit.capabilities.crm.sources.embedded.tables import AREAS
from faas_toolkit.core.immutable import immutable
from faas_toolkit.state.prepared import Prepared

SAMPLE = ":sample"
"""The workspace of the sample, shared by all; no real one has a colon in its id."""

_SAMPLE_LIFE = timedelta(days=30)
"""Then the sample is made anew, so that its open deals are not all overdue."""

_AREAS = Prepared(select(AREAS).where(or_(AREAS.c.workspace == bindparam("workspace"), AREAS.c.workspace == SAMPLE)))


@immutable
class Area:
    """Whose records are read for a call."""

    number: int
    workspace: str
    changes: int
    sample: str | None

    @property
    def version(self) -> str:
        """Another one after each change."""
        return f"{self.number}.{self.changes}"

    @property
    def label(self) -> str | None:
        """Where the facts are from, if not from the workspace itself."""
        return "sample" if self.workspace == SAMPLE else None


def area_of(connection: Connection, workspace: str) -> Area | None:
    """The workspace's own area, else the sample's."""
    rows = _AREAS(connection, {"workspace": workspace})
    if not rows:
        return None
    row = next((row for row in rows if row["workspace"] == workspace), rows[0])
    return Area(row["number"], row["workspace"], row["changes"], row["sample"])


def is_current(area: Area, today: date) -> bool:
    """Whether it may answer; a sample that has grown old, or was made by another generator, is to be made anew."""
    if area.workspace != SAMPLE:
        return True
    generator, _, made = (area.sample or "").partition(":")
    return generator == GENERATOR and today - date.fromisoformat(made) <= _SAMPLE_LIFE
