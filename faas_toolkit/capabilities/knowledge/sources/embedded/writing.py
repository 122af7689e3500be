"""Writes and removes documents with everything they are found by, in the caller's transaction."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import batched

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    Connection,
    Row,
    delete,
    insert,
    select,
    update,
)

from faas_toolkit.capabilities.knowledge.access import Access, Reader
from faas_toolkit.capabilities.knowledge.port import DocumentDraft, Status, Stored
from faas_toolkit.capabilities.knowledge.sources.embedded.conditions import readable, stored_number, stored_text
from faas_toolkit.capabilities.knowledge.sources.embedded.index import index_beside
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import (
    ACCESS,
    AREAS,
    CHANGES,
    DOCUMENTS,
    MOST_PASSAGES,
    OF_DOCUMENTS,
    PASSAGES,
    VALUES,
    passage_number,
)
from faas_toolkit.core.errors import NotFound
from faas_toolkit.core.filters import as_choices
from faas_toolkit.core.immutable import immutable

_MOST_NAMED = 5
_BATCH = 400
"""Documents named in one statement."""
_TOKENS = 1 << 30


@immutable
class Place:
    """Where documents are written: an area of a workspace, on a day (YYYY-MM-DD)."""

    workspace: str
    base: str
    area: int
    today: str


def claim(connection: Connection, workspace: str, base: str, *, sample: str | None = None) -> int:
    """The number of the area, made where there is none; its change counter moves on."""
    mine = (AREAS.c.workspace == workspace, AREAS.c.base == base)
    moved = update(AREAS).where(*mine).values(**moved_on(), sample=sample)
    if not connection.execute(moved).rowcount:
        row = {"workspace": workspace, "base": base, "changes": 1, "next_document": 1, "sample": sample, "mark": _new_mark()}
        connection.execute(insert(AREAS).values(row))
    area = int(connection.execute(select(AREAS.c.number).where(*mine)).scalar_one())
    index_beside(connection, area).prepare(connection)
    return area


def moved_on() -> dict[str, object]:
    """What an area's row becomes with a change of anything in it."""
    return {"changes": AREAS.c.changes + 1, "mark": _new_mark()}


def note_changes(connection: Connection, area: int, documents: Sequence[int]) -> None:
    """Notes that these documents belong to the change that the area's counter stands at; whoever calls has moved it on."""
    state = connection.execute(select(AREAS.c.workspace, AREAS.c.changes).where(AREAS.c.number == area)).one()
    noted = {"workspace": state.workspace, "area": area, "change": state.changes, "token": secrets.randbelow(_TOKENS)}
    for chosen in batched(documents, _BATCH):
        connection.execute(delete(CHANGES).where(CHANGES.c.area == area, CHANGES.c.document.in_(chosen)))
        rows = [{**noted, "document": number} for number in chosen]
        connection.execute(insert(CHANGES), rows)


def store(connection: Connection, place: Place, draft: DocumentDraft, reader: Reader) -> Stored:
    """Stores one document.

    The same title and text, where this reader may see it, is one document: it keeps its passages, and takes the metadata and the
    access list that were given, if any were. Nothing else is ever overwritten unless the draft says so by a document's number.

    Raises:
        NotFound: the document whose place it should take is not there for this reader.
    """
    if draft.replaces is not None:
        return _replace(connection, place, draft, reader)
    twin = _twin(connection, place, draft, reader)
    if twin is not None:
        return Stored(
            id=f"{place.base}:{twin.number}",
            title=draft.title,
            status=_amend(connection, place, twin, draft),
            passages=twin.passages,
        )
    number = _next_number(connection, place)
    return _insert(connection, place, number, draft, reader, "added")


def erase(connection: Connection, area: int, numbers: Sequence[int]) -> None:
    """Removes documents with all that hangs on them, and notes it."""
    drop(connection, area, numbers)
    note_changes(connection, area, numbers)


def drop(connection: Connection, area: int, numbers: Sequence[int]) -> None:
    """Removes the rows of documents."""
    for number in numbers:
        _erase_contents(connection, area, number)
        connection.execute(delete(DOCUMENTS).where(DOCUMENTS.c.area == area, DOCUMENTS.c.number == number))


def _replace(connection: Connection, place: Place, draft: DocumentDraft, reader: Reader) -> Stored:
    wanted = (*readable(place.area, reader), DOCUMENTS.c.number == draft.replaces)
    old = connection.execute(select(DOCUMENTS).where(*wanted)).one_or_none()
    if old is None:
        raise NotFound(
            f"There is no document {place.base}:{draft.replaces} that you may replace.",
            hint="Leave document out to add a new one; knowledge_search shows the ids of those that are there.",
        )
    kept = _with_kept(connection, place, old, draft)
    drop(connection, place.area, [old.number])
    return _insert(connection, place, old.number, kept, reader, "replaced")


def _with_kept(connection: Connection, place: Place, old: Row[tuple[object, ...]], draft: DocumentDraft) -> DocumentDraft:
    """The draft with the metadata and access of the document that it takes the place of, where it says nothing itself."""
    listed = connection.execute(
        select(ACCESS.c.kind, ACCESS.c.name).where(ACCESS.c.area == place.area, ACCESS.c.document == old.number)
    )
    access = draft.access if draft.access is not None else Access(frozenset((row.kind, row.name) for row in listed))
    metadata = draft.metadata if draft.metadata is not None else json.loads(old.metadata)
    return replace(draft, access=access, metadata=metadata)


