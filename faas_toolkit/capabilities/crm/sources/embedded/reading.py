"""Rows as records, and what hangs on them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    Connection,
    Integer,
    Table,
    and_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    select,
    union_all,
)

from faas_toolkit.capabilities.crm.fields import ENTITIES, FIELDS, RELATED, RELATED_ENTITY, Entity, Relation
from faas_toolkit.capabilities.crm.port import CrmRecord, Lookup, Related
from faas_toolkit.capabilities.crm.rows import Rows
from faas_toolkit.capabilities.crm.sources.embedded.open_rows import open_rows, parameters_of
from faas_toolkit.capabilities.crm.sources.embedded.tables import AMOUNT_SCALE, TABLES
from faas_toolkit.state.prepared import NamedRow, Prepared

_COUNTED: Mapping[Entity, tuple[Relation, ...]] = {"person": ("deals", "tickets"), "company": ("deals", "tickets")}
"""Counted on every record, so that a reader learns that there is more to ask for."""


_READ: Mapping[Entity, tuple[tuple[str, str, str], ...]] = {
    entity: tuple((field.name, field.type, f"{field.name}_name") for field in fields) for entity, fields in FIELDS.items()
}
"""Of every field its name, its type, and the column that holds the name of what it links to."""

_ORDER: Mapping[Entity, tuple[str, ...]] = {
    "person": ("name",),
    "company": ("name",),
    "deal": ("-open", "close_date"),
    "ticket": ("-open", "-created"),
    "activity": ("-date",),
}
"""What is open and due first, what happened last first, names by the alphabet; a minus: the largest first."""


def order_of(entity: Entity, hidden: frozenset[str]) -> list[ColumnElement[Any]]:
    """How records of an entity are listed; a hidden field has no say, or the order would give it away."""
    columns = TABLES[entity].c
    visible = [name for name in _ORDER[entity] if f"{entity}.{name.removeprefix('-')}" not in hidden]
    ordered = [columns[name[1:]].desc() if name.startswith("-") else columns[name] for name in visible]
    return [*ordered, columns.id]


def read_records(
    connection: Connection, workspace: str, wanted: Iterable[tuple[Entity, int]], rows: Rows
) -> dict[tuple[Entity, int], CrmRecord]:
    """The records of these numbers that exist and are open."""
    numbers: dict[Entity, list[int]] = {}
    for entity, number in wanted:
        numbers.setdefault(entity, []).append(number)
    found: dict[tuple[Entity, int], CrmRecord] = {}
    for entity, chosen in numbers.items():
        mine = rows.about(entity, *_links(entity))
        for row in _records(entity, mine.form)(connection, {"workspace": workspace, "ids": chosen, **parameters_of(mine)}):
            found[entity, row["id"]] = CrmRecord(entity=entity, key=str(row["id"]), values=_values(entity, row))
    return found


def related_of(
    connection: Connection, lookup: Lookup, workspace: str, records: Sequence[CrmRecord]
) -> dict[str, dict[Relation, Related]]:
    """What hangs on the records, by their ids: what the caller wants along, and the counts that everybody gets."""
    related: dict[str, dict[Relation, Related]] = {record.id: {} for record in records}
    for entity in dict.fromkeys(record.entity for record in records):
        parents = [record for record in records if record.entity == entity]
        included, counted = _wanted(entity, lookup.include, lookup.hidden)
        for relation in included:
            for key, value in _included(connection, lookup, workspace, relation, parents).items():
                related[key][relation] = value
        for relation, key, value in _counts(connection, workspace, counted, parents, lookup.rows) if counted else ():
            related[key][relation] = value
    return related


@lru_cache(maxsize=1_024)
def _wanted(
    entity: Entity, include: frozenset[Relation], hidden: frozenset[str]
) -> tuple[tuple[Relation, ...], tuple[Relation, ...]]:
    """Which relations of an entity's records come along, and which are only counted, but for those hidden from the caller."""
    shown = [relation for relation in RELATED[entity] if not _is_hidden(entity, relation, hidden)]
    counted = _COUNTED.get(entity, ())
    return (
        tuple(relation for relation in shown if relation in include),
        tuple(relation for relation in shown if relation in counted and relation not in include),
    )


def _is_hidden(entity: Entity, relation: Relation, hidden: frozenset[str]) -> bool:
    target = RELATED_ENTITY[relation]
    return not hidden.isdisjoint((f"{entity}.{relation}", f"{entity}.{target}", f"{target}.{entity}"))


def _included(
    connection: Connection, lookup: Lookup, workspace: str, relation: Relation, parents: Sequence[CrmRecord]
) -> dict[str, Related]:
    target = RELATED_ENTITY[relation]
    if any(field.name == target for field in FIELDS[parents[0].entity]):
        return _linked(connection, workspace, target, parents, lookup.rows)
    return _hanging(connection, lookup, workspace, target, parents)


def _linked(
    connection: Connection, workspace: str, target: Entity, parents: Sequence[CrmRecord], rows: Rows
) -> dict[str, Related]:
    """The one record that each parent itself names."""
    links = {parent.id: _link_number(parent.values.get(target)) for parent in parents}
    wanted = [(target, number) for number in sorted({number for number in links.values() if number is not None})]
    found = read_records(connection, workspace, wanted, rows) if wanted else {}
    result = {}
    for parent, number in links.items():
        record = found.get((target, number)) if number is not None else None
        result[parent] = Related(total=1, records=(record,)) if record is not None else Related(total=0)
    return result


