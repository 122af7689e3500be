"""The table of audit rows.

`content` is the row as canonical JSON, which the hash covers; the other columns repeat what is searched.
"""

from sqlalchemy import BigInteger, Column, Double, Index, String, Table, Text  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.state.sql import metadata

audit_rows = Table(
    "audit_rows",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("writer", String(32), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("time", Double, nullable=False),
    Column("operation", String(64), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("content", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "workspace", "time"),
    Index(None, "workspace", "subject", "time"),
    Index(None, "workspace", "operation", "time"),
)
