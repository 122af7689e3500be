"""The audit log: rows of all calls, written in groups, chained so that a change shows. Loaded on first use.

The first row that waits starts a background task, which ends when none waits. While the database is away, the rows of `fast` wait
in memory, 10,000 at most; beside the embedded store a spool on the same disk would be away with it. What does not fit is counted,
and the next row that is written says how many are missing before it.
"""

import logging
import secrets
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, insert, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Internal, Unavailable
from faas_toolkit.core.offload import Offload
from faas_toolkit.observe.audit_chain import Head, seal
from faas_toolkit.observe.audit_retention import Retention, latest_heads
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.audit_verify import ChainReport, verify_chains
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.state.sql import Database

MAX_WAITING = 10_000
_BATCH = 500
_GROUPING_SECONDS = 0.1
"""How long `fast` lets rows gather, so that they are at most 200 ms behind."""
_PATIENCE_SECONDS = 10.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0)
_KNOWN_HEADS = 4_096
_log = logging.getLogger("faas_toolkit.audit")


@dataclass(slots=True, eq=False)
class _Waiting:
    workspace: str
    row: Mapping[str, object]
    ended: bool = False
    failure: Failure | None = None
    event: threading.Event | None = None

    def end(self, failure: Failure | None = None) -> None:
        self.ended, self.failure = True, failure
        if self.event is not None:
            self.event.set()


class AuditLog:
    """Writes rows of one process; each instance is a writer of its own.

    Args:
        database: where rows are kept.
        clock: for stamps and pauses.
        offload: runs the writing in the background.
        metrics: is told of lost rows.
        write: `durable`: `append` returns after the commit; `fast`: at once, and the row follows within 200 ms.
        keep: seconds that rows are kept.
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
    ) -> None:
        self.writer = secrets.token_hex(8)
        self._database = database
        self._clock = clock
        self._offload = offload
        self._metrics = metrics
        self._durable = write == "durable"
        self._retention = Retention(clock=clock, keep=keep)
        self._waiting: deque[_Waiting] = deque()
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._lost: Counter[str] = Counter()
        self._scheduled = False
        self._committing = False
        self._away = False

    def require_ready(self) -> None:
        """In `durable`, after rows could not be written, tries the database before a call does anything.

        Raises:
            Unavailable: it is still away; nothing was executed.
        """
        if self._durable and self._away:
            try:
                self._database.write(lambda _: None)
            except Unavailable as failure:
                raise Unavailable(
                    f"Calls are not answered while they cannot be audited: {failure.message}",
                    hint=failure.hint,
                    retryable=failure.retryable,
                    not_executed=True,
                ) from failure
            self._away = False

    def append(self, workspace: str, row: Mapping[str, object], *, wait: bool = True) -> None:
        """Adds a row; it needs `time`, `operation`, `subject` and `outcome`, and anything else that JSON can say.

        Raises:
            Unavailable: `durable`, `wait`, and the row was not written.
            Internal: the same, by a fault of ours.
        """
        waiting = _Waiting(workspace, row)
        if len(self._waiting) >= MAX_WAITING:
            self._lose([waiting], Unavailable("The audit log is full: its database does not keep up."))
        else:
            self._waiting.append(waiting)
            if not self._scheduled:
                self._scheduled = True
                self._offload.spawn(self._write_in_background)
        if self._durable and wait:
            self._await(waiting)

    def verify(self, workspace: str) -> ChainReport:
        """Whether any kept row of the workspace was changed, removed or moved; `fast` rows of the last moments may be missing."""
        return verify_chains(self._database, workspace, own_head=(self.writer, self._heads.get(workspace, Head())))

    def close(self) -> None:
        """Writes what still waits, unless a task is just doing so; where the database is away it is lost, and counted."""
        if not self._committing:
            self._write(patient=False)
            self._lose(list(self._waiting), Unavailable("The audit log was closed."))
            self._waiting.clear()

    def _await(self, waiting: _Waiting) -> None:
        if not waiting.ended:
            waiting.event = threading.Event()  # looked up when called: gevent replaces the class
            if not waiting.event.wait(_PATIENCE_SECONDS):
                raise Unavailable("The call's audit row was not written in time.", retryable=False)
        if waiting.failure is not None:
            raise waiting.failure

    def _write_in_background(self) -> None:
        if not self._durable:
            self._clock.sleep(_GROUPING_SECONDS)
        self._write(patient=not self._durable)

    def _write(self, *, patient: bool) -> None:
        """Writes groups until nothing waits; a patient one tries again for a while, then leaves the rows to the next call."""
        if self._committing:
            return  # one at a time: a chain has one end; the other goes on until nothing waits
        pauses = list(_RETRY_SECONDS) if patient else []
        self._committing = True
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                failure = self._commit(group)
                if isinstance(failure, Unavailable) and not self._durable:
                    self._waiting.extendleft(reversed(group))
                    if not pauses:
                        return
                    self._clock.sleep(pauses.pop(0))
                elif failure is not None:
                    self._lose(group, failure)
                else:
                    for waiting in group:
                        waiting.end()
        finally:
            self._committing = self._scheduled = False

    def _commit(self, group: list[_Waiting]) -> Failure | None:
        lost = Counter({workspace: self._lost[workspace] for workspace in {waiting.workspace for waiting in group}})
        try:
            heads = self._database.write(lambda connection: self._insert(connection, group, lost))
        except Failure as failure:
            self._note_away(failure)
            return failure
        except Exception as error:  # noqa: BLE001 - a row that cannot be said in JSON must not stop the rows of others
            _log.error("Audit rows could not be written: %s", type(error).__name__)
            return Internal("The call's audit row could not be written.")
        self._away = False
        self._lost -= lost
        self._heads.update(heads)
        for workspace in heads:
            self._heads.move_to_end(workspace)
        while len(self._heads) > _KNOWN_HEADS:
            self._heads.popitem(last=False)
        return None

    def _insert(self, connection: Connection, group: list[_Waiting], lost: Mapping[str, int]) -> dict[str, Head]:
        """Runs on the database's thread. Heads count as moved only when the transaction was kept, so they are returned."""
        heads: dict[str, Head] = {}
        rows = []
        for waiting in group:
            workspace = waiting.workspace
            row = {**waiting.row, "workspace": workspace, "writer": self.writer}
            if workspace not in heads:
                heads[workspace] = self._heads.get(workspace) or self._own_head(connection, workspace)
                if heads[workspace].sequence == 0:
                    row["heads"] = latest_heads(connection, workspace)
                if lost.get(workspace):
                    row["lost_before"] = lost[workspace]
                cut = self._retention.cut(connection, workspace)
                if cut is not None:
                    row["cut"] = cut
            sealed, heads[workspace] = seal(row, heads[workspace])
            rows.append(sealed)
        connection.execute(insert(audit_rows), rows)
        return heads

    def _own_head(self, connection: Connection, workspace: str) -> Head:
        own = (audit_rows.c.workspace == workspace) & (audit_rows.c.writer == self.writer)
        columns = select(audit_rows.c.sequence, audit_rows.c.hash)
        row = connection.execute(columns.where(own).order_by(audit_rows.c.sequence.desc()).limit(1)).first()
        return Head(row.sequence, row.hash) if row else Head()

    def _note_away(self, failure: Failure) -> None:
        if not self._away:
            _log.error("Audit rows cannot be written: %s", failure.as_text())
        self._away = True

    def _lose(self, group: list[_Waiting], failure: Failure) -> None:
        for waiting in group:
            self._lost[waiting.workspace] += 1
            waiting.end(failure)
        if group:
            self._metrics.audit_rows_lost(len(group))
