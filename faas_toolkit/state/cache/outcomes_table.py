"""The table of kept outcomes: nothing in clear but whose row it is and until when it counts."""

from sqlalchemy import Column, Double, Index, LargeBinary, String, Table  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.state.sql import metadata

outcomes = Table(
    "outcomes",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("workspace", String(64), nullable=False),
    Column("expires", Double, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index(None, "expires"),
)
