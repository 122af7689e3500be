"""Finds audit rows: what a question asks is asked of the database, which has an index for each of its ways."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, or_, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.audit_trail import AuditPage, AuditQuestion, Place
from faas_toolkit.core.call import Call
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.audit_verify import ChainReport
from faas_toolkit.state.sql import Database

_NOT_SHOWN = frozenset({"workspace", "previous_hash", "proof", "heads", "cut"})
"""What only a verification reads."""
_SPARE_SECONDS = 5.0
"""What is left of a call's time when a verification stops."""


class AuditSearch:
    """`core.audit_trail.AuditTrail` over the table.

    Args:
        database: where rows are kept.
        log: of this configuration; knows what was written last.
    """

    def __init__(self, *, database: Database, log: AuditLog) -> None:
        self._database = database
        self._log = log

    def search(self, question: AuditQuestion) -> AuditPage:
        """See the port."""
        return search(self._database, question)

    def verify(self, call: Call) -> ChainReport:
        """See the port."""
        left = call.deadlines.first_content
        return self._log.verify(call.workspace, call.host.storage, out_of_time=lambda: left.remaining() < _SPARE_SECONDS)


def search(database: Database, question: AuditQuestion) -> AuditPage:
    """The rows of one question; raises `Unavailable` when the database is away."""
    newest_first = (audit_rows.c.time.desc(), audit_rows.c.writer.desc(), audit_rows.c.sequence.desc())
    wanted = select(audit_rows).where(*_conditions(question)).order_by(*newest_first).limit(question.limit + 1)

    def work(connection: Connection) -> tuple[list[dict[str, object]], Place | None]:
        found = connection.execute(wanted).all()
        shown = found[: question.limit]
        last = shown[-1] if len(found) > len(shown) else None
        return [_shown(row) for row in shown], (last.time, last.writer, last.sequence) if last is not None else None

    return AuditPage(*database.read(work))


def sealed_lines(database: Database, workspace: str, *, since: float, until: float, page: int = 1_000) -> Iterator[str]:
    """Every row as it was sealed, in the order of time, page by page: JSON with the row's content and its hash."""
    place: Place = (since, "", 0)
    order = (audit_rows.c.time, audit_rows.c.writer, audit_rows.c.sequence)
    while True:
        after = and_(audit_rows.c.workspace == workspace, audit_rows.c.time < until, _beyond(place, newer=True))
        portion = select(audit_rows).where(after).order_by(*order).limit(page)
        rows = database.read(partial(_all, statement=portion))
        for row in rows:
            yield json.dumps({"hash": row.hash, "content": row.content}, ensure_ascii=False)
        if len(rows) < page:
            return
        place = (rows[-1].time, rows[-1].writer, rows[-1].sequence)


def _all(connection: Connection, statement: Select[Any]) -> Sequence[Row[Any]]:
    return connection.execute(statement).all()


def _conditions(question: AuditQuestion) -> Iterator[ColumnElement[bool]]:
    columns = audit_rows.c
    yield columns.workspace == question.workspace
    yield columns.time >= question.since
    yield columns.time < question.until
    if question.callers:
        yield columns.subject.in_(question.callers)
    if question.operation:
        yield columns.operation == question.operation
    if question.outcome:
        yield columns.outcome == question.outcome
    if question.text:
        text = json.dumps(question.text, ensure_ascii=False)[1:-1]  # as it stands in the content, which is JSON
        lower = func.lower(columns.content).contains(text.lower(), autoescape=True)  # of ASCII alone, in SQLite
        yield lower | columns.content.contains(text, autoescape=True)
    if question.before is not None:
        yield _beyond(question.before, newer=False)


def _beyond(place: Place, *, newer: bool) -> ColumnElement[bool]:
    """Rows behind a place, written out: not every database takes an index for a comparison of tuples."""
    time, writer, sequence = audit_rows.c.time, audit_rows.c.writer, audit_rows.c.sequence
    at = place
    if newer:
        return or_(
            time > at[0],
            and_(time == at[0], or_(writer > at[1], and_(writer == at[1], sequence > at[2]))),
        )
    return or_(
        time < at[0],
        and_(time == at[0], or_(writer < at[1], and_(writer == at[1], sequence < at[2]))),
    )


def _shown(row: Row[Any]) -> dict[str, object]:
    """The row as it was written; one that was changed so that it cannot be read shows what its columns say."""
    columns = {name: getattr(row, name) for name in ("time", "operation", "subject", "outcome", "writer", "sequence")}
    try:
        content: object = json.loads(row.content)
    except (ValueError, RecursionError):
        content = None
    written: Mapping[str, object] = content if isinstance(content, dict) else {"unreadable": True}
    return {**columns, **{name: value for name, value in written.items() if name not in _NOT_SHOWN}, "hash": row.hash}
