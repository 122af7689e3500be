"""`workbench audit`: exports audit rows as they were sealed, and verifies them, page by page, however many they are.

Over what calls of the workbench left, or over the data directory of any plugin: its workspaces are known by their ids, and with
the key of one its proofs and the heads in the data directory are looked at too.
"""

import argparse
import base64
import binascii
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from workbench import own_host
from workbench.storage import StorageRefused, WorkspaceStorage

if TYPE_CHECKING:
    from faas_toolkit.core.call import Workspace
    from faas_toolkit.core.host import KeyValueStorage
    from faas_toolkit.observe.audit_verify import ChainReport
    from faas_toolkit.state.cipher import Cipher
    from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

KEPT_SECONDS = 180 * 86_400.0
"""Heads older than that are not looked for, since their rows may have gone: a catalog's default."""


@dataclass(frozen=True)
class _Subject:
    """Whose rows, and what is known about them."""

    database: "Database"
    data: Path
    workspace: str
    keyed: "Workspace | None"
    """With its keys, where they are known."""
    storage: "KeyValueStorage | None"

    @property
    def cipher(self) -> "Cipher | None":
        from faas_toolkit.observe.audit_chain import PURPOSE
        from faas_toolkit.state.cipher import Keyring

        return Keyring(PURPOSE).cipher(self.keyed) if self.keyed else None


