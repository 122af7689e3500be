"""One search in one area: words, vectors, or both. Who may read and what is filtered is decided inside each statement."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    Connection,
    Select,
    func,
    select,
)

from faas_toolkit.capabilities.knowledge.access import Reader
from faas_toolkit.capabilities.knowledge.filters import Condition
from faas_toolkit.capabilities.knowledge.port import Passage
from faas_toolkit.capabilities.knowledge.sources.embedded.conditions import fulfilling, readable
from faas_toolkit.capabilities.knowledge.sources.embedded.index import passage_terms_of
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import (
    DOCUMENTS,
    PASSAGES,
    PLACE_BITS,
    VALUES,
    VECTORS,
    document_of,
    passage_number,
    place_of,
)
from faas_toolkit.core.immutable import immutable
from faas_toolkit.search.analysis import question_terms
from faas_toolkit.search.fusion import fuse
from faas_toolkit.search.vectors import nearest

_DEPTH = 50
"""Passages that each ranking brings into the fusion, at least."""
_MOST_FIELDS = 50


@immutable(kw_only=True)
class Search:
    """What is looked for in an area."""

    connection: Connection
    base: str
    area: int
    reader: Reader
    query: str
    conditions: Sequence[Condition]
    limit: int
    vector: tuple[str, bytes] | None = None
    """The model, and the query's vector by it; None: words alone."""

    def passages(self) -> tuple[Passage, ...]:
        """The best passages."""
        ranked = self._by_words(max(self.limit, _DEPTH) if self.vector else self.limit)
        if self.vector is None:
            best = ranked[0][1] if ranked else 1.0
            return self._read([(number, score / best if best > 0 else 1.0) for number, score in ranked])
        similar = self._by_meaning(*self.vector)
        fused = fuse([[number for number, _ in ranked], similar])
        return self._read(fused[: self.limit])

    def removed(self) -> int:
        """How many passages hold a word of the query and fail the filters, of those that the reader may see."""
        found = question_terms(self.query)
        if not found or not self.conditions:
            return 0
        hits = passage_terms_of(self.area).scored(self.area, found)
        of_documents = hits.join(DOCUMENTS, DOCUMENTS.c.number == hits.c.document.bitwise_rshift(PLACE_BITS))
        counted = select(func.count()).select_from(of_documents)
        seen = self.connection.execute(counted.where(*readable(self.area, self.reader))).scalar_one()
        kept = self.connection.execute(counted.where(*self._chosen)).scalar_one()
        return int(seen - kept)

    @property
    def _chosen(self) -> list[ColumnElement[bool]]:
        return [*readable(self.area, self.reader), *fulfilling(self.area, self.conditions)]

    def _by_words(self, limit: int) -> list[tuple[int, float]]:
        found = question_terms(self.query)
        if not found:
            return []
        hits = passage_terms_of(self.area).scored(self.area, found)
        statement = (
            select(hits.c.document, hits.c.score)
            .join_from(hits, DOCUMENTS, DOCUMENTS.c.number == hits.c.document.bitwise_rshift(PLACE_BITS))
            .where(*self._chosen)
            .order_by(hits.c.score.desc(), hits.c.document)
            .limit(limit)
        )
        return [(int(number), float(score)) for number, score in self.connection.execute(statement)]

    def _by_meaning(self, model: str, vector: bytes) -> list[int]:
        """Vectors are compared while they are read, so that a large base never lies in memory whole."""
        statement = (
            select(VECTORS.c.document, VECTORS.c.vectors, DOCUMENTS.c.passages)
            .join_from(VECTORS, DOCUMENTS, DOCUMENTS.c.number == VECTORS.c.document)
            .where(VECTORS.c.area == self.area, VECTORS.c.model == model, *self._chosen)
            .order_by(VECTORS.c.document)
        )
        rows = self.connection.execute(statement)
        blocks: Iterable[tuple[int, bytes, int]] = ((int(number), vectors, count) for number, vectors, count in rows)
        return [passage_number(number, place) for number, place, _ in nearest(vector, blocks, max(self.limit, _DEPTH))]

    def _read(self, ranked: Sequence[tuple[int, float]]) -> tuple[Passage, ...]:
        numbers = [number for number, _ in ranked]
        texts = {
            row.number: row
            for row in self.connection.execute(
                select(PASSAGES).where(PASSAGES.c.area == self.area, PASSAGES.c.number.in_(numbers))
            )
        }
        documents = {
            row.number: row
            for row in self.connection.execute(
                select(DOCUMENTS).where(
                    DOCUMENTS.c.area == self.area, DOCUMENTS.c.number.in_(sorted({document_of(number) for number in numbers}))
                )
            )
        }
        return tuple(
            self._passage(number, score, texts[number], documents[document_of(number)])
            for number, score in ranked
            if number in texts and document_of(number) in documents
        )

    def _passage(self, number: int, score: float, text: Any, document: Any) -> Passage:  # noqa: ANN401 - rows
        built_in = {"kind": document.kind, "created": document.created}
        if document.origin:
            built_in["origin"] = document.origin
        return Passage(
            document=f"{self.base}:{document.number}",
            position=place_of(number) + 1,
            title=document.title,
            content=text.text,
            heading=text.heading,
            score=round(score, 4),
            metadata={**built_in, **json.loads(document.metadata)},
        )


def has_documents(connection: Connection, area: int, reader: Reader) -> bool:
    """Whether there is any document for this reader."""
    return connection.execute(select(DOCUMENTS.c.number).where(*readable(area, reader)).limit(1)).first() is not None


def unknown_fields(connection: Connection, area: int, reader: Reader, conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Those fields of the conditions that no document of this reader has."""
    names = dict.fromkeys(condition.field for condition in conditions)
    return tuple(name for name in names if not connection.execute(_fields(area, reader, name).limit(1)).first())


def field_names(connection: Connection, area: int, reader: Reader) -> tuple[str, ...]:
    """The names that the documents of this reader can be filtered by; reads all of them, so it is for messages."""
    named = _fields(area, reader).distinct().order_by(VALUES.c.name).limit(_MOST_FIELDS)
    return tuple(connection.execute(named).scalars())


def _fields(area: int, reader: Reader, name: str | None = None) -> Select[str]:
    fields = (
        select(VALUES.c.name)
        .join_from(VALUES, DOCUMENTS, DOCUMENTS.c.number == VALUES.c.document)
        .where(VALUES.c.area == area, *readable(area, reader))
    )
    return fields if name is None else fields.where(VALUES.c.name == name.casefold())
