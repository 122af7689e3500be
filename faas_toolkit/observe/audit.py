"""The audit log: rows of all calls, written in groups, chained so that a change shows. Loaded on first use.

The first row that waits starts a background task, which ends when none waits. While the database is away, rows wait in the spool
on this machine's disk, where there is one: a row that has reached it counts as written. Without one (beside the embedded store a
spool on the same disk would be away with it) `durable` calls are refused, and rows of `fast` wait in memory, 10,000 at most. What
does not fit is counted, and the next row that is written says how many are missing before it.
"""

import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Internal, Unavailable
from faas_toolkit.core.host import KeyValueStorage
from faas_toolkit.core.offload import Offload
from faas_toolkit.observe.audit_anchoring import Anchoring
from faas_toolkit.observe.audit_retention import Retention
from faas_toolkit.observe.audit_spool import Spool
from faas_toolkit.observe.audit_spooling import Spooling
from faas_toolkit.observe.audit_store import Chains, Entry, make_rows
from faas_toolkit.observe.audit_verify import ChainReport, verify_chains
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.sql import Database

MAX_WAITING = 10_000
_BATCH = 500
_GROUPING_SECONDS = 0.1
"""How long `fast` lets rows gather, so that they are at most 200 ms behind."""
_PATIENCE_SECONDS = 10.0
_PATIENCE_WITH_SPOOL = 20.0
"""The first row of an outage waits for the timeout of the database, and is then on disk."""
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
_log = logging.getLogger("faas_toolkit.audit")


