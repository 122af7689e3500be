"""How long audit rows are kept, and how a chain whose beginning was cut off on purpose says so.

The row after a cut holds, under `cut`, the last row removed of each chain: `{writer: [sequence, hash]}`. What earlier cuts said,
and is removed itself, is repeated. A first row that no kept `cut` vouches for was cut by someone else.
"""

import json

from sqlalchemy import ColumnElement, Connection, delete, func, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.clock import Clock
from faas_toolkit.observe.audit_chain import Head
from faas_toolkit.observe.audit_table import audit_rows

MOST_AT_A_TIME = 1_000
"""Rows of a workspace that one transaction removes, so that a backlog never holds the database long; the next one goes on."""

_EVERY_SECONDS = 86_400.0
_ANCHORED_CHAINS = 50
_LOOKED_THROUGH = 5_000
"""Rows in which the chains written last are looked for."""
_MOST_CHAINS = 50
"""Chains that one transaction cuts."""

type Vouched = dict[str, tuple[int, str]]
"""The last removed row of each writer's chain: sequence and hash."""


def last_head(connection: Connection, workspace: str, writer: str) -> Head:
    """Where one chain stands in the database."""
    last = (
        select(audit_rows.c.sequence, audit_rows.c.hash)
        .where(_of(workspace, writer))
        .order_by(audit_rows.c.sequence.desc())
        .limit(1)
    )
    row = connection.execute(last).first()
    return Head(row.sequence, row.hash) if row else Head()


def latest_heads(connection: Connection, workspace: str) -> Vouched:
    """Where the other chains of the workspace stand, at most 50 of those written last; a new chain begins so."""
    recent = (
        select(audit_rows.c.writer, audit_rows.c.time)
        .where(audit_rows.c.workspace == workspace)
        .order_by(audit_rows.c.time.desc())
        .limit(_LOOKED_THROUGH)
        .subquery()
    )
    writers = select(recent.c.writer).group_by(recent.c.writer).order_by(func.max(recent.c.time).desc()).limit(_ANCHORED_CHAINS)
    heads = {writer: last_head(connection, workspace, writer) for writer in connection.execute(writers).scalars().all()}
    return {writer: (head.sequence, head.hash) for writer, head in heads.items()}


class Retention:
    """Removes what is older than `keep` seconds: looked for once a day in each workspace in use, removed portion by portion."""

    def __init__(self, *, clock: Clock, keep: float) -> None:
        self._clock = clock
        self._keep = keep
        self._due: dict[str, float] = {}

    @property
    def oldest(self) -> float:
        """Rows from before this time (epoch seconds) go."""
        return self._clock.epoch() - self._keep

    def due(self, workspace: str) -> bool:
        """Whether it is time to look for old rows."""
        return self._clock.epoch() >= self._due.get(workspace, 0.0)

    def cut(self, connection: Connection, workspace: str) -> Vouched | None:
        """What was removed now, if it was time and there was something; belongs into the next row."""
        if not self.due(workspace):
            return None
        now = self._clock.epoch()
        ends, more = self._ends(connection, workspace, self.oldest)
        self._due[workspace] = now if more else now + _EVERY_SECONDS
        if not ends:
            return None
        vouched = _vouched_by_what_goes(connection, workspace, ends)
        repeat_cut(connection, workspace, ends)
        # What is vouched for again is only what still has rows: the chain's next one is its first.
        left = {writer: last for writer, last in vouched.items() if last_head(connection, workspace, writer) != Head()}
        return left | ends

    def _ends(self, connection: Connection, workspace: str, before: float) -> tuple[Vouched, bool]:
        """The last row to remove of each chain, and whether there is more to remove.

        It is always a beginning of the chain that goes, so that a clock that was set back makes no hole.
        """
        ends: Vouched = {}
        blocked: set[str] = set()
        left = MOST_AT_A_TIME
        while left > 0 and len(ends) + len(blocked) < _MOST_CHAINS:
            writer = _oldest_writer(connection, workspace, before, {*ends, *blocked})
            if writer is None:
                return ends, False
            end = _end(connection, workspace, writer, before, left)
            if end is None:
                blocked.add(writer)
            else:
                ends[writer], removed = end
                left -= removed
        return ends, bool(ends)


def repeat_cut(connection: Connection, workspace: str, ends: Vouched) -> None:
    """Removes the rows up to these ones; again, where a transaction is repeated."""
    for writer, (sequence, _) in ends.items():
        connection.execute(delete(audit_rows).where(_of(workspace, writer) & (audit_rows.c.sequence <= sequence)))


def _oldest_writer(connection: Connection, workspace: str, before: float, without: set[str]) -> str | None:
    old = (audit_rows.c.workspace == workspace) & (audit_rows.c.time < before)
    if without:
        old &= audit_rows.c.writer.not_in(sorted(without))
    found: str | None = connection.execute(select(audit_rows.c.writer).where(old).order_by(audit_rows.c.time).limit(1)).scalar()
    return found


def _end(connection: Connection, workspace: str, writer: str, before: float, most: int) -> tuple[tuple[int, str], int] | None:
    """The last of at most so many rows at the chain's beginning that are all old, and how many they are."""
    beginning = (
        select(audit_rows.c.sequence, audit_rows.c.hash, audit_rows.c.time)
        .where(_of(workspace, writer))
        .order_by(audit_rows.c.sequence)
        .limit(most)
    )
    last, removed = None, 0
    for row in connection.execute(beginning).all():
        if row.time >= before:
            break
        last, removed = (row.sequence, row.hash), removed + 1
    return None if last is None else (last, removed)


def _of(workspace: str, writer: str) -> ColumnElement[bool]:
    return (audit_rows.c.workspace == workspace) & (audit_rows.c.writer == writer)


def _vouched_by_what_goes(connection: Connection, workspace: str, ends: Vouched) -> Vouched:
    vouched: Vouched = {}
    for writer, (sequence, _) in ends.items():
        going = _of(workspace, writer) & (audit_rows.c.sequence <= sequence) & audit_rows.c.content.contains('"cut":')
        for content in connection.execute(select(audit_rows.c.content).where(going).order_by(audit_rows.c.time)).scalars():
            for other, last in json.loads(content).get("cut", {}).items():
                vouched[other] = max(vouched.get(other, (0, "")), (last[0], last[1]))
    return vouched
