"""The chains of one writer: rows become links of them once, and are inserted so that trying again adds nothing twice.

A row is sealed on the first attempt to write it. If that attempt's fate is unknown (the connection broke during the commit), or
the row waits in the spool, it is inserted later as the same link, or found to be there already.
"""

import json
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.errors import Failure, Internal, Unavailable
from faas_toolkit.observe.audit_chain import NO_ROW, PURPOSE, Head, hash_of, seal, table_row
from faas_toolkit.observe.audit_retention import Retention, Vouched, last_head, latest_heads, repeat_cut
from faas_toolkit.observe.audit_spool import SpoolFile
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.cipher import Cipher, Keyring
from faas_toolkit.state.prepared import insert_rows
from faas_toolkit.state.sql import Database

_KNOWN_CHAINS = 4_096
_MAKING_SECONDS = 0.001
"""For how long rows are made at once: 15 as a rule, one where a caller has sent a megabyte."""
_log = logging.getLogger("faas_toolkit.audit")


@dataclass(slots=True, eq=False)
class Chain:
    """Where the chain of one workspace stands."""

    workspace: str
    cipher: Cipher
    end: Head = NO_ROW
    """Of the last row that was sealed."""
    safe: Head = NO_ROW
    """Of the last row that is in the database or on disk."""
    committed: Head = NO_ROW
    """Of the last row that is known to be in the database."""
    time: float = 0.0
    """Of that row."""
    unsure: bool = True
    """The database may hold more than is known: nobody has looked yet, or a commit ended in an error."""
    spool: SpoolFile | None = None
    """Its rows that wait on disk."""
    waiting: int = 0
    """Rows that wait in memory."""
    anchored: dict[str, tuple[Head, float]] = field(default_factory=dict)
    """By place: which head was kept there last, and when that was tried (monotonic seconds)."""


@dataclass(slots=True, eq=False)
class Entry:
    """One row on its way into the database."""

    chain: Chain
    row: Mapping[str, object]
    """Empty until it is described."""
    describe: Callable[[], Mapping[str, object]] | None = None
    """Makes the row, where that is still to be done."""
    sealed: dict[str, object] | None = None
    cut: Vouched = field(default_factory=dict)
    lost: int = 0
    """How many rows are missing before it, as it says itself."""
    ended: bool = False
    woken: bool = False
    failure: Failure | None = None
    event: threading.Event | None = None

    def __post_init__(self) -> None:
        self.chain.waiting += 1

    def make_row(self) -> None:
        """Describes the row, if that is still to be done; where that fails, it has failed alone."""
        describe, self.describe = self.describe, None
        if describe is None:
            return
        try:
            self.row = describe()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with this row must not stop the rows of others
            _log.error("An audit row could not be described: %s", type(error).__name__)
            self.failure = Internal("The call's audit row could not be written.")

    def end(self, failure: Failure | None = None) -> None:
        """It is written, or will never be; `failure` says why."""
        self.ended, self.failure = True, self.failure or failure
        self.chain.waiting -= 1
        self.wake()

    def wait(self, seconds: float) -> None:
        """Until it has ended, or is woken; raises its failure, and `Unavailable` after so many seconds."""
        if not self.ended and not self.woken:
            self.event = threading.Event()  # looked up when called: gevent replaces the class
            if not self.event.wait(seconds):
                raise Unavailable("The call's audit row was not written in time.", retryable=False)
        if self.failure is not None:
            raise self.failure

    def wake(self) -> None:
        """Whoever waits goes on, whatever becomes of it."""
        self.woken = True
        if self.event is not None:
            self.event.set()


def make_rows(entries: Iterable[Entry], monotonic: Callable[[], float], give_way: Callable[[], None]) -> None:
    """Makes the rows that are still to be made; others are let in between."""
    began = monotonic()
    for entry in entries:
        entry.make_row()
        if monotonic() - began > _MAKING_SECONDS:
            give_way()
            began = monotonic()


