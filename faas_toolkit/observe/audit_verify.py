"""Whether the audit rows of a workspace are what was written: every hash, every link, every beginning and end that can be known.

Seen are a changed, removed, added or moved row. The end of a chain is vouched for by what this process remembers of its own, and
by the next chain of the workspace, which begins by saying where the others stood. Somebody who rewrites *all* later chains as
well is not seen; against them the heads have to be kept in another place.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, tuple_  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.observe.audit_chain import COLUMNS, Head, hash_of, storable
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.sql import Database

_PAGE = 2_000
_MOST_FAULTS = 100


class Fault(NamedTuple):
    """One place where a chain does not hold."""

    writer: str
    sequence: int
    what: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What `verify` found."""

    rows: int
    chains: int
    faults: tuple[Fault, ...]
    """At most 100."""

    @property
    def intact(self) -> bool:
        """Whether every chain holds."""
        return not self.faults


@dataclass(slots=True)
class _Walk:
    """What is known while the rows pass by, ordered by writer and sequence."""

    rows: int = 0
    faults: list[Fault] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    starts: dict[str, Head] = field(default_factory=dict)
    """What stood before the first kept row of each chain that does not begin at 1."""
    cuts: dict[str, Head] = field(default_factory=dict)
    anchors: set[tuple[str, Head]] = field(default_factory=set)

    def pass_by(self, row: Row[Any]) -> None:
        self.rows += 1
        before = self.heads.get(row.writer)
        if before is None:
            before = Head(row.sequence - 1, row.previous_hash)
            if before != Head():
                self.starts[row.writer] = before
        if row.sequence != before.sequence + 1:
            self.faults.append(Fault(row.writer, row.sequence, f"rows are missing between {before.sequence} and {row.sequence}"))
        elif row.previous_hash != before.hash:
            self.faults.append(Fault(row.writer, row.sequence, "it does not follow the row before it"))
        self.heads[row.writer] = Head(row.sequence, row.hash)
        self._look_inside(row)

    def _look_inside(self, row: Row[Any]) -> None:
        content = json.loads(row.content) if hash_of(row.content) == row.hash else None
        if content is None or any(storable(content.get(name)) != getattr(row, name) for name in COLUMNS):
            self.faults.append(Fault(row.writer, row.sequence, "it was changed"))
            return
        for writer, (sequence, hashed) in content.get("cut", {}).items():
            self.cuts[writer] = max(self.cuts.get(writer, Head()), Head(sequence, hashed), key=lambda head: head.sequence)
        self.anchors |= {(writer, Head(*head)) for writer, head in content.get("heads", {}).items()}

    def close(self, present: set[tuple[str, Head]]) -> None:
        """Looks at beginnings and ends, when all rows have passed; `present` are the anchored rows that are there."""
        for writer, before in self.starts.items():
            if self.cuts.get(writer) != before:
                self.faults.append(Fault(writer, before.sequence + 1, "rows before it were removed"))
        for writer, head in sorted(self.anchors - present, key=lambda anchor: (anchor[0], anchor[1].sequence)):
            if self.cuts.get(writer, Head()).sequence < head.sequence:
                self.faults.append(Fault(writer, head.sequence, "it was removed or changed"))


def verify_chains(database: Database, workspace: str, own_head: tuple[str, Head]) -> ChainReport:
    """Walks all chains of the workspace, page by page. Raises `Unavailable` when the database is away."""
    walk = _Walk()
    if own_head[1].sequence:
        walk.anchors.add(own_head)
    place: tuple[str, int] | None = ("", 0)
    while place is not None:
        place = database.read(partial(_walk_page, workspace=workspace, after=place, walk=walk))
    present = database.read(lambda connection: _present(connection, workspace, walk.anchors))
    walk.close(present)
    return ChainReport(walk.rows, len(walk.heads), tuple(walk.faults[:_MOST_FAULTS]))


def _walk_page(connection: Connection, *, workspace: str, after: tuple[str, int], walk: _Walk) -> tuple[str, int] | None:
    place = (audit_rows.c.writer, audit_rows.c.sequence)
    page = select(audit_rows).where(audit_rows.c.workspace == workspace, tuple_(*place) > after).order_by(*place).limit(_PAGE)
    rows: Sequence[Row[Any]] = connection.execute(page).all()
    for row in rows:
        walk.pass_by(row)
    return (rows[-1].writer, rows[-1].sequence) if rows else None


def _present(connection: Connection, workspace: str, anchors: set[tuple[str, Head]]) -> set[tuple[str, Head]]:
    found = set()
    for writer, head in anchors:
        this = (audit_rows.c.writer == writer) & (audit_rows.c.sequence == head.sequence)
        hashed = connection.execute(select(audit_rows.c.hash).where(audit_rows.c.workspace == workspace, this)).scalar()
        if hashed == head.hash:
            found.add((writer, head))
    return found
