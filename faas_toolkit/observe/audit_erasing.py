"""Forgets a person in the audit trail: their key is destroyed, their rows stay and say no more who it was."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, select, tuple_  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.erasure import Person, Trace
from faas_toolkit.observe.audit_chain import parsed
from faas_toolkit.observe.audit_person import OWNER, PERSONAL, SEALED, PersonalParts
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.state.data_keys import DataKeys
from faas_toolkit.state.sql import Database

_PAGE = 200
"""Rows that are opened at once, on the hub (`observe/audit_search.py`)."""
_EXPIRES = "They go when `audit.keep` has passed."
_LEFT: Mapping[str, str] = {
    "rows of other callers": f"Asked about the person; sealed with those callers' keys. {_EXPIRES}",
    "rows without a person's key": f"Written while their key could not be had; sealed with the workspace's key. {_EXPIRES}",
    "rows of an earlier version": f"Written in clear by a version that sealed nothing. {_EXPIRES}",
}

type _Content = Mapping[str, object]


class AuditErasure:
    """A `Holding` over the audit rows of a workspace.

    Args:
        database: where they are.
        keys: of persons.
        persons: opens rows.
    """

    def __init__(self, *, database: Database, keys: DataKeys, persons: PersonalParts) -> None:
        self._database = database
        self._keys = keys
        self._persons = persons

    def forget(self, workspace: Workspace, person: Person, *, confirmed: bool) -> list[Trace]:
        """Opens every row once, to tell also what a key does not reach."""
        known = {name for name, owner in self._keys.owners(workspace).items() if _is_key_of(person, owner)}
        guessed = {self._persons.name_of(workspace, subject) for subject in _subjects(person)}
        names = self._keys.undestroyed(workspace, known | guessed)
        rows, left = 0, Counter[str]()
        for page in self._pages(workspace):
            mine = [row for row in page if row.get("subject") in names]
            rows += len(mine)
            left["rows without a person's key"] += sum(self._persons.outlives_key(workspace, row) for row in mine)
            others = [row for row in page if row.get("subject") not in names]
            for kept, row in zip(others, self._persons.open(workspace, others), strict=True):
                if _names(person, row):
                    left["rows of other callers" if SEALED in kept else "rows of an earlier version"] += 1
        if confirmed and names:
            self._keys.destroy(workspace, names)
        found = [Trace(place="audit", item=item, action="keep", text=_LEFT[item], count=count) for item, count in left.items()]
        if names:
            text = "Who it was and what they asked can be read no more; the rows and their chain stay."
            found.append(Trace(place="audit", item="rows of the person", action="destroy key", text=text, count=rows))
        return [trace for trace in found if trace.count or trace.action != "keep"]

    def _pages(self, workspace: Workspace) -> Iterator[list[_Content]]:
        after = ("", 0)
        while True:
            rows = self._database.read(partial(_page, workspace=workspace.id, after=after))
            yield [content for row in rows if (content := parsed(row[2])) is not None]
            if len(rows) < _PAGE:
                return
            after = rows[-1][:2]


def _page(connection: Connection, *, workspace: str, after: tuple[str, int]) -> Sequence[tuple[str, int, str]]:
    place = (audit_rows.c.writer, audit_rows.c.sequence)
    columns = select(*place, audit_rows.c.content).where(audit_rows.c.workspace == workspace, tuple_(*place) > after)
    return [(row.writer, row.sequence, row.content) for row in connection.execute(columns.order_by(*place).limit(_PAGE)).all()]


def _is_key_of(person: Person, owner: str) -> bool:
    """Whether a key is the person's: by their subject, or by the user id that Dify told."""
    if not owner.startswith(OWNER):
        return False
    subject = owner.removeprefix(OWNER)
    return person.is_meant_by(subject) or person.is_meant_by(subject.partition(":")[2])


def _subjects(person: Person) -> Iterator[str]:
    """As rows may name them: also where the key cannot be unwrapped, so that nobody can say whose it is."""
    for text in (person.given, *person.records, *person.emails):
        yield from (text, f"dify:{text}", f"client:{text}")


def _names(person: Person, row: _Content) -> bool:
    return person.is_named_in(" ".join(str(row.get(name, "")) for name in PERSONAL))
