"""Keys that can be destroyed, so that what was sealed with them is erased wherever it lies."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the table of `state/data_keys_table.py`."""
    op.create_table(
        "data_keys",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("used", sa.Double, nullable=False),
        sa.Column("destroyed", sa.Double),
        sa.PrimaryKeyConstraint("workspace", "name", name="pk_data_keys"),
    )
