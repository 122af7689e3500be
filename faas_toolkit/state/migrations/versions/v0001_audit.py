"""Audit rows: one for every call, chained per workspace and writing process."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the table of `observe/audit_table.py`."""
    op.create_table(
        "audit_rows",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("writer", sa.String(32), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("operation", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "writer", "sequence", name="pk_audit_rows"),
    )
    op.create_index("ix_audit_rows_workspace_time", "audit_rows", ["workspace", "time"])
