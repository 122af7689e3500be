"""An inverted index over terms that `analysis` made, kept in SQLite's FTS5 beside the rows.

FTS5 gets finished terms (letters, digits, `^` and `$`) and splits only at spaces. An index holds what can be computed again from
the rows, so it is no part of the history of the tables: `prepare` makes it where it is missing.

Each term carries the number of the area (one workspace's data) it belongs to, so that a search reads no posting of another area,
neither to match nor to rank nor to count.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    CTE,
    Connection,
    Float,
    Integer,
    column,
    text,
)

from faas_toolkit.state.prepared import driver_rows

DOCUMENT_BITS = 40
_DOCUMENT_MASK = (1 << DOCUMENT_BITS) - 1
MAX_AREA = 1 << (62 - DOCUMENT_BITS)

_MAX_TERMS = 256
"""Of one query; FTS5 parses an expression recursively and refuses very long ones."""


type Match = Literal["all", "any"]
"""How many of the terms a document must hold."""


class Hit(NamedTuple):
    """One document found; a larger score is better (BM25)."""

    document: int
    score: float


class TextIndex:
    """Documents of several columns, found by terms.

    Args:
        name: the table's name; a new layout needs a new name.
        weights: how much a hit in each column counts.
        stemmed: whether English endings are cut from terms and queries alike (Porter's algorithm; worth .02 nDCG on Cranfield).
            The area's number before each term counts as consonants there, so the measure of the word stays as it is.
    """

    def __init__(self, name: str, weights: Mapping[str, float], *, stemmed: bool = False) -> None:
        self._columns = tuple(weights)
        columns = ", ".join(self._columns)
        places = ", ".join("?" for _ in self._columns)
        factors = ", ".join(f"{weight:g}" for weight in weights.values())
        # The ascii tokeniser takes every character beyond ASCII as part of a term, whatever Unicode version SQLite knows.
        tokenizer = "porter ascii" if stemmed else "ascii"
        self._create = (
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5({columns}, tokenize=\"{tokenizer} tokenchars '_^$'\")",
            f"CREATE VIRTUAL TABLE IF NOT EXISTS {name}_terms USING fts5vocab({name}, 'row')",
        )
        self._insert = f"INSERT INTO {name} (rowid, {columns}) VALUES (?, {places})"  # noqa: S608 - our own names
        self._delete = f"DELETE FROM {name} WHERE rowid = ?"  # noqa: S608 - same
        self._purge = f"INSERT INTO {name} ({name}) VALUES ('optimize')"  # noqa: S608 - same
        self._select = (
            f"SELECT rowid, bm25({name}, {factors}) AS score FROM {name} WHERE {name} MATCH ? AND rowid BETWEEN ? AND ?"  # noqa: S608 - same
            " ORDER BY score, rowid LIMIT ?"
        )
        self._scored = (
            f"SELECT rowid & {_DOCUMENT_MASK} AS document, -bm25({name}, {factors}) AS score FROM {name}"  # noqa: S608 - same
            f" WHERE {name} MATCH :expression AND rowid BETWEEN :first AND :last"
        )
        self._count = f"SELECT term, doc FROM {name}_terms WHERE term IN "  # noqa: S608 - same

    def prepare(self, connection: Connection) -> None:
        """Makes the index where it is missing."""
        for statement in self._create:
            connection.exec_driver_sql(statement)

    def add(self, connection: Connection, area: int, documents: Iterable[tuple[int, Mapping[str, Sequence[str]]]]) -> None:
        """Adds documents (number below 2^40, terms by column); a number must be free."""
        rows = [
            (_rowid(area, number), *(_text(area, columns.get(name, ())) for name in self._columns))
            for number, columns in documents
        ]
        if rows:
            connection.exec_driver_sql(self._insert, rows)

    def remove(self, connection: Connection, area: int, documents: Iterable[int]) -> None:
        """Removes documents; those that are not there do no harm."""
        rows = [(_rowid(area, number),) for number in documents]
        if rows:
            connection.exec_driver_sql(self._delete, rows)

    def purge(self, connection: Connection) -> None:
        """Writes the index anew without what was removed: until then FTS5 keeps the terms, marked as gone.

        In the order of a second for 100,000 documents, so only where they must not be found on the disk any more.
        """
        connection.exec_driver_sql(self._purge)

    def find(
        self,
        connection: Connection,
        area: int,
        terms: Sequence[str],
        *,
        match: Match,
        columns: Iterable[str] | None = None,
        within: tuple[int, int] = (0, _DOCUMENT_MASK),
        limit: int,
    ) -> list[Hit]:
        """The best documents that hold all, or any, of the terms in these columns, best first; ties by number.

        `within` gives the first and the last document number to look at.
        """
        chosen = tuple(self._columns if columns is None else columns)
        if not terms or not chosen:
            return []
        operator = " AND " if match == "all" else " OR "
        expression = operator.join(f'"{area}_{term}"' for term in terms[:_MAX_TERMS])
        if len(chosen) < len(self._columns):
            expression = f"{{{' '.join(chosen)}}} : ({expression})"
        first, last = within
        parameters = (expression, _rowid(area, first), _rowid(area, last), limit)
        rows = driver_rows(connection, self._select, parameters)
        return [Hit(rowid & _DOCUMENT_MASK, -score) for rowid, score in rows]

    def scored(self, area: int, terms: Sequence[str]) -> CTE:
        """All documents that hold any of the terms (at least one), as a part of a larger statement: `document`, `score`.

        For searches in which other conditions decide before anything is counted or cut off.
        """
        statement = text(self._scored).bindparams(
            expression=" OR ".join(f'"{area}_{term}"' for term in terms[:_MAX_TERMS]),
            first=_rowid(area, 0),
            last=_rowid(area, _DOCUMENT_MASK),
        )
        # Materialised: bm25() can be asked only where the index itself is read, not from within a join's inner loop.
        found = statement.columns(column("document", Integer), column("score", Float)).cte("hits")
        return found.prefix_with("MATERIALIZED")

    def rarest(self, connection: Connection, area: int, terms: Sequence[str], keep: int) -> list[str]:
        """Those terms that fewest documents hold, rarest first; terms that no document holds are left out."""
        marked = [f"{area}_{term}" for term in dict.fromkeys(terms[:_MAX_TERMS])]
        if not marked:
            return []
        rows = driver_rows(connection, f"{self._count} ({', '.join('?' * len(marked))})", marked)
        counted = sorted((documents, term) for term, documents in rows)
        return [term.partition("_")[2] for _, term in counted[:keep]]


def _rowid(area: int, document: int) -> int:
    if not 0 <= area < MAX_AREA or not 0 <= document < 1 << DOCUMENT_BITS:
        raise ValueError(f"area {area} or document {document} is out of range")
    return area << DOCUMENT_BITS | document


def _text(area: int, terms: Sequence[str]) -> str:
    return " ".join(f"{area}_{term}" for term in terms)
