"""Audit rows are found by who called and by what was called."""

from alembic import op  # noqa: TID253 - alembic runs this file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the indexes of `observe/audit_table.py`."""
    for column in ("subject", "operation"):
        op.create_index(f"ix_audit_rows_workspace_{column}_time", "audit_rows", ["workspace", column, "time"])
