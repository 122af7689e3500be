"""The table of keys that can be destroyed: in clear stand only whose workspace it is and when something happened to the key."""

from sqlalchemy import Column, Double, LargeBinary, String, Table  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.state.sql import metadata

data_keys = Table(
    "data_keys",
    metadata,
    Column("workspace", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("wrapped", LargeBinary),
    Column("created", Double, nullable=False),
    Column("used", Double, nullable=False),
    Column("destroyed", Double),
)
"""`name`: of the owner, blind. `wrapped`: the key and its owner, sealed with the workspace's key; empty once it was destroyed.
`used`: when it was asked for last, to the day. Times are seconds of the epoch."""
