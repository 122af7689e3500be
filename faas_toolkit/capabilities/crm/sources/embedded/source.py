"""The embedded store as a source: one hop to the database per lookup, a sample while a workspace has no records of its own."""

from datetime import UTC, date, datetime

from cachetools import LRUCache
from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    Connection,
    func,
    select,
)
from sqlalchemy.exc import IntegrityError  # noqa: TID253 - same

from faas_toolkit.capabilities.crm.port import Found, Lookup
from faas_toolkit.capabilities.crm.sources.embedded.area import SAMPLE, area_of, is_current
from faas_toolkit.capabilities.crm.sources.embedded.sample import GENERATOR, sample_drafts
from faas_toolkit.capabilities.crm.sources.embedded.searching import Search
from faas_toolkit.capabilities.crm.sources.embedded.tables import TABLES
from faas_toolkit.capabilities.crm.sources.embedded.writing import erase, store
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.outbound import Target
from faas_toolkit.state.sql import Database

_REMEMBERED_VERSIONS = 4_096

_FEW = 10
"""Records on a page that are read in less than a millisecond."""


class EmbeddedCrm:
    """A `CrmSource` over the toolkit's own database.

    Args:
        database: of this process; `Unavailable` from it passes through.
        clock: tells the date around which the sample is made.
        target: what the outbound chain is told of it; its id is `crm:<name>`.
    """

    kind = "embedded"
    fresh_for = 0.0

    def __init__(self, *, database: Database, clock: Clock, target: Target) -> None:
        self.target: Target | None = target
        self._database = database
        self._clock = clock
        self.local = database.dialect == "sqlite"
        self._versions: LRUCache[str, tuple[object, str]] = LRUCache(_REMEMBERED_VERSIONS)

    def find(self, lookup: Lookup, deadline: Deadline) -> Found:
        """The records; makes the sample on the first lookup of a fresh install."""
        today = self._today()
        found = self._found_soon(lookup, today) or self._database.read(lambda connection: _find(connection, lookup, today))
        if found is None:
            self._make_sample(today)
            found = self._database.read(lambda connection: _find(connection, lookup, today))
        if found is None:
            raise Unavailable("The sample of the CRM could not be made.", not_executed=True)
        return found

    def version(self, workspace: Workspace) -> str | None:
        """The change counter of the area that answers for this workspace; `none` before the first lookup of an install.

        Remembered while nothing at all was written to the database, so that an answer from the cache costs no query.
        """
        revision = self._database.revision()  # before the query: a commit between the two must not be missed
        remembered = self._versions.get(workspace.id)
        if remembered is not None and revision is not None and remembered[0] == revision:
            return remembered[1]
        area = self._database.read(lambda connection: area_of(connection, workspace.id), short=True)
        version = area.version if area is not None else "none"
        if revision is not None:
            self._versions[workspace.id] = (revision, version)
        return version

    def check(self, workspace: Workspace, deadline: Deadline) -> str:
        """What the store holds for this workspace."""

        def count(connection: Connection) -> str:
            area = area_of(connection, workspace.id)
            if area is None:
                return "no records yet; the first lookup makes the sample"
            counts = (select(func.count()).where(table.c.workspace == area.workspace) for table in TABLES.values())
            total = sum(connection.execute(each).scalar_one() for each in counts)
            return f"{total:,} records" + (" of the sample, until the first import" if area.label else "")

        return self._database.read(count)

    def _found_soon(self, lookup: Lookup, today: date) -> Found | None:
        """A page of the few records that a query means beyond doubt, as most lookups want it; they need not wait for the pool."""
        query = lookup.query
        if query is None or query.domain or lookup.include or lookup.conditions or lookup.rows or lookup.limit > _FEW:
            return None  # a list, maybe a long one
        if not self.local:
            return None
        return self._database.read(lambda connection: _find(connection, lookup, today, soon=True), short=True)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.epoch(), UTC).date()

    def _make_sample(self, today: date) -> None:
        try:
            self._database.write(lambda connection: _make_sample(connection, today))
        except IntegrityError:  # another process was faster, in a database that lets two write at once
            return


def _make_sample(connection: Connection, today: date) -> None:
    area = area_of(connection, SAMPLE)
    if area is not None and is_current(area, today):
        return
    if area is not None:
        erase(connection, SAMPLE)
    store(connection, SAMPLE, sample_drafts(today), sample=f"{GENERATOR}:{today.isoformat()}")


def _find(connection: Connection, lookup: Lookup, today: date, *, soon: bool = False) -> Found | None:
    """What was found; None where the sample is to be made first, and, `soon`, where it takes a search to tell."""
    area = area_of(connection, lookup.workspace.id)
    if area is None or not is_current(area, today):
        return None
    search = Search(connection, area, lookup)
    return search.listing() if lookup.query is None else search.matching(lookup.query, soon=soon)
