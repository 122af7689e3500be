"""Finds audit rows: what a question asks is asked of the database, which has an index for each of its ways."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, or_, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.audit_trail import AuditPage, AuditQuestion, Place
from faas_toolkit.core.call import Call
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_person import PersonalParts
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.audit_verify import ChainReport
from faas_toolkit.state.sql import Database

_NOT_SHOWN = frozenset({"workspace", "previous_hash", "proof", "heads", "cut"})
"""What only a verification reads."""
_PORTION = 400
"""Rows that are opened at once, on the hub: 10 to 20 ms, in which no other call gets its turn."""
_MOST_LOOKED_AT = 200_000
"""Rows that one question opens to look for words."""
_SPARE_SECONDS = 5.0
"""What is left of a call's time when a verification stops."""


class StoredTrail:
    """`core.audit_trail.AuditTrail` over the table.

    Args:
        database: where rows are kept.
        log: of this configuration; knows what was written last.
        persons: opens what rows say of persons.
    """

    def __init__(self, *, database: Database, log: AuditLog, persons: PersonalParts) -> None:
        self._database = database
        self._log = log
        self._persons = persons

    def search(self, question: AuditQuestion) -> AuditPage:
        """See the port."""
        return search(self._database, question, self._persons)

    def verify(self, call: Call) -> ChainReport:
        """See the port."""
        left = call.deadlines.first_content
        return self._log.verify(call.workspace, call.host.storage, out_of_time=lambda: left.remaining() < _SPARE_SECONDS)


def search(database: Database, question: AuditQuestion, persons: PersonalParts) -> AuditPage:
    """The rows of one question; raises `Unavailable` when the database is away.

    Words are looked for in opened rows, since what a row says of a person is sealed; where nothing fits for long, the page ends
    early and says where to go on.
    """
    names = tuple(persons.name_of(question.workspace, caller) for caller in question.callers)
    found: list[tuple[Place, dict[str, object]]] = []
    place, looked_at = question.before, 0
    portion = _PORTION if question.text else min(_PORTION, question.limit + 1)
    while len(found) <= question.limit and looked_at < _MOST_LOOKED_AT:
        rows = database.read(partial(_all, statement=_portion(question, names, place, portion)))
        opened = persons.open(question.workspace, map(_shown, rows))
        places = [(row.time, row.writer, row.sequence) for row in rows]
        found += [each for each in zip(places, opened, strict=True) if _holds(each[1], question.text)]
        if len(rows) < portion:
            place = None
            break
        place, looked_at = places[-1], looked_at + len(rows)
    shown = found[: question.limit]
    following = shown[-1][0] if len(found) > len(shown) else place
    return AuditPage([row for _, row in shown], following)


def _portion(question: AuditQuestion, names: Sequence[str], place: Place | None, limit: int) -> Select[Any]:
    newest_first = (audit_rows.c.time.desc(), audit_rows.c.writer.desc(), audit_rows.c.sequence.desc())
    return select(audit_rows).where(*_conditions(question, names, place)).order_by(*newest_first).limit(limit)


def _holds(row: Mapping[str, object], text: str) -> bool:
    written = json.dumps(text, ensure_ascii=False)[1:-1]  # as it stands in a row, which is JSON
    return written.casefold() in json.dumps(row, ensure_ascii=False, default=str).casefold()


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


def _conditions(question: AuditQuestion, names: Sequence[str], place: Place | None) -> Iterator[ColumnElement[bool]]:
    columns = audit_rows.c
    yield columns.workspace == question.workspace.id
    yield columns.time >= question.since
    yield columns.time < question.until
    if question.callers:
        yield columns.subject.in_((*question.callers, *names))  # rows of earlier versions have the subject itself
    if question.operation:
        yield columns.operation == question.operation
    if question.outcome:
        yield columns.outcome == question.outcome
    if place is not None:
        yield _beyond(place, newer=False)


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
