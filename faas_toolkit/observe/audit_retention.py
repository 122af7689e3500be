"""How long audit rows are kept, and how a chain whose beginning was cut off on purpose says so.

The row after a cut holds, under `cut`, the last row removed of each chain: `{writer: [sequence, hash]}`. What earlier cuts said,
and is removed itself, is repeated. A first row that no kept `cut` vouches for was cut by someone else.
"""

import json

from sqlalchemy import ColumnElement, Connection, Function, delete, func, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.clock import Clock
from faas_toolkit.observe.audit_table import audit_rows

_EVERY_SECONDS = 86_400.0
_ANCHORED_CHAINS = 50

type Vouched = dict[str, tuple[int, str]]
"""The last removed row of each writer's chain: sequence and hash."""


def latest_heads(connection: Connection, workspace: str) -> Vouched:
    """Where the other chains of the workspace stand, the 50 written last; a new chain begins so, and a cut tail shows."""
    last = (
        select(audit_rows.c.writer, func.max(audit_rows.c.sequence).label("sequence"))
        .where(audit_rows.c.workspace == workspace)
        .group_by(audit_rows.c.writer)
        .order_by(func.max(audit_rows.c.time).desc())
        .limit(_ANCHORED_CHAINS)
        .subquery()
    )
    rows = connection.execute(
        select(audit_rows.c.writer, audit_rows.c.sequence, audit_rows.c.hash)
        .join(last, (audit_rows.c.writer == last.c.writer) & (audit_rows.c.sequence == last.c.sequence))
        .where(audit_rows.c.workspace == workspace)
    )
    return {row.writer: (row.sequence, row.hash) for row in rows}


class Retention:
    """Removes what is older than `keep` seconds, once a day for each workspace that is in use."""

    def __init__(self, *, clock: Clock, keep: float) -> None:
        self._clock = clock
        self._keep = keep
        self._cut_at: dict[str, float] = {}

    def cut(self, connection: Connection, workspace: str) -> Vouched | None:
        """What was removed now, if it was time and there was something; belongs into the next row."""
        now = self._clock.epoch()
        if now < self._cut_at.get(workspace, 0.0) + _EVERY_SECONDS:
            return None
        self._cut_at[workspace] = now
        ends = self._ends(connection, workspace, now - self._keep)
        if not ends:
            return None
        vouched = _vouched_by_what_goes(connection, workspace, ends)
        for writer, (sequence, _) in ends.items():
            connection.execute(delete(audit_rows).where(_up_to(workspace, writer, sequence)))
        remaining = set(
            connection.execute(select(audit_rows.c.writer).distinct().where(audit_rows.c.workspace == workspace)).scalars()
        )
        return {writer: last for writer, last in vouched.items() if writer in remaining} | ends

    def _ends(self, connection: Connection, workspace: str, before: float) -> Vouched:
        """The last row to remove of each chain: always a beginning of it, so that a clock that was set back makes no hole."""
        of_workspace = audit_rows.c.workspace == workspace
        old = _grouped(connection, func.max(audit_rows.c.sequence), of_workspace & (audit_rows.c.time < before))
        if not old:
            return {}
        new = _grouped(connection, func.min(audit_rows.c.sequence), of_workspace & (audit_rows.c.time >= before))
        ends: Vouched = {}
        for writer, last_old in old.items():
            sequence = min(last_old, new.get(writer, last_old + 1) - 1)
            this = (audit_rows.c.writer == writer) & (audit_rows.c.sequence == sequence)
            found = connection.execute(select(audit_rows.c.hash).where(of_workspace & this)).scalar()
            if found is not None:
                ends[writer] = (sequence, found)
        return ends


def _grouped(connection: Connection, what: Function[int], where: ColumnElement[bool]) -> dict[str, int]:
    rows = connection.execute(select(audit_rows.c.writer, what).where(where).group_by(audit_rows.c.writer))
    return {writer: number for writer, number in rows}  # noqa: C416 - dict(rows) is not typed


def _up_to(workspace: str, writer: str, sequence: int) -> ColumnElement[bool]:
    return (audit_rows.c.workspace == workspace) & (audit_rows.c.writer == writer) & (audit_rows.c.sequence <= sequence)


def _vouched_by_what_goes(connection: Connection, workspace: str, ends: Vouched) -> Vouched:
    vouched: Vouched = {}
    for writer, (sequence, _) in ends.items():
        going = _up_to(workspace, writer, sequence) & audit_rows.c.content.contains('"cut":')
        for content in connection.execute(select(audit_rows.c.content).where(going).order_by(audit_rows.c.time)).scalars():
            for other, last in json.loads(content).get("cut", {}).items():
                vouched[other] = max(vouched.get(other, (0, "")), (last[0], last[1]))
    return vouched
