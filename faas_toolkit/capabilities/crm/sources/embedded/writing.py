"""Writes records with everything they are found by, in the caller's transaction."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.crm.fields import FIELDS, Entity
from faas_toolkit.capabilities.crm.sources.embedded.index import GRAMS, WORDS, document, grams_of, keys_of, words_of
from faas_toolkit.capabilities.crm.sources.embedded.tables import AMOUNT_SCALE, AREAS, KEYS, TABLES
from faas_toolkit.core.immutable import immutable

_BATCH = 400
"""Rows named in one statement; SQLite bound 999 parameters before 3.32, and other databases have bounds of their own."""


@immutable
class Draft:
    """A record to be stored: values by field name, links as numbers of the same workspace, money in units of the currency."""

    entity: Entity
    id: int
    values: Mapping[str, object]


def store(connection: Connection, workspace: str, drafts: Sequence[Draft], *, sample: str | None = None) -> None:
    """Adds the records, or puts them in the place of those with the same number, and moves the workspace's change counter on.

    A record that only links to a changed one keeps the old name in its index until it is stored again.
    """
    area = _claim(connection, workspace, sample)
    names = _Names(connection, workspace, drafts)
    for entity in FIELDS:
        chosen = [draft for draft in drafts if draft.entity == entity]
        for start in range(0, len(chosen), _BATCH):
            _replace(connection, workspace, area, entity, chosen[start : start + _BATCH], names)


def erase(connection: Connection, workspace: str) -> None:
    """Removes every record of a workspace; the area and its counter stay."""
    area = _claim(connection, workspace, None)
    for entity, table in TABLES.items():
        numbers = connection.execute(select(table.c.id).where(table.c.workspace == workspace)).scalars().all()
        documents = [document(entity, number) for number in numbers]
        WORDS.remove(connection, area, documents)
        GRAMS.remove(connection, area, documents)
        connection.execute(delete(table).where(table.c.workspace == workspace))
    connection.execute(delete(KEYS).where(KEYS.c.workspace == workspace))


def remove(connection: Connection, workspace: str, records: Sequence[tuple[Entity, int]]) -> None:
    """Removes records with everything they are found by; what links to them keeps a number that leads nowhere."""
    area = _claim(connection, workspace, None)
    for entity, number in records:
        _take_out(connection, workspace, area, entity, [number])


def purge(connection: Connection) -> None:
    """Makes the indexes hold nothing more of what was removed from them."""
    WORDS.purge(connection)
    GRAMS.purge(connection)


def _claim(connection: Connection, workspace: str, sample: str | None) -> int:
    """The number of the workspace's area, made where there is none; its counter moves on."""
    WORDS.prepare(connection)
    GRAMS.prepare(connection)
    moved = update(AREAS).where(AREAS.c.workspace == workspace).values(changes=AREAS.c.changes + 1, sample=sample)
    if not connection.execute(moved).rowcount:
        connection.execute(insert(AREAS).values(workspace=workspace, changes=1, sample=sample))
    return int(connection.execute(select(AREAS.c.number).where(AREAS.c.workspace == workspace)).scalar_one())


def _replace(connection: Connection, workspace: str, area: int, entity: Entity, drafts: Sequence[Draft], names: "_Names") -> None:
    table = TABLES[entity]
    documents = _take_out(connection, workspace, area, entity, [draft.id for draft in drafts])
    connection.execute(insert(table), [_row(workspace, draft) for draft in drafts])
    keys = [
        {"workspace": workspace, "kind": kind, "value": value, "entity": entity, "id": draft.id}
        for draft in drafts
        for kind, value in keys_of(entity, draft.values)
    ]
    if keys:
        connection.execute(insert(KEYS), keys)
    texts = [words_of(entity, draft.values, names("company", draft), names("person", draft)) for draft in drafts]
    WORDS.add(connection, area, zip(documents, texts, strict=True))
    GRAMS.add(connection, area, zip(documents, (grams_of(entity, draft.values) for draft in drafts), strict=True))


def _take_out(connection: Connection, workspace: str, area: int, entity: Entity, numbers: Sequence[int]) -> list[int]:
    """Removes records; returns their numbers in the indexes."""
    table = TABLES[entity]
    documents = [document(entity, number) for number in numbers]
    connection.execute(delete(table).where(table.c.workspace == workspace, table.c.id.in_(numbers)))
    connection.execute(delete(KEYS).where(KEYS.c.workspace == workspace, KEYS.c.entity == entity, KEYS.c.id.in_(numbers)))
    WORDS.remove(connection, area, documents)
    GRAMS.remove(connection, area, documents)
    return documents


def _row(workspace: str, draft: Draft) -> dict[str, object]:
    row: dict[str, object] = {"workspace": workspace, "id": draft.id}
    columns = TABLES[draft.entity].c
    for field in FIELDS[draft.entity]:
        if field.name in columns:
            row[field.name] = _stored(field.type, draft.values.get(field.name))
    return row


def _stored(kind: str, value: object) -> object:
    if kind == "money" and isinstance(value, (int, float)):
        return round(value * AMOUNT_SCALE)
    if kind in ("email", "domain") and isinstance(value, str):
        return value.lower()
    return value


class _Names:
    """The names of the companies and people that drafts link to: of the drafts themselves, else of what is stored."""

    def __init__(self, connection: Connection, workspace: str, drafts: Iterable[Draft]) -> None:
        drafts = list(drafts)
        self._names = {(draft.entity, draft.id): str(draft.values.get("name") or "") for draft in drafts}
        for entity in ("company", "person"):
            linked = {number for draft in drafts if isinstance(number := draft.values.get(entity), int)}
            self._read(connection, workspace, entity, sorted(number for number in linked if (entity, number) not in self._names))

    def __call__(self, entity: Entity, draft: Draft) -> str:
        number = draft.values.get(entity)
        return self._names.get((entity, number), "") if isinstance(number, int) else ""

    def _read(self, connection: Connection, workspace: str, entity: Entity, numbers: Sequence[int]) -> None:
        table = TABLES[entity]
        for start in range(0, len(numbers), _BATCH):
            chosen = table.c.id.in_(numbers[start : start + _BATCH])
            rows = connection.execute(select(table.c.id, table.c.name).where(table.c.workspace == workspace, chosen))
            self._names.update({(entity, number): name for number, name in rows})
