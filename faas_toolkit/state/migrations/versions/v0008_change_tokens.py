"""Knowledge: a random number for each change, so that a copy notices when a backup was restored."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Makes `CHANGES.token` of `capabilities/knowledge/sources/embedded/tables.py`."""
    op.add_column("knowledge_changes", sa.Column("token", sa.Integer))