def _hanging(
    connection: Connection, lookup: Lookup, workspace: str, target: Entity, parents: Sequence[CrmRecord]
) -> dict[str, Related]:
    """The first records that name each parent, and how many there are."""
    entity = parents[0].entity
    mine = lookup.rows.about(target)
    parameters = {**_parameters(workspace, parents), "most": lookup.related_limit, **parameters_of(mine)}
    hidden = frozenset(name for name in lookup.hidden if name.startswith(f"{target}."))
    rows = _first_hanging(entity, target, hidden, mine.form)(connection, parameters)
    found = read_records(connection, workspace, [(target, row["id"]) for row in rows], lookup.rows)
    result = {parent.id: Related(total=0, open=0 if _can_be_open(target) else None) for parent in parents}
    for row in rows:
        key = f"{entity}:{row['parent']}"
        records = (*result[key].records, found[target, row["id"]])
        result[key] = Related(total=row["total"], open=row["open"] if _can_be_open(target) else None, records=records)
    return result


def _counts(
    connection: Connection, workspace: str, relations: tuple[Relation, ...], parents: Sequence[CrmRecord], rows: Rows
) -> Iterator[tuple[Relation, str, Related]]:
    """How many records of each relation name each parent that any does, and how many of them are open."""
    entity = parents[0].entity
    mine = rows.about(*(RELATED_ENTITY[relation] for relation in relations))
    parameters = {**_parameters(workspace, parents), **parameters_of(mine)}
    for row in _count_hanging(entity, relations, mine.form)(connection, parameters):
        yield row["relation"], f"{entity}:{row['parent']}", Related(total=row["total"], open=row["open"])


def _parameters(workspace: str, parents: Sequence[CrmRecord]) -> dict[str, object]:
    return {"workspace": workspace, "ids": [int(parent.key) for parent in parents]}


def _can_be_open(entity: Entity) -> bool:
    return "open" in TABLES[entity].c


@lru_cache(maxsize=256)
def _records(entity: Entity, form: Rows) -> Prepared:
    table = TABLES[entity]
    source: Any = table
    names = []
    for link in _links(entity):
        linked = TABLES[link].alias(f"linked_{link}")
        on = and_(linked.c.workspace == table.c.workspace, linked.c.id == table.c[link], *open_rows(link, form, linked.c))
        source = source.outerjoin(linked, on)
        names.append(linked.c.name.label(f"{link}_name"))
    return Prepared(select(table, *names).select_from(source).where(*_of_ids(table, table.c.id), *open_rows(entity, form)))


@lru_cache(maxsize=256)
def _first_hanging(entity: Entity, target: Entity, hidden: frozenset[str], form: Rows) -> Prepared:
    table = TABLES[target]
    parent = table.c[entity]
    ranked = (
        select(
            table.c.id,
            parent.label("parent"),
            func.row_number().over(partition_by=parent, order_by=order_of(target, hidden)).label("place"),
            func.count().over(partition_by=parent).label("total"),
            func.sum(_open(table)).over(partition_by=parent).label("open"),
        )
        .where(*_of_ids(table, parent), *open_rows(target, form))
        .subquery()
    )
    first = select(ranked).where(ranked.c.place <= bindparam("most"))
    return Prepared(first.order_by(ranked.c.parent, ranked.c.place))


@lru_cache(maxsize=256)
def _count_hanging(entity: Entity, relations: tuple[Relation, ...], form: Rows) -> Prepared:
    counts = []
    for relation in relations:
        target = RELATED_ENTITY[relation]
        table = TABLES[target]
        parent = table.c[entity]
        counted = select(
            literal_column(f"'{relation}'").label("relation"),
            parent.label("parent"),
            func.count().label("total"),
            func.sum(_open(table)).label("open"),
        )
        counts.append(counted.where(*_of_ids(table, parent), *open_rows(target, form)).group_by(parent))
    return Prepared(union_all(*counts))


def _of_ids(table: Table, column: "ColumnElement[Any]") -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.workspace == bindparam("workspace"), column.in_(bindparam("ids", expanding=True))


def _open(table: Table) -> ColumnElement[Any]:
    return cast(table.c.open, Integer) if "open" in table.c else literal(0)


def _links(entity: Entity) -> list[Entity]:
    names = {field.name for field in FIELDS[entity] if field.type == "link"}
    return [link for link in ENTITIES if link in names]


def _values(entity: Entity, row: NamedRow) -> dict[str, object]:
    values: dict[str, object] = {}
    for name, kind, linked in _READ[entity]:
        value = row[name]
        if value is None or value == "":
            continue
        if kind == "money":
            value = value // AMOUNT_SCALE if value % AMOUNT_SCALE == 0 else value / AMOUNT_SCALE
        elif kind == "boolean":
            value = bool(value)
        elif kind == "link":
            called = row[linked]
            if called is None:  # what it linked to is gone
                continue
            value = {"id": f"{name}:{value}", "name": called}
        values[name] = value
    return values


def _link_number(link: object) -> int | None:
    return int(str(link["id"]).partition(":")[2]) if isinstance(link, Mapping) else None
