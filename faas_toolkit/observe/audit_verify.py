"""Whether the audit rows of a workspace are what was written: hashes, links, proofs, and beginnings and ends as far as known.

Seen are a changed, removed, added or moved row, a chain that was cut or removed whole, and a database set back to an earlier
state. Proofs (`audit_chain.py`) say that rows were written by a holder of the workspace's key. Ends are vouched for by the heads
that are kept elsewhere (`audit_anchor.py`), by what this process remembers of its own chain, and by the next chain of the
workspace, which begins by saying where the others stood.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, tuple_  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.audit_trail import INTENT
from faas_toolkit.core.immutable import immutable
from faas_toolkit.observe.audit_chain import COLUMNS, Head, hash_of, parsed, proof_of, storable
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.cipher import Cipher
from faas_toolkit.state.sql import Database

_PAGE = 500
_MOST_FAULTS = 100


class Fault(NamedTuple):
    """One place where a chain does not hold."""

    writer: str
    sequence: int
    what: str


@immutable
class Evidence:
    """What is known of the chains from elsewhere."""

    heads: frozenset[tuple[str, Head]] = frozenset()
    """Of each writer: rows that must be there."""
    problems: tuple[str, ...] = ()
    """What is wrong with a place where heads are kept, in words."""

    def __or__(self, other: "Evidence") -> "Evidence":
        """What both know."""
        return Evidence(self.heads | other.heads, self.problems + other.problems)


@immutable
class ChainReport:
    """What `verify` found."""

    rows: int
    chains: int
    faults: tuple[Fault, ...]
    """At most 100."""
    unproved: int = 0
    """Rows with the proof of another key: from before the key was changed, or from somebody who has another one."""
    anchors: int = 0
    """Heads, known from elsewhere, that were looked for."""
    unfinished: tuple[str, ...] = ()
    """Requests of effects that began and of which nobody wrote down the end, at most 100: the process ended in between."""
    problems: tuple[str, ...] = ()
    """As `Evidence.problems`."""
    complete: bool = True
    """Whether there was time for all rows."""

    @property
    def intact(self) -> bool:
        """Whether every chain holds, was looked through to its end, and was proved."""
        return self.complete and not (self.faults or self.problems or self.unproved)


@dataclass(slots=True)
class _Walk:
    """What is known while the rows pass by, ordered by writer and sequence."""

    cipher: Cipher | None
    rows: int = 0
    unproved: int = 0
    faults: list[Fault] = field(default_factory=list)
    heads: dict[str, Head] = field(default_factory=dict)
    starts: dict[str, Head] = field(default_factory=dict)
    """What stood before the first kept row of each chain that does not begin at 1."""
    cuts: dict[str, Head] = field(default_factory=dict)
    anchors: set[tuple[str, Head]] = field(default_factory=set)
    begun: dict[str, None] = field(default_factory=dict)
    """Requests whose effect began, in order; those that ended are taken out."""

    def pass_by(self, row: Row[Any]) -> None:
        self.rows += 1
        before = self.heads.get(row.writer)
        if before is None:
            before = Head(row.sequence - 1, row.previous_hash)
            if before != Head():
                self.starts[row.writer] = before
        if row.sequence != before.sequence + 1:
            self._fault(row, f"rows are missing between {before.sequence} and {row.sequence}")
        elif row.previous_hash != before.hash:
            self._fault(row, "it does not follow the row before it")
        self.heads[row.writer] = Head(row.sequence, row.hash)
        self._look_inside(row)

    def _look_inside(self, row: Row[Any]) -> None:
        content = parsed(row.content) if hash_of(row.content) == row.hash else None
        if content is None or any(storable(content.get(name)) != getattr(row, name) for name in COLUMNS):
            self._fault(row, "it was changed")
            return
        proof = proof_of(row.content, self.cipher) if self.cipher else "proved"
        if proof == "forged":
            self._fault(row, "it was not written by this plugin")
            return
        self.unproved += proof == "other key"
        self._note_effect(content)
        for writer, (sequence, hashed) in content.get("cut", {}).items():
            self.cuts[writer] = max(self.cuts.get(writer, Head()), Head(sequence, hashed), key=lambda head: head.sequence)
        self.anchors |= {(writer, Head(*head)) for writer, head in content.get("heads", {}).items()}

    def _note_effect(self, content: dict[str, Any]) -> None:
        request = str(content.get("request", ""))
        if content.get("outcome") == INTENT:
            self.begun[request] = None
        else:
            self.begun.pop(request, None)

    def _fault(self, row: Row[Any], what: str) -> None:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(row.writer, row.sequence, what))

    def close(self, present: set[tuple[str, Head]]) -> None:
        """Looks at beginnings and ends, when all rows have passed; `present` are the anchored rows that are there."""
        for writer, before in self.starts.items():
            if self.cuts.get(writer) != before:
                self.faults.append(Fault(writer, before.sequence + 1, "rows before it were removed"))
        for writer, head in sorted(self.anchors - present, key=lambda anchor: (anchor[0], anchor[1].sequence)):
            if self.cuts.get(writer, Head()).sequence < head.sequence:
                self.faults.append(Fault(writer, head.sequence, "it was removed or changed"))


def verify_chains(
    database: Database,
    workspace: str,
    cipher: Cipher | None,
    evidence: Evidence,
    *,
    out_of_time: Callable[[], bool] = lambda: False,
) -> ChainReport:
    """Walks all chains of the workspace, page by page.

    A fault is looked for twice: while the rows pass by, retention may remove some of them and say so in a row of a chain that has
    passed already.

    Args:
        database: where the rows are.
        workspace: whose.
        cipher: of the workspace; None: proofs are not looked at.
        evidence: what is known from elsewhere.
        out_of_time: asked after each page.

    Raises:
        Unavailable: the database is away.
    """
    report = _verified(database, workspace, cipher, evidence, out_of_time)
    return report if report.intact else _verified(database, workspace, cipher, evidence, out_of_time)


def _verified(
    database: Database, workspace: str, cipher: Cipher | None, evidence: Evidence, out_of_time: Callable[[], bool]
) -> ChainReport:
    walk = _Walk(cipher, anchors=set(evidence.heads))
    place: tuple[str, int] | None = ("", 0)
    while place is not None and not out_of_time():
        place = database.read(partial(_walk_page, workspace=workspace, after=place, walk=walk))
    complete = place is None
    if complete:
        walk.close(database.read(lambda connection: _present(connection, workspace, walk.anchors)))
    return ChainReport(
        rows=walk.rows,
        chains=len(walk.heads),
        faults=tuple(walk.faults[:_MOST_FAULTS]),
        unproved=walk.unproved,
        anchors=len(walk.anchors),
        unfinished=tuple(walk.begun)[:_MOST_FAULTS] if complete else (),
        problems=evidence.problems,
        complete=complete,
    )


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
