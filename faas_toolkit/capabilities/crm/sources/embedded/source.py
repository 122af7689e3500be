"""The embedded store as a source: one hop to the database per lookup, a sample while a workspace has no records of its own."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cachetools import LRUCache
from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    Connection,
    bindparam,
    func,
    or_,
    select,
)
from sqlalchemy.exc import IntegrityError  # noqa: TID253 - same

from faas_toolkit.capabilities.crm.fields import Entity, field_of
from faas_toolkit.capabilities.crm.port import CrmRecord, Found, Lookup, Strength
from faas_toolkit.capabilities.crm.query import Query
from faas_toolkit.capabilities.crm.sources.embedded.conditions import restrictions
from faas_toolkit.capabilities.crm.sources.embedded.matching import MOST_MATCHES, Matcher, Matches
from faas_toolkit.capabilities.crm.sources.embedded.open_rows import Ref, open_rows
from faas_toolkit.capabilities.crm.sources.embedded.reading import order_of, read_records, related_of
from faas_toolkit.capabilities.crm.sources.embedded.sample import GENERATOR, sample_drafts
from faas_toolkit.capabilities.crm.sources.embedded.tables import AREAS, TABLES
from faas_toolkit.capabilities.crm.sources.embedded.writing import erase, store
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import Target
from faas_toolkit.search.analysis import has_han
from faas_toolkit.state.prepared import Prepared
from faas_toolkit.state.sql import Database

SAMPLE = ":sample"
"""The workspace of the sample, shared by all; no real one has a colon in its id."""

_SAMPLE_LIFE = timedelta(days=30)
"""Then the sample is made anew, so that its open deals are not all overdue."""

_IDS_AT_ONCE = 5_000
_SHOWN_CHOICES = 20

_REMEMBERED_VERSIONS = 4_096

_FEW, _SOON_MATCHED = 10, 200
"""Records on a page, and matches, that are read in less than a millisecond."""

_AREAS = Prepared(select(AREAS).where(or_(AREAS.c.workspace == bindparam("workspace"), AREAS.c.workspace == SAMPLE)))


@immutable
class _Area:
    """Whose records are read for a call."""

    number: int
    workspace: str
    changes: int
    sample: str | None

    @property
    def version(self) -> str:
        return f"{self.number}.{self.changes}"

    @property
    def label(self) -> str | None:
        return "sample" if self.workspace == SAMPLE else None


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
        area = self._database.read(lambda connection: _area(connection, workspace.id), short=True)
        version = area.version if area is not None else "none"
        if revision is not None:
            self._versions[workspace.id] = (revision, version)
        return version

    def check(self, workspace: Workspace, deadline: Deadline) -> str:
        """What the store holds for this workspace."""

        def count(connection: Connection) -> str:
            area = _area(connection, workspace.id)
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
    area = _area(connection, SAMPLE)
    if area is not None and _is_current(area, today):
        return
    if area is not None:
        erase(connection, SAMPLE)
    store(connection, SAMPLE, sample_drafts(today), sample=f"{GENERATOR}:{today.isoformat()}")


def _area(connection: Connection, workspace: str) -> _Area | None:
    """The workspace's own area, else the sample's."""
    rows = _AREAS(connection, {"workspace": workspace})
    if not rows:
        return None
    row = next((row for row in rows if row["workspace"] == workspace), rows[0])
    return _Area(row["number"], row["workspace"], row["changes"], row["sample"])


def _is_current(area: _Area, today: date) -> bool:
    if area.workspace != SAMPLE:
        return True
    generator, _, made = (area.sample or "").partition(":")
    return generator == GENERATOR and today - date.fromisoformat(made) <= _SAMPLE_LIFE


def _find(connection: Connection, lookup: Lookup, today: date, *, soon: bool = False) -> Found | None:
    """What was found; None where the sample is to be made first, and, `soon`, where it takes a search to tell."""
    area = _area(connection, lookup.workspace.id)
    if area is None or not _is_current(area, today):
        return None
    search = _Search(connection, area, lookup)
    return search.listing() if lookup.query is None else search.matching(lookup.query, soon=soon)


@immutable
class _Search:
    connection: Connection
    area: _Area
    lookup: Lookup

    def listing(self) -> Found:
        """The records that the conditions choose, entity by entity."""
        refs: list[Ref] = []
        total = 0
        for entity in self.lookup.entities:
            table = TABLES[entity]
            chosen = [table.c.workspace == self.area.workspace, *self._restrictions(entity)]
            count = self.connection.execute(select(func.count()).select_from(table).where(*chosen)).scalar_one()
            skip = max(0, self.lookup.offset - total)
            missing = self.lookup.limit - len(refs)
            if missing > 0 and skip < count:
                page = (
                    select(table.c.id).where(*chosen).order_by(*order_of(entity, self.lookup.hidden)).limit(missing).offset(skip)
                )
                refs += [(entity, number) for number in self.connection.execute(page).scalars()]
            total += count
        return self._found(dict.fromkeys(refs, Strength.LISTED), total, notices=() if total else self._choices())

    def matching(self, query: Query, *, soon: bool) -> Found | None:
        """The records that the query means, or what comes nearest; `soon`: None where there are none beyond doubt, or many."""
        matcher = Matcher(self.connection, self.area.workspace, self.area.number, self.lookup, query)
        matches = matcher.strong(_SOON_MATCHED if soon else MOST_MATCHES)
        unnamed = has_han(query.text) and not any(strength >= Strength.NAME_WORDS for strength in matches.strengths.values())
        if soon and (unnamed or not 0 < len(matches.strengths) < _SOON_MATCHED):
            return None
        if unnamed:
            matches.add(matcher.same_sound().strengths, Strength.NEAR)
        if not matches.strengths:
            matches = matcher.near()
        kept = self._kept(matches)
        if soon and not kept:
            return None
        page = dict(list(kept.items())[self.lookup.offset : self.lookup.offset + self.lookup.limit])
        removed = len(matches.strengths) - len(kept)
        choices = self._choices() if self.lookup.conditions and not kept else ()
        return self._found(
            page,
            len(kept),
            best=max(kept.values(), default=None),
            rivals=_rivals(kept, query),
            removed=removed if self.lookup.conditions else 0,
            nearest=() if kept or removed else self._names(matcher.resembling()),
            notices=(*_too_wide(matches), *choices),
        )

    def _found(
        self,
        page: dict[Ref, Strength],
        total: int,
        *,
        best: Strength | None = None,
        rivals: int = 0,
        removed: int = 0,
        nearest: tuple[str, ...] = (),
        notices: tuple[str, ...] = (),
    ) -> Found:
        """The records of a page, with the rest of what `Found` says."""
        known = read_records(self.connection, self.area.workspace, page, self.lookup.rows)
        records = {ref: known[ref] for ref in page if ref in known}
        related = related_of(self.connection, self.lookup, self.area.workspace, list(records.values()))
        return Found(
            records=tuple(
                CrmRecord(
                    entity=record.entity, key=record.key, values=record.values, strength=page[ref], related=related[record.id]
                )
                for ref, record in records.items()
            ),
            total=total,
            version=self.area.version,
            label=self.area.label,
            best=best,
            rivals=rivals,
            removed=removed,
            nearest=nearest,
            notices=notices,
        )

    def _kept(self, matches: Matches) -> dict[Ref, Strength]:
        """The matches that exist and fulfil the conditions, in the same order."""
        asked_by_id = Strength.ID in matches.strengths.values()
        if not self.lookup.conditions and not asked_by_id:
            return matches.strengths
        kept: set[Ref] = set()
        for entity in self.lookup.entities:
            numbers = [number for kind, number in matches.strengths if kind == entity]
            for start in range(0, len(numbers), _IDS_AT_ONCE):
                kept |= {(entity, number) for number in self._fulfilling(entity, numbers[start : start + _IDS_AT_ONCE])}
        return {ref: strength for ref, strength in matches.strengths.items() if ref in kept}

    def _fulfilling(self, entity: Entity, numbers: Sequence[int]) -> Sequence[int]:
        table = TABLES[entity]
        chosen = (table.c.workspace == self.area.workspace, table.c.id.in_(numbers), *self._restrictions(entity))
        return self.connection.execute(select(table.c.id).where(*chosen)).scalars().all()

    def _restrictions(self, entity: Entity) -> list[Any]:
        return list(restrictions(self.area.workspace, entity, self.lookup.conditions, self.lookup.rows))

    def _choices(self) -> tuple[str, ...]:
        """The values that a filtered field of few values really has: the commonest mistake is to invent one."""
        notices = []
        entity = self.lookup.entities[0]
        table = TABLES[entity]
        for condition in self.lookup.conditions:
            field = field_of(entity, condition.field)
            if field is None or field.type != "choice":
                continue
            mine = [table.c.workspace == self.area.workspace, *open_rows(entity, self.lookup.rows)]
            values = select(table.c[field.name]).distinct().where(*mine).order_by(table.c[field.name]).limit(_SHOWN_CHOICES)
            known = [value for value in self.connection.execute(values).scalars() if value]
            notices.append(f"{field.name} of a {entity} is one of {', '.join(known) or 'no value yet'}.")
        return tuple(notices)

    def _names(self, refs: Sequence[Ref]) -> tuple[str, ...]:
        known = read_records(self.connection, self.area.workspace, refs, self.lookup.rows)
        shown = [known[ref] for ref in refs if ref in known and f"{ref[0]}.name" not in self.lookup.hidden]
        return tuple(f"{record.values['name']} ({record.id})" for record in shown)


def _rivals(kept: dict[Ref, Strength], query: Query) -> int:
    """How many people, or companies, fit a name as well as the best one."""
    if not kept or query.ids or query.domain:
        return 0
    best = max(kept.values())
    entity = next(ref[0] for ref, strength in kept.items() if strength == best)
    if best < Strength.NAME_WORDS or entity not in ("person", "company"):
        return 0
    return sum(ref[0] == entity and strength == best for ref, strength in kept.items())


def _too_wide(matches: Matches) -> tuple[str, ...]:
    if len(matches.strengths) < MOST_MATCHES:
        return ()
    return (f"More than {MOST_MATCHES:,} records hold these words; only so many were looked at. Add a word or a filter.",)
