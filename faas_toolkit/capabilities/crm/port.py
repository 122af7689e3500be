"""What the capability asks of a source of customers, in words of no vendor.

A source finds and gives; the rules stay here and in the capability: what a query may be (`query`), which filters make sense
(`filters`), how pages hang together (`cursor`), what is hidden (`cut`). So the source of another vendor is a mapping of names
and one request.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from enum import IntEnum
from typing import Protocol

from faas_toolkit.capabilities.crm.fields import RELATED_ENTITY, Entity, Relation
from faas_toolkit.capabilities.crm.filters import Condition
from faas_toolkit.capabilities.crm.query import Query
from faas_toolkit.capabilities.crm.rows import EVERY, Rows
from faas_toolkit.core.call import Call, Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import Target


class Strength(IntEnum):
    """How well a record fits the query; records of several sources are merged by it."""

    NEAR = 1
    """Looks or sounds similar, or holds some of the words."""
    WORDS = 2
    """Holds all the words."""
    NAME_WORDS = 3
    """Holds all the words in its name."""
    SOUND = 4
    """Its name is read as the query is spelled."""
    NAME = 5
    """Is called exactly so."""
    KEY = 6
    """Has exactly this e-mail address, phone number or domain."""
    ID = 7
    """Is the record asked for."""
    LISTED = 8
    """There was no query; the filters chose it."""


MATCHES: Mapping[Strength, str] = {
    Strength.ID: "id",
    Strength.KEY: "exact",
    Strength.NAME: "name",
    Strength.SOUND: "sounds like",
    Strength.NAME_WORDS: "words of the name",
    Strength.WORDS: "words",
    Strength.NEAR: "similar",
}
"""How each strength is called in answers; a record that only the filters chose has no match."""


@immutable(kw_only=True)
class Related:
    """Records that hang on a record."""

    total: int
    open: int | None = None
    """How many of them are open; None where that means nothing."""
    records: "tuple[CrmRecord, ...]" = ()
    """The first ones; empty where only the count was wanted."""


@immutable(kw_only=True)
class CrmRecord:
    """One record. `values` holds what is known, by the names and types of `fields.FIELDS`; a link is `{"id", "name"}`."""

    entity: Entity
    key: str
    values: Mapping[str, object]
    strength: Strength = Strength.LISTED
    related: Mapping[Relation, Related] = field(default_factory=dict)
    url: str = ""
    """Where a person can open it; empty where there is no such place."""

    @property
    def id(self) -> str:
        """What the next call can name it by, e.g. `person:42`."""
        return f"{self.entity}:{self.key}"


@immutable(kw_only=True)
class Lookup:
    """One question to one source."""

    call: Call
    """Which call this is, for sources that tell their target."""
    query: Query | None
    """None: list what the conditions choose."""
    entities: tuple[Entity, ...]
    conditions: tuple[Condition, ...] = ()
    include: frozenset[Relation] = frozenset()
    hidden: frozenset[str] = frozenset()
    """`entity.field`s that must be neither given, nor searched, nor followed."""
    rows: Rows = EVERY
    """Records that are not open must be neither given, nor counted, nor named, nor linked to."""
    offset: int = 0
    """Records to leave out, counted from the best."""
    limit: int = 5
    related_limit: int = 10
    """Records given for each relation."""

    @property
    def workspace(self) -> Workspace:
        """Whose records are meant."""
        return self.call.workspace


@immutable(kw_only=True)
class Found:
    """What a source has to say."""

    records: tuple[CrmRecord, ...]
    total: int
    """Records that match, on all pages."""
    version: str | None = None
    """The change counter when this was read."""
    label: str | None = None
    """Where the facts are from, if not from the source itself: `sample`."""
    best: Strength | None = None
    """How well the best record of all pages fits."""
    rivals: int = 0
    """Records of one entity that fit as well as the best one and are told apart only by their other fields."""
    removed: int = 0
    """Records that match the query but not the filters."""
    nearest: tuple[str, ...] = ()
    """Names that resemble the query, where nothing matched."""
    notices: tuple[str, ...] = ()


class CrmSource(Protocol):
    """A store of customers."""

    @property
    def kind(self) -> str:
        """As the catalog names it, e.g. `embedded`."""
        ...

    @property
    def target(self) -> Target | None:
        """What the outbound chain is told of it; None: what it asks has a gate of its own, as a function has."""
        ...

    @property
    def local(self) -> bool:
        """Whether it reads a file beside us, so that asking it is as cheap as asking a cache on the same disk."""
        ...

    @property
    def fresh_for(self) -> float:
        """Seconds that an answer may be kept where there is no change counter; 0: not at all."""
        ...

    def find(self, lookup: Lookup, deadline: Deadline) -> Found:
        """The records, best first in a stable order, with what is related to them; raises a `Failure`."""
        ...

    def version(self, workspace: Workspace) -> str | None:
        """The change counter of this workspace's records, None where there is none; cheap; raises a `Failure`."""
        ...

    def check(self, workspace: Workspace, deadline: Deadline) -> str:
        """One sentence on how it is doing, after asking it the cheapest thing; raises a `Failure`."""
        ...


def cut(record: CrmRecord, hidden: frozenset[str]) -> CrmRecord:
    """The record without hidden fields, relations and the hidden fields of what it links to."""
    if not hidden:
        return record
    return replace(
        record,
        values={
            name: _cut_link(value, hidden) for name, value in record.values.items() if f"{record.entity}.{name}" not in hidden
        },
        related={
            relation: _cut_related(relation, related, hidden)
            for relation, related in record.related.items()
            if not _hides(record.entity, relation, hidden)
        },
    )


def _hides(entity: Entity, relation: Relation, hidden: frozenset[str]) -> bool:
    """Whether a relation, or the link that it follows from either end, is hidden."""
    target = RELATED_ENTITY[relation]
    return not hidden.isdisjoint((f"{entity}.{relation}", f"{entity}.{target}", f"{target}.{entity}"))


def _cut_related(relation: Relation, related: Related, hidden: frozenset[str]) -> Related:
    shows_open = f"{RELATED_ENTITY[relation]}.open" not in hidden
    records = tuple(cut(each, hidden) for each in related.records)
    return replace(related, records=records, open=related.open if shows_open else None)


def _cut_link(value: object, hidden: frozenset[str]) -> object:
    if not isinstance(value, Mapping):
        return value
    entity = str(value.get("id", "")).partition(":")[0]
    return {name: inner for name, inner in value.items() if f"{entity}.{name}" not in hidden}