class Chains:
    """Seals and inserts.

    Args:
        database: where rows are kept.
        writer: whose chains they are.
        retention: cuts beginnings off.
    """

    def __init__(self, *, database: Database, writer: str, retention: Retention) -> None:
        self.lost: Counter[str] = Counter()
        """Rows that were given up and not yet spoken of, by workspace."""
        self._database = database
        self._writer = writer
        self._retention = retention
        self._keyring = Keyring(PURPOSE)
        self._chains: OrderedDict[str, Chain] = OrderedDict()

    def chain(self, workspace: Workspace) -> Chain:
        """The chain of a workspace. Used on the hub only."""
        chain = self._chains.get(workspace.id)
        cipher = self._keyring.cipher(workspace)
        if chain is None:
            chain = self._chains[workspace.id] = Chain(workspace.id, cipher)
            self._forget_the_oldest()
        self._chains.move_to_end(workspace.id)
        chain.cipher = cipher  # the workspace's key may have been changed
        return chain

    def all(self) -> list[Chain]:
        """Every chain that is known."""
        return list(self._chains.values())

    def insert(self, entries: Sequence[Entry]) -> None:
        """Writes the entries in one transaction; a row that JSON cannot say fails alone. Raises as `Database.write` does."""
        chains = {entry.chain.workspace: entry.chain for entry in entries}
        try:
            written = self._database.write(lambda connection: self._insert(connection, entries, chains.values()))
        except BaseException:
            for chain in chains.values():
                chain.unsure = True
            raise
        for workspace, (head, time) in written.items():
            chain = chains[workspace]
            chain.committed = chain.safe = head
            chain.time, chain.unsure = time, False

    def seal(self, entry: Entry, added: Mapping[str, object] | None = None) -> str | None:
        """Makes the entry the next link of its chain, and returns its content; None where JSON cannot say it: it has failed."""
        if entry.sealed is None and entry.failure is None:
            chain = entry.chain
            row = {**entry.row, "workspace": chain.workspace, "writer": self._writer, **(added or {})}
            if lost := self.lost[chain.workspace]:
                row["lost_before"] = lost
            try:
                entry.sealed, chain.end = seal(row, chain.end, chain.cipher)
            except (TypeError, ValueError, RecursionError) as error:
                _log.error("An audit row could not be written: %s", type(error).__name__)
                entry.failure = Internal("The call's audit row could not be written.")
                return None
            entry.lost = self.lost.pop(chain.workspace, 0)
        return str(entry.sealed["content"]) if entry.sealed else None

    def give_up(self, entries: Iterable[Entry]) -> None:
        """Takes entries that will not be written out of their chains, and remembers how many they were."""
        for entry in entries:
            self.lost[entry.chain.workspace] += 1 + entry.lost
            if entry.sealed is not None:
                entry.chain.end, entry.chain.unsure = entry.chain.safe, True

    def insert_spooled(self, contents: Iterable[str], workspace: str, writer: str) -> None:
        """Writes rows that waited on disk, in one transaction, each once. Raises as `Database.write` does."""
        rows = [table_row(json.loads(content), content, hash_of(content)) for content in contents]
        self._database.write(lambda connection: _add_missing(connection, workspace, writer, rows))

    def _insert(self, connection: Connection, entries: Sequence[Entry], chains: Iterable[Chain]) -> dict[str, tuple[Head, float]]:
        """Runs on the database's thread."""
        present = {chain.workspace: self._look(connection, chain) for chain in chains}
        for entry in entries:
            if entry.sealed is not None:
                repeat_cut(connection, entry.chain.workspace, entry.cut)
            elif entry.failure is None:
                self._seal_next(connection, entry, present[entry.chain.workspace])
        sealed = [entry.sealed for entry in entries if entry.sealed is not None]
        rows = [row for row in sealed if _sequence(row) > present[str(row["workspace"])].sequence]
        if rows:
            insert_rows(connection, audit_rows, rows)
        return {str(row["workspace"]): (Head(_sequence(row), str(row["hash"])), float(str(row["time"]))) for row in sealed}

    def _seal_next(self, connection: Connection, entry: Entry, present: Head) -> None:
        chain = entry.chain
        if chain.unsure:
            chain.end = max(chain.end, present, key=lambda head: head.sequence)
        added: dict[str, object] = {} if chain.end.sequence else {"heads": latest_heads(connection, chain.workspace)}
        due = self._retention.due(chain.workspace) and _can_be_said(entry.row)  # what is removed must be told by a row
        cut = self._retention.cut(connection, chain.workspace) if due else None
        if cut is not None:
            entry.cut = added["cut"] = cut
        self.seal(entry, added)

    def _look(self, connection: Connection, chain: Chain) -> Head:
        """What is in the database already, where that is not known."""
        return last_head(connection, chain.workspace, self._writer) if chain.unsure else chain.committed

    def _forget_the_oldest(self) -> None:
        """A chain that has all its rows in the database can be found there again."""
        if len(self._chains) > _KNOWN_CHAINS:
            idle = (c.workspace for c in self._chains.values() if not (c.waiting or c.unsure or c.spool))
            if (oldest := next(idle, None)) is not None:
                del self._chains[oldest]


def _add_missing(connection: Connection, workspace: str, writer: str, rows: Sequence[dict[str, object]]) -> None:
    last = last_head(connection, workspace, writer).sequence
    missing: list[dict[str, object]] = []
    for row in rows:  # some may have been spooled twice
        if _sequence(row) > last:
            missing.append(row)
            last = _sequence(row)
    if missing:
        insert_rows(connection, audit_rows, missing)


def _can_be_said(row: Mapping[str, object]) -> bool:
    try:
        canonical_json(dict(row))
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _sequence(row: Mapping[str, object]) -> int:
    return int(str(row["sequence"]))
