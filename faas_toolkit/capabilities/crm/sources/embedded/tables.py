"""The tables of the embedded store. Every row carries the workspace it belongs to.

Amounts are whole thousandths of the currency's unit (enough for every circulating currency of ISO 4217, and comparable); dates
are ISO texts (YYYY-MM-DD), which sort as dates do.
"""

from collections.abc import Mapping

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
)
from sqlalchemy.sql.schema import SchemaItem  # noqa: TID253 - same

from faas_toolkit.capabilities.crm.fields import Entity
from faas_toolkit.state.sql import metadata

AMOUNT_SCALE = 1_000
"""Stored amounts per unit of the currency."""


def _rows(name: str, *items: SchemaItem) -> Table:
    return Table(
        name,
        metadata,
        Column("workspace", String(64), primary_key=True),
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(255), nullable=False),
        *items,
        Column("owner", String(100)),
        Column("created", String(10)),
    )


AREAS = Table(
    "crm_areas",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("workspace", String(64), nullable=False, unique=True),
    Column("changes", Integer, nullable=False),
    Column("sample", String(32)),
)
"""One row for each workspace that holds records: its number in the text index, its change counter, and what made it, if that was
the sample's generator."""

COMPANIES = _rows(
    "crm_companies",
    Column("also_known_as", String(255)),
    Column("industry", String(100)),
    Column("domain", String(255)),
    Column("phone", String(50)),
    Column("city", String(100)),
    Column("country", String(100)),
    Column("employees", Integer),
)

PEOPLE = _rows(
    "crm_people",
    Column("also_known_as", String(255)),
    Column("title", String(255)),
    Column("company", Integer),
    Column("email", String(320)),
    Column("phone", String(50)),
    Column("city", String(100)),
    Column("country", String(100)),
    Index("ix_crm_people_company", "workspace", "company"),
)

DEALS = _rows(
    "crm_deals",
    Column("stage", String(50)),
    Column("open", Boolean, nullable=False),
    Column("amount", BigInteger),
    Column("currency", String(3)),
    Column("close_date", String(10)),
    Column("company", Integer),
    Column("person", Integer),
    Index("ix_crm_deals_company", "workspace", "company"),
    Index("ix_crm_deals_person", "workspace", "person"),
)

TICKETS = _rows(
    "crm_tickets",
    Column("status", String(50)),
    Column("open", Boolean, nullable=False),
    Column("priority", String(50)),
    Column("closed", String(10)),
    Column("company", Integer),
    Column("person", Integer),
    Index("ix_crm_tickets_company", "workspace", "company"),
    Index("ix_crm_tickets_person", "workspace", "person"),
)

ACTIVITIES = _rows(
    "crm_activities",
    Column("kind", String(50)),
    Column("date", String(10)),
    Column("text", Text),
    Column("company", Integer),
    Column("person", Integer),
    Column("deal", Integer),
    Column("ticket", Integer),
    Index("ix_crm_activities_company", "workspace", "company"),
    Index("ix_crm_activities_person", "workspace", "person"),
    Index("ix_crm_activities_deal", "workspace", "deal"),
    Index("ix_crm_activities_ticket", "workspace", "ticket"),
)

KEYS = Table(
    "crm_keys",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("value", String(320), primary_key=True),
    Column("entity", String(8), primary_key=True),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Index("ix_crm_keys_record", "workspace", "entity", "id"),
)
"""What a record can be found by exactly. Kinds: `email` (lower case), `phone` (digits backwards, so that a number without its
country code is a prefix), `domain` (registrable), `name` and `alias` (in any order of their parts), `sound` (pinyin, joined)."""

TABLES: Mapping[Entity, Table] = {
    "person": PEOPLE,
    "company": COMPANIES,
    "deal": DEALS,
    "ticket": TICKETS,
    "activity": ACTIVITIES,
}
