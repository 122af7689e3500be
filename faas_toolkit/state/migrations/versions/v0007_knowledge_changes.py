"""Knowledge: what changed when, so that a node's copy learns what is newer than it is."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes `CHANGES` and `AREAS.mark` of `capabilities/knowledge/sources/embedded/tables.py`."""
    op.add_column("knowledge_areas", sa.Column("mark", sa.String(16)))
    op.create_table(
        "knowledge_changes",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("area", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("document", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("change", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("area", "document", name="pk_knowledge_changes"),
    )
    op.create_index("ix_knowledge_changes_area_change", "knowledge_changes", ["area", "change"])
    _note_what_is_there()


def _note_what_is_there() -> None:
    """Can be done again, where MySQL was cut off here."""
    op.execute("UPDATE knowledge_areas SET mark = '0' WHERE mark IS NULL")
    documents = sa.table("knowledge_documents", *map(sa.column, ("workspace", "area", "number")))
    changes = sa.table("knowledge_changes", *map(sa.column, ("workspace", "area", "document", "change")))
    noted = sa.exists().where(changes.c.area == documents.c.area, changes.c.document == documents.c.number)
    there = sa.select(documents.c.workspace, documents.c.area, documents.c.number, sa.literal_column("1")).where(~noted)
    op.execute(changes.insert().from_select(["workspace", "area", "document", "change"], there))
