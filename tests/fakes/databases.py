"""The relational store in each of its forms, as nodes of one plugin open it."""

import importlib
import itertools
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import faas_toolkit
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.state.migrations import history
from faas_toolkit.state.server_address import parse_address
from faas_toolkit.state.server_database import ServerDatabase
from faas_toolkit.state.sql import Database, metadata
from faas_toolkit.state.sqlite_database import SqliteDatabase

LOOPBACK = {"FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"}
PACKAGE = Path(faas_toolkit.__file__).parent
_numbers = itertools.count(1)


def server_database(url: str, *, clock=None, environment=None, **options) -> ServerDatabase:
    """A node's way to a database of a test's server."""
    environment = {**LOOPBACK, **(environment or {})}
    guard = EgressGuard(environment=environment)
    clock = clock or SystemClock()
    return ServerDatabase(address=parse_address(url), guard=guard, environment=environment, clock=clock, **options)


class Nodes:
    """One store of rows, empty at first, that any number of nodes open."""

    def __init__(self, kind: str, folder: Path, server=None) -> None:
        self.kind = kind
        self.server = server
        self._path = folder / "data.db"
        self.url = server.make_database(f"toolkit_{next(_numbers)}") if server else ""
        self._opened: list[Database] = []

    def open(self, **options) -> Database:
        database = (
            server_database(self.url, **options) if self.server else SqliteDatabase(path=self._path, offload=InlineOffload())
        )
        self._opened.append(database)
        return database

    def close(self) -> None:
        for database in self._opened:
            database.close()


def import_every_table() -> None:
    """Puts the tables of all slices on the one `metadata`."""
    for file in PACKAGE.rglob("*.py"):
        if "migrations" not in file.parts and "sql import metadata" in file.read_text():
            importlib.import_module(".".join(("faas_toolkit", *file.relative_to(PACKAGE).with_suffix("").parts)))


def differences(connection) -> list:
    """What the history of the tables makes otherwise than the slices declare."""
    import_every_table()
    options = {"compare_type": True, "version_table": history.version_table(connection)}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
