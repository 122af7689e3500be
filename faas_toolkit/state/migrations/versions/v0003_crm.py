"""Customers: people, companies, deals, tickets, activities, and the keys they are found by."""

import sqlalchemy as sa  # noqa: TID253 - alembic runs this file
from alembic import op  # noqa: TID253 - same

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables of `capabilities/crm/sources/embedded/tables.py`."""
    op.create_table(
        "crm_areas",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("changes", sa.Integer, nullable=False),
        sa.Column("sample", sa.String(32)),
        sa.PrimaryKeyConstraint("number", name="pk_crm_areas"),
        sa.UniqueConstraint("workspace", name="uq_crm_areas_workspace"),
    )
    _make_companies_and_people()
    _make_deals_tickets_and_activities()
    op.create_table(
        "crm_keys",
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("value", sa.String(320), nullable=False),
        sa.Column("entity", sa.String(8), nullable=False),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("workspace", "kind", "value", "entity", "id", name="pk_crm_keys"),
    )
    op.create_index("ix_crm_keys_record", "crm_keys", ["workspace", "entity", "id"])


def _make_companies_and_people() -> None:
    _rows(
        "crm_companies",
        sa.Column("also_known_as", sa.String(255)),
        sa.Column("industry", sa.String(100)),
        sa.Column("domain", sa.String(255)),
        sa.Column("phone", sa.String(50)),
        sa.Column("city", sa.String(100)),
        sa.Column("country", sa.String(100)),
        sa.Column("employees", sa.Integer),
    )
    _rows(
        "crm_people",
        sa.Column("also_known_as", sa.String(255)),
        sa.Column("title", sa.String(255)),
        sa.Column("email", sa.String(320)),
        sa.Column("phone", sa.String(50)),
        sa.Column("city", sa.String(100)),
        sa.Column("country", sa.String(100)),
        links=("company",),
    )


def _make_deals_tickets_and_activities() -> None:
    _rows(
        "crm_deals",
        sa.Column("stage", sa.String(50)),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("amount", sa.BigInteger),
        sa.Column("currency", sa.String(3)),
        sa.Column("close_date", sa.String(10)),
        links=("company", "person"),
    )
    _rows(
        "crm_tickets",
        sa.Column("status", sa.String(50)),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("priority", sa.String(50)),
        sa.Column("closed", sa.String(10)),
        links=("company", "person"),
    )
    _rows(
        "crm_activities",
        sa.Column("kind", sa.String(50)),
        sa.Column("date", sa.String(10)),
        sa.Column("text", sa.Text),
        links=("company", "person", "deal", "ticket"),
    )


def _rows(name: str, *columns: sa.Column[object], links: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        sa.Column("workspace", sa.String(64), nullable=False),
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(255), nullable=False),
        *columns,
        *(sa.Column(link, sa.Integer) for link in links),
        sa.Column("owner", sa.String(100)),
        sa.Column("created", sa.String(10)),
        sa.PrimaryKeyConstraint("workspace", "id", name=f"pk_{name}"),
    )
    for link in links:
        op.create_index(f"ix_{name}_{link}", name, ["workspace", link])