class _ReadOnly:
    """A workspace's storage as the plugin sees it, for what only looks."""

    def __init__(self, storage: WorkspaceStorage) -> None:
        self._storage = storage

    def get(self, key: str) -> bytes | None:
        try:
            return self._storage.get(key)
        except StorageRefused:
            return None

    def set(self, key: str, value: bytes) -> None:
        raise NotImplementedError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    audit = commands.add_parser("audit", help="export audit rows as JSON lines, or verify that none was changed")
    audit.add_argument("action", choices=("export", "verify"))
    audit.add_argument("--workspace", default="default", metavar="NAME", help="one of the workbench's own (default: default)")
    audit.add_argument("--data", type=Path, metavar="DIR", help="a plugin's data directory (default: the workbench's own)")
    audit.add_argument("--database", type=Path, metavar="FILE", help="a file that holds the setting database_url")
    audit.add_argument("--id", default="", help="with --data or --database: the workspace's id, as diagnose shows its beginning")
    audit.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="with --data: the workspace's keys, id:key,id:key; proofs come from stored:key, the one in Dify's storage",
    )
    audit.add_argument("--since", default="3650d", help="export: how long ago, a date or a time (default: all)")
    audit.add_argument("--until", default="", help="export: the same (default: now)")
    audit.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the command; 1 where the rows are not what was written."""
    from faas_toolkit.core.errors import Failure

    try:
        subject = _subject(options)
        try:
            return _export(subject, options) if options.action == "export" else _verify(subject, console)
        finally:
            subject.database.close()
    except Failure as failure:
        raise LookupError(failure.as_text()) from failure


def _export(subject: _Subject, options: argparse.Namespace) -> int:
    from faas_toolkit.capabilities.audit.period import moment
    from faas_toolkit.observe.audit_search import sealed_lines

    now = time.time()  # noqa: TID251 - a command line has no clock of its own
    since = moment(options.since, "since", now)
    until = moment(options.until, "until", now, whole_day=True) if options.until else now + 86_400.0
    for line in sealed_lines(subject.database, subject.workspace, since=since, until=until):
        print(line)  # not through the console, which would wrap the line
    return 0


def _verify(subject: _Subject, console: Console) -> int:
    from faas_toolkit.capabilities.audit.capability import chain_as_variable
    from faas_toolkit.capabilities.audit.presentation import verification

    report = _report(subject)
    console.print(verification(chain_as_variable(report)), markup=False)
    if subject.keyed is None:
        console.print("Without the workspace's key, proofs and the heads kept elsewhere were not looked at.", style="yellow")
    return int(not report.intact)


def _report(subject: _Subject) -> "ChainReport":
    from faas_toolkit.observe.audit_anchoring import told_by
    from faas_toolkit.observe.audit_verify import Evidence, verify_chains
    from faas_toolkit.state.file_values import FileValues

    cipher, known = subject.cipher, Evidence()
    oldest = time.time() - KEPT_SECONDS  # noqa: TID251 - as above
    if cipher is not None:
        known |= told_by(FileValues(subject.data / "audit_heads"), "data directory", cipher, oldest)
        if subject.storage is not None:
            known |= told_by(subject.storage, "Dify's storage", cipher, oldest)
    return verify_chains(subject.database, subject.workspace, cipher, known)


def _subject(options: argparse.Namespace) -> _Subject:
    from faas_toolkit.core.call import Workspace
    from faas_toolkit.dify.identity import STORAGE_KEY

    data = options.data or own_host.KEPT / "data"
    database = _database(data) if options.database is None else _server(options.database)
    if options.data is None and options.database is None:
        storage = _ReadOnly(WorkspaceStorage(-1, own_host.KEPT / "storage" / options.workspace))
        identity = json.loads(storage.get(STORAGE_KEY) or b"{}")
        if not identity:
            raise LookupError(f"The workbench's workspace {options.workspace!r} has made no call yet.")
        return _Subject(database, data, identity["id"], Workspace(identity["id"], base64.b64decode(identity["key"])), storage)
    known = _workspaces(database)
    found = [workspace for workspace in known if options.id and workspace.startswith(options.id)]
    if len(found) != 1:
        raise LookupError(f"Say whose rows with --id; there are those of: {', '.join(known) or 'nobody'}.")
    return _Subject(database, data, found[0], _keyed(found[0], options.key_file), None)


def _database(data: Path) -> "Database":
    from faas_toolkit.core.offload import InlineOffload
    from faas_toolkit.state.sqlite_database import SqliteDatabase as Database

    path = data / "toolkit.sqlite"
    if not path.is_file():
        raise LookupError(f"{data} holds no store (toolkit.sqlite); name a plugin's data directory with --data.")
    return Database(path=path, offload=InlineOffload())


def _server(path: Path) -> "Database":
    """Whoever runs the command names the server, so its host is allowed; its address may hold a password, so it is in a file."""
    from faas_toolkit.core.clock import SystemClock
    from faas_toolkit.net.egress import OPERATOR_ALLOW, EgressGuard
    from faas_toolkit.state.server_address import parse_address
    from faas_toolkit.state.server_database import ServerDatabase

    address = parse_address(path.read_text(encoding="utf-8").strip())
    environment = {OPERATOR_ALLOW: f"{address.host}:{address.port}", **os.environ}
    return ServerDatabase(
        address=address, guard=EgressGuard(environment=environment), environment=environment, clock=SystemClock()
    )


def _workspaces(database: "Database") -> list[str]:
    from sqlalchemy import select

    from faas_toolkit.observe.audit_table import audit_rows

    names = select(audit_rows.c.workspace).distinct().order_by(audit_rows.c.workspace)
    return database.read(lambda connection: list(connection.execute(names).scalars()))


def _keyed(workspace: str, path: Path | None) -> "Workspace | None":
    """The workspace with the keys of a file; its names and proofs come from the stored one, else from the only one."""
    from faas_toolkit.core.call import STORED_KEY, NamedKey, Workspace

    if path is None:
        return None
    keys: list[NamedKey] = []
    for written in path.read_text(encoding="ascii", errors="replace").strip().split(","):
        name, _, encoded = written.strip().rpartition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            key = b""
        if len(key) != 32:
            raise LookupError(f"{path.name} must hold one key, or id:key,id:key: each 32 bytes in base64 (44 characters).")
        keys.append(NamedKey(name or STORED_KEY, key))
    first, *older = keys
    root = next((named.key for named in keys if named.id == STORED_KEY), first.key)
    return Workspace(workspace, first.key, first.id, tuple(older), root=root)
