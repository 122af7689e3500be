"""A node's own copy of the documents of a shared database, which is what is searched.

On the server documents are only kept; full text is a matter of SQLite's index, which each node has beside its copy. Before a
search the node asks how far the area is (one round trip) and, where it is further than the copy, for what is newer: documents
written, and documents that are gone. So what one node adds or removes, every other one finds, or does not find, from then on. A
copy can be thrown away at any time: it is made again from the server.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from typing import Any

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from faas_toolkit.capabilities.knowledge.reading.document import passage_terms
from faas_toolkit.capabilities.knowledge.sources.embedded.areas import Area, own_area
from faas_toolkit.capabilities.knowledge.sources.embedded.index import passage_terms_of
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import (
    AREAS,
    CHANGES,
    DOCUMENTS,
    MOST_PASSAGES,
    NO_DOCUMENT_IS_ABOVE,
    OF_DOCUMENTS,
    PASSAGES,
    document_of,
    passage_number,
)
from faas_toolkit.capabilities.knowledge.sources.embedded.writing import claim, drop
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.state.sql import Database
from faas_toolkit.state.sqlite_database import SqliteDatabase

_PAGE_DOCUMENTS = 100
_PAGE_PASSAGES = 2_000
"""What is copied at once; a larger document comes alone."""

type _Place = tuple[int, int]
"""A change and a document: changes are read in this order."""
type _Rows = Sequence[Mapping[str, Any]]


class _Overtaken(Exception):
    """Another process of this node has moved the copy on meanwhile."""


class _Unlike(Exception):
    """The copy is not what the server holds, although both are at the same change: a backup was restored there."""


@immutable(kw_only=True)
class _Page:
    """A part of what is newer than the copy, as it stands on the server in one moment."""

    workspace: str
    area: Area
    changes: Sequence[_Place]
    tokens: Mapping[int, int | None]
    """Of the changes, by document."""
    documents: _Rows
    passages: _Rows
    hanging: Mapping[Table, _Rows]
    total: tuple[int, ...]
    """Of the last page: what tells whether a copy with all changes is the same (`_total`)."""
    is_last: bool
    terms: dict[int, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """What each passage is found by."""

    def with_terms(self) -> "_Page":
        """Cuts the texts into terms."""
        titles = {row["number"]: row["title"] for row in self.documents}
        for row in self.passages:
            self.terms[row["number"]] = passage_terms(titles[document_of(row["number"])], row["heading"], row["text"])
        return self


class Replica:
    """Keeps copies of areas.

    Args:
        shared: the server's database.
        local: this node's file.
        offload: where texts are cut into terms.
    """

    def __init__(self, *, shared: Database, local: SqliteDatabase, offload: Offload) -> None:
        self._shared = shared
        self.local = local
        self._offload = offload
        self._following: dict[tuple[str, str], threading.Event] = {}

    def state(self, workspace: str, base: str) -> Area | None:
        """The area as it stands on the server; None until its first document. One round trip."""
        return self._shared.read(lambda connection: own_area(connection, workspace, base), alone=True)

    def area(self, workspace: str, base: str, deadline: Deadline) -> Area | None:
        """The area in this node's file, as new as the server's; None where the server has none.

        Raises:
            Unavailable: the server is away, or there is no time left to copy what is missing; the next call goes on there.
        """
        while True:
            there = self.state(workspace, base)
            if there is None:
                return None
            here = self.local.read(lambda connection: own_area(connection, workspace, base))
            if here is not None and here.mark is not None and (here.changes, here.mark) == (there.changes, there.mark):
                return here
            if self._follow_once(workspace, base, deadline):
                return self.local.read(lambda connection: own_area(connection, workspace, base))

    def _follow_once(self, workspace: str, base: str, deadline: Deadline) -> bool:
        """Brings the copy up to date, or waits for the call that is doing so; False: it has to be looked at again."""
        key = (workspace, base)
        running = self._following.get(key)
        if running is not None:
            if not running.wait(deadline.remaining()):
                raise _not_ready()
            return False
        landed = self._following[key] = threading.Event()  # looked up here: gevent replaces the class
        try:
            self._follow(workspace, base, deadline)
        except _Overtaken:
            return False
        except _Unlike:
            self.local.write(lambda connection: _empty(connection, workspace, base))
            return False
        finally:
            del self._following[key]
            landed.set()
        return True

    def _follow(self, workspace: str, base: str, deadline: Deadline) -> None:
        """Copies page by page; what was copied stays, also where the time ends before the last one."""
        here = self.local.write(lambda connection: _claimed(connection, workspace, base))
        after: _Place = (here.changes, NO_DOCUMENT_IS_ABOVE)
        while True:
            if deadline.expired():
                raise _not_ready()
            page = self._shared.read(partial(_page, workspace=workspace, base=base, after=after))
            if page is None or page.area.changes < here.changes:
                raise _Unlike
            page = self._offload.run("parse", page.with_terms)
            here = self.local.write(partial(_apply, page=page, here=here))
            if page.is_last:
                return
            after = page.changes[-1]


def _not_ready() -> Unavailable:
    return Unavailable(
        "This node is still copying the documents of the base from the database.",
        hint="Try again in a few seconds; it goes on from where it is.",
        retry_after=5.0,
        not_executed=True,
    )


def _claimed(connection: Connection, workspace: str, base: str) -> Area:
    """The copy's area, made where there is none, and marked as not whole."""
    here = own_area(connection, workspace, base)
    if here is None:
        claim(connection, workspace, base)
        mine = (AREAS.c.workspace == workspace, AREAS.c.base == base)
        connection.execute(update(AREAS).where(*mine).values(changes=0, mark=None))
    else:
        connection.execute(update(AREAS).where(AREAS.c.number == here.number).values(mark=None))
        passage_terms_of(here.number).prepare(connection)
    made = own_area(connection, workspace, base)
    assert made is not None  # noqa: S101 - written above; for mypy
    return made


