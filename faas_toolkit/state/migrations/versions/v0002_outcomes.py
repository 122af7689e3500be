"""Outcomes of effects, kept so that a repetition replays instead of running twice."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the table of `state/cache/outcomes.py`."""
    op.create_table(
        "outcomes",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_expires", "outcomes", ["expires"])
