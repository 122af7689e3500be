"""Knowledge: areas, documents, passages, what is said about documents, who may read them, and vectors."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables of `capabilities/knowledge/sources/embedded/tables.py`."""
    op.create_table(
        "knowledge_areas",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("changes", sa.Integer, nullable=False),
        sa.Column("next_document", sa.Integer, nullable=False),
        sa.Column("sample", sa.String(64)),
        sa.PrimaryKeyConstraint("number", name="pk_knowledge_areas"),
    )
    op.create_index("ix_knowledge_areas_workspace_base", "knowledge_areas", ["workspace", "base"], unique=True)
    _make_documents_and_passages()
    _make_what_hangs_on_documents()


def _make_documents_and_passages() -> None:
    _rows(
        "knowledge_documents",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("origin", sa.String(2_000), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("characters", sa.Integer, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("created", sa.String(10), nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("restricted", sa.Boolean, nullable=False),
        keys=("area", "number"),
    )
    op.create_index("ix_knowledge_documents_area_digest", "knowledge_documents", ["area", "digest"])
    op.create_index("ix_knowledge_documents_area_title", "knowledge_documents", ["area", "title"])
    _rows(
        "knowledge_passages",
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("heading", sa.String(500), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        keys=("area", "number"),
    )


def _make_what_hangs_on_documents() -> None:
    _rows(
        "knowledge_values",
        sa.Column("document", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("place", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("text", sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")),
        sa.Column("number", sa.Float),
        keys=("area", "document", "name", "place"),
    )
    op.create_index("ix_knowledge_values_area_name_text", "knowledge_values", ["area", "name", "text"])
    _rows(
        "knowledge_access",
        sa.Column("document", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        keys=("area", "document", "kind", "name"),
    )
    _rows(
        "knowledge_vectors",
        sa.Column("document", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("vectors", sa.LargeBinary, nullable=False),
        keys=("area", "document", "model"),
    )


def _rows(name: str, *columns: sa.Column[object], keys: tuple[str, ...]) -> None:
    op.create_table(
        name,
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("area", sa.Integer, nullable=False, autoincrement=False),
        *columns,
        sa.PrimaryKeyConstraint(*keys, name=f"pk_{name}"),
    )
