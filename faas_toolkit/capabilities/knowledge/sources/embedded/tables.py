"""The tables of the embedded base. Every row carries the workspace it belongs to.

An area is one base of one workspace; its number stands in the text index, and its change counter moves with every write.
A passage's number is its document's number and its place in it in one, so an index that knows numbers alone knows both.
"""

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)
from sqlalchemy.sql.schema import SchemaItem  # noqa: TID253 - same

from faas_toolkit.state.sql import metadata

PLACE_BITS = 12
MOST_PASSAGES = 1 << PLACE_BITS
"""Of one document."""
NO_DOCUMENT_IS_ABOVE = (1 << 31) - 1
"""What the number of a document can be at most; servers compare nothing larger with it."""
MAX_VALUE_CHARS = 255
"""Of a text to filter by; longer ones are compared by their beginning."""


def passage_number(document: int, place: int) -> int:
    """The number of a passage; places count from 0."""
    return document << PLACE_BITS | place


def document_of(passage: int) -> int:
    """The number of the document that a passage belongs to."""
    return passage >> PLACE_BITS


def place_of(passage: int) -> int:
    """The place of a passage in its document, from 0."""
    return passage & (MOST_PASSAGES - 1)


def _rows(name: str, *items: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        Column("workspace", String(64), nullable=False),
        Column("area", Integer, primary_key=True, autoincrement=False),
        *items,
    )


AREAS = Table(
    "knowledge_areas",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("workspace", String(64), nullable=False),
    Column("base", String(64), nullable=False),
    Column("changes", Integer, nullable=False),
    Column("next_document", Integer, nullable=False),
    Column("sample", String(64)),
    Column("mark", String(16)),
    Index("ix_knowledge_areas_workspace_base", "workspace", "base", unique=True),
)
"""`next_document` only grows, so a removed document's id never means another one. `sample`: what made the area, if that was the
sample. `mark`: a random text, another one with every change; so a counter that a restored backup set back is never believed."""

CHANGES = _rows(
    "knowledge_changes",
    Column("document", Integer, primary_key=True, autoincrement=False),
    Column("change", Integer, nullable=False),
    Column("token", Integer),
    Index("ix_knowledge_changes_area_change", "area", "change"),
)
"""The change of its area in which a document was last written or removed; the row stays when the document goes, so whoever keeps
a copy learns of both by asking for what is newer. `token`: a random number, so that changes made after a backup was restored are
not taken for those that were lost, which bear the same numbers."""

DOCUMENTS = _rows(
    "knowledge_documents",
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("title", String(300), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("origin", String(2_000), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("characters", Integer, nullable=False),
    Column("passages", Integer, nullable=False),
    Column("created", String(10), nullable=False),
    Column("metadata", Text, nullable=False),
    Column("restricted", Boolean, nullable=False),
    Index("ix_knowledge_documents_area_digest", "area", "digest"),
    Index("ix_knowledge_documents_area_title", "area", "title"),
)

PASSAGES = _rows(
    "knowledge_passages",
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("heading", String(500), nullable=False),
    Column("text", Text, nullable=False),
)

VALUES = _rows(
    "knowledge_values",
    Column("document", Integer, primary_key=True, autoincrement=False),
    Column("name", String(100), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    # In PostgreSQL texts would else be ordered by the language of the database.
    Column("text", String(MAX_VALUE_CHARS).with_variant(String(MAX_VALUE_CHARS, collation="C"), "postgresql")),
    Column("number", Float),
    Index("ix_knowledge_values_area_name_text", "area", "name", "text"),
)
"""Metadata to filter by, one row for each value; texts are folded."""

ACCESS = _rows(
    "knowledge_access",
    Column("document", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(8), primary_key=True),
    Column("name", String(200), primary_key=True),
)
"""Whom a restricted document is open to."""

VECTORS = _rows(
    "knowledge_vectors",
    Column("document", Integer, primary_key=True, autoincrement=False),
    Column("model", String(255), primary_key=True),
    Column("vectors", LargeBinary, nullable=False),
)
"""All vectors of one document by one model, in the order of its passages (search/vectors.py)."""

OF_DOCUMENTS = (VALUES, ACCESS, VECTORS)
"""Tables with rows that go when their document goes."""
