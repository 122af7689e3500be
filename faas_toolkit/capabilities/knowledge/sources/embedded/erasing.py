"""Forgets a person in the embedded bases: what is about them goes; what names them is told, and goes when asked."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.knowledge.sources.embedded.index import index_beside
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import ACCESS, AREAS, DOCUMENTS, PASSAGES, document_of, place_of
from faas_toolkit.capabilities.knowledge.sources.embedded.writing import claim, erase, note_changes
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.erasure import Action, Person, Trace
from faas_toolkit.core.filters import as_choices
from faas_toolkit.state.sql import Database

_PAGE = 100
"""Rows that are looked through at once, on the hub."""
_LONGEST_NAME = 200
"""Characters."""


class _Area(NamedTuple):
    number: int
    base: str


class _Found(NamedTuple):
    area: _Area
    document: int
    trace: Trace


class KnowledgeErasure:
    """A `Holding` over every base of the workspace, also those that its catalog names no more. The sample is never touched.

    Args:
        database: of this process.
        mentioning: delete documents that name the person too, in place of telling them.
    """

    def __init__(self, database: Database, *, mentioning: bool) -> None:
        self._database = database
        self._mentioning: Action = "delete" if mentioning else "keep"

    def forget(self, workspace: Workspace, person: Person, *, confirmed: bool) -> list[Trace]:
        """Looks through every document."""
        areas = self._database.read(partial(_areas, workspace=workspace))
        found = [each for area in areas for each in self._found(area, person)]
        if confirmed:
            self._database.write(lambda connection: _carry_out(connection, workspace, areas, found, person))
        return [each.trace for each in found]

    def _found(self, area: _Area, person: Person) -> Iterator[_Found]:
        about: set[int] = set()
        naming: set[int] = set()
        for row in self._pages(partial(_documents_after, area=area.number)):
            if any(map(person.is_meant_by, _said_of(row))):
                about.add(row.number)
            elif any(map(person.is_named_in, (row.title, row.origin, row.metadata))):
                naming.add(row.number)
        before = ""
        for row in self._pages(partial(_passages_after, area=area.number)):
            before = before if place_of(row.number) else ""
            if any(map(person.is_named_in, (row.text, row.heading, *_over_the_cut(before, row.text)))):
                naming.add(document_of(row.number))
            before = row.text
        for document in sorted(about):
            yield _Found(area, document, _trace(area, document, "delete", "A document about the person, by its metadata."))
        for document in sorted(naming - about):
            yield _Found(area, document, _trace(area, document, self._mentioning, "A document that names the person."))
        opened = self._database.read(partial(_opened_to, area=area.number, person=person))
        for document in dict.fromkeys(document for document, _ in opened):
            if document not in about and (document not in naming or self._mentioning == "keep"):
                yield _Found(area, document, _trace(area, document, "anonymise", "The person is on its access list."))

    def _pages(self, page: Callable[..., Sequence[Any]]) -> Iterator[Any]:
        """Row by row, read in portions, so that other calls get their turn."""
        after = -1
        while rows := self._database.read(partial(page, after=after)):
            yield from rows
            after = rows[-1].number


def _over_the_cut(before: str, text: str) -> tuple[str, ...]:
    """What stands on both sides of the place where a long line was cut into two passages: a name may be torn by it."""
    end, begin = before[-_LONGEST_NAME:], text[:_LONGEST_NAME]
    return (f"{end}{begin}", f"{end} {begin}") if before else ()


def _trace(area: _Area, document: int, action: Action, text: str) -> Trace:
    return Trace(place="knowledge", item=f"{area.base}:{document}", action=action, text=text)


def _areas(connection: Connection, *, workspace: Workspace) -> list[_Area]:
    mine = select(AREAS.c.number, AREAS.c.base).where(AREAS.c.workspace == workspace.id).order_by(AREAS.c.base)
    return [_Area(row.number, row.base) for row in connection.execute(mine).all()]


def _documents_after(connection: Connection, *, area: int, after: int) -> Sequence[Any]:
    columns = select(DOCUMENTS.c.number, DOCUMENTS.c.title, DOCUMENTS.c.origin, DOCUMENTS.c.metadata)
    page = columns.where(DOCUMENTS.c.area == area, DOCUMENTS.c.number > after).order_by(DOCUMENTS.c.number).limit(_PAGE)
    return connection.execute(page).all()


def _passages_after(connection: Connection, *, area: int, after: int) -> Sequence[Any]:
    columns = select(PASSAGES.c.number, PASSAGES.c.heading, PASSAGES.c.text)
    page = columns.where(PASSAGES.c.area == area, PASSAGES.c.number > after).order_by(PASSAGES.c.number).limit(_PAGE)
    return connection.execute(page).all()


def _said_of(row: Row[tuple[Any, ...]]) -> Iterator[str]:
    metadata: Mapping[str, object] = json.loads(row.metadata)
    for value in metadata.values():
        yield from (str(each) for each in as_choices(value))


def _opened_to(connection: Connection, *, area: int, person: Person) -> list[tuple[int, str]]:
    listed = select(ACCESS.c.document, ACCESS.c.name).where(ACCESS.c.area == area, ACCESS.c.kind == "subjects")
    return sorted((row.document, row.name) for row in connection.execute(listed).all() if person.is_meant_by(row.name))


def _carry_out(
    connection: Connection, workspace: Workspace, areas: Sequence[_Area], found: Sequence[_Found], person: Person
) -> None:
    for area in areas:
        mine = [each for each in found if each.area == area]
        if any(each.trace.action != "keep" for each in mine):
            claim(connection, workspace.id, area.base)
        erase(connection, area.number, [each.document for each in mine if each.trace.action == "delete"])
        # The document stays restricted: what was open to one person alone is then open to nobody, not to everybody.
        opened = _opened_to(connection, area=area.number, person=person)
        for document, name in opened:
            this = (ACCESS.c.document == document, ACCESS.c.kind == "subjects", ACCESS.c.name == name)
            connection.execute(delete(ACCESS).where(ACCESS.c.area == area.number, *this))
        note_changes(connection, area.number, sorted({document for document, _ in opened}))
        index_beside(connection, area.number).purge(connection)
