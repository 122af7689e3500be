"""One question to the records of one area, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.crm.fields import Entity, field_of
from faas_toolkit.capabilities.crm.port import CrmRecord, Found, Lookup, Strength
from faas_toolkit.capabilities.crm.query import Query
from faas_toolkit.capabilities.crm.sources.embedded.area import Area
from faas_toolkit.capabilities.crm.sources.embedded.conditions import restrictions
from faas_toolkit.capabilities.crm.sources.embedded.matching import MOST_MATCHES, Matcher, Matches
from faas_toolkit.capabilities.crm.sources.embedded.open_rows import Ref, open_rows
from faas_toolkit.capabilities.crm.sources.embedded.reading import order_of, read_records, related_of
from faas_toolkit.capabilities.crm.sources.embedded.tables import TABLES
from faas_toolkit.core.immutable import immutable
from faas_toolkit.search.analysis import has_han

_IDS_AT_ONCE = 5_000
_SHOWN_CHOICES = 20
_SOON_MATCHED = 200
"""Matches that are read in less than a millisecond."""


@immutable
class Search:
    """Answers it."""

    connection: Connection
    area: Area
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
        return Found(
            records=self._records(dict.fromkeys(refs, Strength.LISTED)),
            total=total,
            version=self.area.version,
            label=self.area.label,
            notices=() if total else self._choices(),
        )

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
        return Found(
            records=self._records(page),
            total=len(kept),
            version=self.area.version,
            label=self.area.label,
            best=max(kept.values(), default=None),
            rivals=_rivals(kept, query),
            removed=removed if self.lookup.conditions else 0,
            nearest=() if kept or removed else self._names(matcher.resembling()),
            notices=(*_too_wide(matches), *choices),
        )

    def _records(self, page: Mapping[Ref, Strength]) -> tuple[CrmRecord, ...]:
        """Those of a page that are there, in its order, with what is related to them."""
        known = read_records(self.connection, self.area.workspace, page, self.lookup.rows)
        records = {ref: known[ref] for ref in page if ref in known}
        related = related_of(self.connection, self.lookup, self.area.workspace, list(records.values()))
        return tuple(replace(record, strength=page[ref], related=related[record.id]) for ref, record in records.items())

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