def _empty(connection: Connection, workspace: str, base: str) -> None:
    """Throws the copy of an area away."""
    here = _claimed(connection, workspace, base)
    numbers = connection.execute(select(DOCUMENTS.c.number).where(DOCUMENTS.c.area == here.number)).scalars().all()
    drop(connection, here.number, numbers)
    connection.execute(delete(CHANGES).where(CHANGES.c.area == here.number))
    connection.execute(update(AREAS).where(AREAS.c.number == here.number).values(changes=0))


def _page(connection: Connection, *, workspace: str, base: str, after: _Place) -> _Page | None:
    """The next changes of the area after that place, with what became of their documents."""
    area = own_area(connection, workspace, base)
    if area is None:
        return None
    rows = connection.execute(_newer(area.number, after).limit(_PAGE_DOCUMENTS + 1)).all()
    chosen = list(_within_bounds(rows))
    written = [row.document for row in chosen if row.passages is not None]
    is_last = len(chosen) == len(rows)
    return _Page(
        workspace=workspace,
        area=area,
        changes=[(row.change, row.document) for row in chosen],
        tokens={row.document: row.token for row in chosen},
        documents=_rows(connection, DOCUMENTS, area.number, DOCUMENTS.c.number.in_(written)) if written else (),
        passages=_rows(connection, PASSAGES, area.number, or_(*map(_of_document, written))) if written else (),
        hanging={
            table: _rows(connection, table, area.number, table.c.document.in_(written)) if written else ()
            for table in OF_DOCUMENTS
        },
        total=_total(connection, area.number) if is_last else (),
        is_last=is_last,
    )


def _newer(area: int, after: _Place) -> Any:  # noqa: ANN401 - a select of four columns
    change, document = after
    newer = or_(CHANGES.c.change > change, and_(CHANGES.c.change == change, CHANGES.c.document > document))
    with_document = and_(DOCUMENTS.c.area == CHANGES.c.area, DOCUMENTS.c.number == CHANGES.c.document)
    return (
        select(CHANGES.c.change, CHANGES.c.document, CHANGES.c.token, DOCUMENTS.c.passages)
        .join_from(CHANGES, DOCUMENTS, with_document, isouter=True)
        .where(CHANGES.c.area == area, newer)
        .order_by(CHANGES.c.change, CHANGES.c.document)
    )


def _within_bounds(rows: Sequence[Row[Any]]) -> Iterator[Row[Any]]:
    passages = 0
    for place, row in enumerate(rows[:_PAGE_DOCUMENTS]):
        passages += row.passages or 0
        if place and passages > _PAGE_PASSAGES:
            return
        yield row


def _of_document(number: int) -> ColumnElement[bool]:
    return PASSAGES.c.number.between(passage_number(number, 0), passage_number(number, MOST_PASSAGES - 1))


def _rows(connection: Connection, table: Table, area: int, chosen: ColumnElement[bool]) -> _Rows:
    return [dict(row) for row in connection.execute(select(table).where(table.c.area == area, chosen)).mappings()]


def _apply(connection: Connection, *, page: _Page, here: Area) -> Area:
    """Puts a page into the copy; the last one makes it whole. Returns where the copy stands now."""
    mine = AREAS.c.number == here.number
    stands = connection.execute(select(AREAS.c.changes, AREAS.c.mark).where(mine)).one_or_none()
    if stands is None or (stands.changes, stands.mark) != (here.changes, None):
        raise _Overtaken
    numbers = [document for _, document in page.changes]
    drop(connection, here.number, numbers)
    for table, rows in ((DOCUMENTS, page.documents), (PASSAGES, page.passages), *page.hanging.items()):
        _insert(connection, table, here.number, rows)
    passage_terms_of(here.number).add(connection, here.number, page.terms.items())
    for change, document in page.changes:
        connection.execute(delete(CHANGES).where(CHANGES.c.area == here.number, CHANGES.c.document == document))
        row = {"workspace": page.workspace, "area": here.number, "document": document, "change": change}
        row["token"] = page.tokens[document]
        connection.execute(insert(CHANGES).values(row))
    # The documents of one change may be parted by the end of a page: a copy that stops here begins with that change again.
    reached = page.area.changes if page.is_last else page.changes[-1][0] - 1
    connection.execute(update(AREAS).where(mine).values(changes=reached, mark=page.area.mark if page.is_last else None))
    if page.is_last and _total(connection, here.number) != page.total:
        raise _Unlike
    return Area(here.number, reached, is_sample=False, sample=None)


def _insert(connection: Connection, table: Table, area: int, rows: _Rows) -> None:
    if rows:
        connection.execute(insert(table), [{**row, "area": area} for row in rows])


def _total(connection: Connection, area: int) -> tuple[int, ...]:
    """How many documents the area has had, and the sums of their changes and tokens."""
    sums = (func.coalesce(func.sum(column), 0) for column in (CHANGES.c.change, CHANGES.c.token))
    counted = connection.execute(select(func.count(), *sums).where(CHANGES.c.area == area)).one()
    return tuple(int(number) for number in counted)