class AuditLog:
    """Writes rows of one process; each instance is a writer of its own.

    Args:
        database: where rows are kept.
        clock: for stamps and pauses.
        offload: runs the writing in the background, and what blocks on a pool's thread.
        metrics: is told of lost rows.
        write: `durable`: `append` returns after the commit; `fast`: at once, and the row follows within 200 ms.
        keep: seconds that rows are kept.
        heads: a place beside the database where the heads of chains are kept too (`audit_anchor.py`); used on a pool's thread.
        spool: where rows wait while the database is away.
    """

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        offload: Offload,
        metrics: Metrics,
        write: Literal["durable", "fast"] = "durable",
        keep: float = 180 * 86_400.0,
        heads: KeyValueStorage | None = None,
        spool: Spool | None = None,
    ) -> None:
        self.writer = secrets.token_hex(8)
        self._database = database
        self._clock = clock
        self._offload = offload
        self._metrics = metrics
        self._durable = write == "durable"
        self._patience = _PATIENCE_SECONDS if spool is None else _PATIENCE_WITH_SPOOL
        retention = Retention(clock=clock, keep=keep)
        self._chains = Chains(database=database, writer=self.writer, retention=retention)
        self._anchoring = Anchoring(writer=self.writer, clock=clock, offload=offload, retention=retention, directory=heads)
        self._spooling = self._spooling_into(spool) if spool is not None else None
        self._waiting: deque[Entry] = deque()
        self._scheduled = False
        self._committing = False
        self._away = False

    def require_ready(self) -> None:
        """In `durable`, after rows could not be written, tries the database before a call does anything.

        Raises:
            Unavailable: it is still away, and there is no spool; nothing was executed.
        """
        spooled = self._spooling is not None and self._spooling.usable
        if self._durable and self._away and not spooled:
            try:
                self._database.write(lambda _: None)
            except Unavailable as failure:
                raise Unavailable(
                    f"Calls are not answered while they cannot be audited: {failure.message}",
                    hint=failure.hint,
                    retryable=failure.retryable,
                    not_executed=True,
                ) from failure
            self._note_back()

    def append(self, workspace: Workspace, row: Mapping[str, object], *, wait: bool = True) -> None:
        """Adds a row; it needs `time`, `operation`, `subject` and `outcome`, and anything else that JSON can say.

        Raises:
            Unavailable: `durable`, `wait`, and the row was not written.
            Internal: the same, by a fault of ours.
        """
        entry = self._add(Entry(self._chains.chain(workspace), row), self._write_in_background)
        if self._durable and wait:
            entry.wait(self._patience)

    def append_described(self, workspace: Workspace, describe: Callable[[], Mapping[str, object]], *, wait: bool = True) -> None:
        """As `append`; in `fast` the row itself is made when it is written, so that no answer waits for that either.

        At once, all the same, where many wait already or the writing is under way: what a row is made from may be large.
        """
        if self._durable or self._committing or len(self._waiting) >= _BATCH:
            self.append(workspace, describe(), wait=wait)
        else:
            self._add(Entry(self._chains.chain(workspace), {}, describe), self._write_in_background)

    def intend(self, workspace: Workspace, row: Mapping[str, object]) -> None:
        """Adds the row that says what is about to be done, and in both modes waits until it is written.

        Raises:
            Unavailable: `durable`, and it was not written, so nothing may be done. In `fast` it waits for the database like any
                other row, and what it says is done.
        """
        entry = self._add(Entry(self._chains.chain(workspace), row), lambda: self._write(patient=False))
        if self._away and not self._durable:
            return
        try:
            entry.wait(self._patience)
        except Failure as failure:
            if self._durable:
                raise Unavailable(
                    f"Nothing was done, since it could not be written down first. {failure.message}",
                    hint=failure.hint,
                    not_executed=True,
                ) from failure

    def anchor(self, workspace: Workspace, storage: KeyValueStorage) -> None:
        """Keeps the head of the workspace's chain in its own storage, at most once a minute; a failure is logged and no more."""
        self._anchoring.anchor(self._chains.chain(workspace), storage)

    def verify(
        self, workspace: Workspace, storage: KeyValueStorage | None = None, *, out_of_time: Callable[[], bool] = lambda: False
    ) -> ChainReport:
        """Whether any kept row was changed, removed, moved or added; `fast` rows of the last moments may be missing.

        Args:
            workspace: whose rows.
            storage: the workspace's own, where heads are anchored.
            out_of_time: asked after each page; the report then says how far it got.

        Raises:
            Unavailable: the database is away.
        """
        chain = self._chains.chain(workspace)
        evidence = self._anchoring.evidence(chain, storage)
        return verify_chains(self._database, workspace.id, chain.cipher, evidence, out_of_time=out_of_time)

    def close(self) -> None:
        """Writes what still waits, unless a task is just doing so; where the database is away it is lost, and counted."""
        if not self._committing:
            self._write(patient=False)
            self._lose(list(self._waiting), Unavailable("The audit log was closed."))
            self._waiting.clear()
            self._anchoring.note(self._chains.all(), all_of_them=True)
            if self._spooling is not None:
                self._spooling.close()

    def _spooling_into(self, spool: Spool) -> Spooling:
        return Spooling(
            spool=spool,
            chains=self._chains,
            writer=self.writer,
            clock=self._clock,
            offload=self._offload,
            metrics=self._metrics,
            sync=self._durable,
        )

    def _add(self, entry: Entry, task: Callable[[], None]) -> Entry:
        if len(self._waiting) >= MAX_WAITING:
            self._lose([entry], Unavailable("The audit log is full: its database does not keep up."))
            return entry
        self._waiting.append(entry)
        if not self._scheduled or task != self._write_in_background:
            self._scheduled = True
            self._offload.spawn(task)
        return entry

    def _write_in_background(self) -> None:
        if not self._durable:
            self._clock.sleep(_GROUPING_SECONDS)
        self._write(patient=not self._durable)

    def _write(self, *, patient: bool) -> None:
        if not self._committing:  # one at a time: a chain has one end; the other goes on until nothing waits
            self._write_groups(patient=patient)
            if self._spooling is not None and self._spooling.must_look():
                self._offload.spawn(self._look_whether_database_is_back)

    def _write_groups(self, *, patient: bool) -> None:
        """Writes groups until nothing waits; a patient one tries again for a while, then leaves the rows to the next call."""
        pauses = list(_RETRY_SECONDS) if patient else []
        self._committing = True
        try:
            while self._waiting or self._drained_a_portion():
                group = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                make_rows(group, self._clock.monotonic, self._offload.give_way)
                left, failure = self._keep(group)
                self._end(group, left)
                if not isinstance(failure, Unavailable) or self._durable:
                    self._lose(left, failure)
                    continue
                self._put_back(left)
                if not pauses:
                    return
                self._clock.sleep(pauses.pop(0))
        finally:
            self._committing = self._scheduled = False

    def _put_back(self, entries: Sequence[Entry]) -> None:
        self._waiting.extendleft(reversed(entries))
        for entry in entries:
            entry.wake()

    def _end(self, group: Sequence[Entry], left: Sequence[Entry]) -> None:
        unkept = set(map(id, left))
        for entry in group:
            if id(entry) not in unkept:
                if entry.failure is None:
                    entry.end()
                else:
                    self._lose([entry], entry.failure)
        self._anchoring.note({entry.chain.workspace: entry.chain for entry in group}.values())

    def _keep(self, group: Sequence[Entry]) -> tuple[Sequence[Entry], Failure | None]:
        """Writes the entries into the database, or to disk; those that could not be kept, and why."""
        if self._spooling is None:
            failure = self._commit(group)
            return (group if failure else ()), failure
        return self._spooling.write(group, commit=self._commit, drained=self._drained_a_portion)

    def _commit(self, group: Sequence[Entry]) -> Failure | None:
        try:
            self._chains.insert(group)
        except Failure as failure:
            self._note_away(failure)
            return failure
        except Exception as error:  # noqa: BLE001 - whatever is wrong with these rows must not stop the rows of others
            _log.error("Audit rows could not be written: %s", type(error).__name__)
            return Internal("The call's audit row could not be written.")
        self._note_back()
        return None

    def _drained_a_portion(self) -> bool:
        """Whether rows that waited on disk went into the database."""
        if self._spooling is None or not self._spooling.waiting or self._spooling.leaves_database_alone:
            return False
        try:
            self._spooling.drain()
        except Failure as failure:
            self._note_away(failure)
            return False
        except Exception as error:  # noqa: BLE001 - a file that cannot be read, or a row that is refused, must not stop the others
            _log.error("Spooled audit rows could not be written: %s", type(error).__name__)
            return False
        return True

    def _look_whether_database_is_back(self) -> None:
        """No row waits for this: an attempt may take its whole timeout."""
        try:
            self._database.write(lambda _: None)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody has to look again
            self._note_away(error if isinstance(error, Failure) else Internal("The audit log's database refuses to write."))
        else:
            self._note_back()
            self._write(patient=False)

    def _note_back(self) -> None:
        self._away = False
        if self._spooling is not None:
            self._spooling.database_is_back()

    def _note_away(self, failure: Failure) -> None:
        if not self._away:
            _log.error("Audit rows cannot be written: %s", failure.as_text())
        self._away = True
        if self._spooling is not None:
            self._spooling.database_is_away()

    def _lose(self, group: Sequence[Entry], failure: Failure | None) -> None:
        self._chains.give_up(group)
        for entry in group:
            entry.end(failure)
        if group:
            self._metrics.audit_rows_lost(len(group))