def _twin(connection: Connection, place: Place, draft: DocumentDraft, reader: Reader) -> Row[tuple[object, ...]] | None:
    alike = (*readable(place.area, reader), DOCUMENTS.c.digest == draft.digest)
    # Not ordered: to give the first by number SQLite would read all documents in that order.
    return connection.execute(select(DOCUMENTS).where(*alike).limit(1)).one_or_none()


def _amend(connection: Connection, place: Place, twin: Row[tuple[object, ...]], draft: DocumentDraft) -> Status:
    changed: dict[str, object] = {}
    if draft.metadata is not None and (written := _written(draft.metadata)) != twin.metadata:
        connection.execute(delete(VALUES).where(VALUES.c.area == place.area, VALUES.c.document == twin.number))
        _insert_values(connection, place, twin.number, {**_built_in(twin), **draft.metadata})
        changed["metadata"] = written
    if draft.access is not None:
        mine = (ACCESS.c.area == place.area, ACCESS.c.document == twin.number)
        listed = connection.execute(select(ACCESS.c.kind, ACCESS.c.name).where(*mine))
        if draft.access.names != {(row.kind, row.name) for row in listed}:
            connection.execute(delete(ACCESS).where(*mine))
            _insert_access(connection, place, twin.number, draft.access)
            changed["restricted"] = draft.access.restricted
    if not changed:
        return "unchanged"
    here = (DOCUMENTS.c.area == place.area, DOCUMENTS.c.number == twin.number)
    connection.execute(update(DOCUMENTS).where(*here).values(changed))
    note_changes(connection, place.area, [twin.number])
    return "updated"


def _insert(connection: Connection, place: Place, number: int, draft: DocumentDraft, reader: Reader, status: Status) -> Stored:
    alike = (*readable(place.area, reader), DOCUMENTS.c.title == draft.title)
    same_title = connection.execute(select(DOCUMENTS.c.number).where(*alike).limit(_MOST_NAMED)).scalars()
    others = tuple(f"{place.base}:{other}" for other in sorted(same_title))
    access = draft.access or Access()
    metadata = draft.metadata or {}
    row = {
        "workspace": place.workspace,
        "area": place.area,
        "number": number,
        "title": draft.title,
        "kind": draft.kind,
        "origin": draft.origin,
        "digest": draft.digest,
        "characters": draft.characters,
        "passages": len(draft.passages),
        "created": place.today,
        "metadata": _written(metadata),
        "restricted": access.restricted,
    }
    connection.execute(insert(DOCUMENTS).values(row))
    _insert_passages(connection, place, number, draft)
    _insert_values(connection, place, number, {**_built_in(row), **metadata})
    _insert_access(connection, place, number, access)
    note_changes(connection, place.area, [number])
    return Stored(id=f"{place.base}:{number}", title=draft.title, status=status, passages=len(draft.passages), same_title=others)


def _insert_passages(connection: Connection, place: Place, number: int, draft: DocumentDraft) -> None:
    rows = [
        {
            "workspace": place.workspace,
            "area": place.area,
            "number": passage_number(number, at),
            "heading": passage.heading,
            "text": passage.text,
        }
        for at, passage in enumerate(draft.passages)
    ]
    connection.execute(insert(PASSAGES), rows)
    index_beside(connection, place.area).add(
        connection, place.area, ((passage_number(number, at), passage.terms) for at, passage in enumerate(draft.passages))
    )


def _insert_values(connection: Connection, place: Place, number: int, values: Mapping[str, object]) -> None:
    rows = [
        {"workspace": place.workspace, "area": place.area, "document": number, "name": name, "place": at}
        | {"text": stored_text(value), "number": stored_number(value)}
        for name, at, value in _flat(values)
    ]
    if rows:
        connection.execute(insert(VALUES), rows)


def _flat(values: Mapping[str, object]) -> Iterator[tuple[str, int, object]]:
    places: dict[str, int] = {}
    for name, value in values.items():
        folded = name.casefold()[:100]
        for each in as_choices(value):
            places[folded] = places.get(folded, -1) + 1  # two names may differ only in case
            yield folded, places[folded], each


def _insert_access(connection: Connection, place: Place, number: int, access: Access) -> None:
    rows = [
        {"workspace": place.workspace, "area": place.area, "document": number, "kind": kind, "name": name}
        for kind, name in sorted(access.names)
    ]
    if rows:
        connection.execute(insert(ACCESS), rows)


def _built_in(document: Row[tuple[object, ...]] | Mapping[str, object]) -> dict[str, object]:
    """What every document can be filtered by, unless its metadata says something else under the same name."""
    row = document if isinstance(document, Mapping) else document._mapping  # noqa: SLF001 - SQLAlchemy's documented way
    known = {"title": row["title"], "kind": row["kind"], "origin": row["origin"], "created": row["created"]}
    return {name: value for name, value in known.items() if value}


def _erase_contents(connection: Connection, area: int, number: int) -> None:
    first, last = passage_number(number, 0), passage_number(number, MOST_PASSAGES - 1)
    within = (PASSAGES.c.area == area, PASSAGES.c.number.between(first, last))
    numbers = connection.execute(select(PASSAGES.c.number).where(*within)).scalars().all()
    index_beside(connection, area).remove(connection, area, numbers)
    connection.execute(delete(PASSAGES).where(*within))
    for table in OF_DOCUMENTS:
        connection.execute(delete(table).where(table.c.area == area, table.c.document == number))


def _next_number(connection: Connection, place: Place) -> int:
    mine = AREAS.c.number == place.area
    number = int(connection.execute(select(AREAS.c.next_document).where(mine)).scalar_one())
    connection.execute(update(AREAS).where(mine).values(next_document=number + 1))
    return number


def _new_mark() -> str:
    return secrets.token_hex(8)


def _written(metadata: Mapping[str, object]) -> str:
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True)
