"""Forgets a person in the embedded store: their records and activities go, and what else names them is anonymised."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.crm.fields import ENTITIES, FIELDS, Entity, parse_id
from faas_toolkit.capabilities.crm.query import phone_digits, same_phone
from faas_toolkit.capabilities.crm.sources.embedded.tables import AMOUNT_SCALE, AREAS, TABLES
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft, purge, remove, store
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.erasure import Person, Trace, folded
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.state.sql import Database

_PAGE = 200
"""Rows that are looked through at once, on the hub."""
_MOST_NAMED = 10

type _Row = Mapping[str, Any]
type _Ref = tuple[Entity, int]


@immutable
class _Plan:
    """What is to happen to one record; no draft: it goes."""

    ref: _Ref
    trace: Trace
    draft: Draft | None = None


class CrmErasure:
    """A `Register` and a `Holding` over the toolkit's own database. The sample, which is invented, is never touched."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def person(self, workspace: Workspace, given: str) -> Person:
        """The person and every record with the same e-mail address, with what other records share with them."""
        people = list(self._rows(workspace, "person"))
        found = _chosen(people, given)
        emails = {folded(row["email"]) for row in found if row["email"]}
        found = [row for row in people if row in found or (row["email"] and folded(row["email"]) in emails)]
        ids = {row["id"] for row in found}
        others = [row for row in people if row["id"] not in ids] + list(self._rows(workspace, "company"))
        return Person(
            given=given,
            records=tuple(f"person:{number}" for number in sorted(ids)),
            emails=_values(found, "email") or ((given,) if "@" in given else ()),
            phones=_values(found, "phone") or ((given,) if _digits_of(given) else ()),
            names=_values(found, "name", "also_known_as"),
            shared=frozenset(_shared(found, others)),
        )

    def forget(self, workspace: Workspace, person: Person, *, confirmed: bool) -> list[Trace]:
        """Looks through every record; what is changed, changes in one transaction."""
        plans = [plan for entity in ENTITIES for row in self._rows(workspace, entity) if (plan := _plan(entity, row, person))]
        changing = [plan for plan in plans if plan.trace.action != "keep"]
        if confirmed:
            self._database.write(lambda connection: _carry_out(connection, workspace, changing))
        return [plan.trace for plan in plans]

    def _rows(self, workspace: Workspace, entity: Entity) -> Iterator[_Row]:
        """All records of an entity, page by page, so that other calls get their turn."""
        after = -1
        while rows := self._database.read(partial(_page, workspace=workspace.id, entity=entity, after=after)):
            yield from rows
            after = rows[-1]["id"]


def _page(connection: Connection, *, workspace: str, entity: Entity, after: int) -> Sequence[Any]:
    table = TABLES[entity]
    page = select(table).where(table.c.workspace == workspace, table.c.id > after).order_by(table.c.id).limit(_PAGE)
    return connection.execute(page).mappings().all()


def _chosen(people: Sequence[_Row], given: str) -> list[_Row]:
    """Whom the text means: an id, an e-mail address (all records with it), or a phone number that is one person's; no name."""
    named = parse_id(given)
    if named is not None and named[0] == "person":
        return [row for row in people if str(row["id"]) == named[1]]
    if "@" in given:
        return [row for row in people if folded(row["email"] or "") == folded(given)]
    _require_no_name(people, given)
    digits = _digits_of(given)
    found = [row for row in people if digits and row["phone"] and same_phone(digits, phone_digits(row["phone"]))]
    if len({(row["email"] or row["id"]) for row in found}) > 1:
        raise InvalidInput(
            f"This phone number belongs to {len(found)} people: {_ids(found)}.", hint="Give the id of the one you mean."
        )
    return found


def _require_no_name(people: Sequence[_Row], given: str) -> None:
    """A name that was taken for a subject would be reported as erased, and the record would stay."""
    whole = " ".join(folded(given).split())
    bearers = [
        row for row in people if whole in {" ".join(folded(row[name] or "").split()) for name in ("name", "also_known_as")}
    ]
    if bearers:
        raise InvalidInput(
            f"This is a name, which others may have too; here: {_ids(bearers)}.",
            hint="Give the id, the e-mail address or the phone number of the one you mean.",
        )


def _ids(rows: Sequence[_Row]) -> str:
    return ", ".join(f"person:{row['id']}" for row in rows[:_MOST_NAMED])


def _digits_of(given: str) -> str:
    """Of a phone number; empty where the text is none."""
    return "" if any(letter.isalpha() or letter in "@%" for letter in given) else phone_digits(given)


def _values(rows: Sequence[_Row], *names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(row[name]) for row in rows for name in names if row[name]))


def _shared(mine: Sequence[_Row], others: Sequence[_Row]) -> Iterator[str]:
    """Names and numbers of the person that another person or a company has as well."""
    names = {folded(str(row[name])) for row in others for name in ("name", "also_known_as") if row[name]}
    numbers = {phone_digits(row["phone"]) for row in others if row["phone"]}
    for row in mine:
        yield from (row[name] for name in ("name", "also_known_as") if row[name] and folded(row[name]) in names)
        if row["phone"] and any(same_phone(phone_digits(row["phone"]), number) for number in numbers):
            yield row["phone"]


def _plan(entity: Entity, row: _Row, person: Person) -> _Plan | None:
    ref, item = (entity, int(row["id"])), f"{entity}:{row['id']}"
    if item in person.records:
        return _Plan(ref, Trace(place="crm", item=item, action="delete", text="The person's record."))
    linked = f"person:{row.get('person')}" in person.records
    if linked and entity == "activity":
        return _Plan(ref, Trace(place="crm", item=item, action="delete", text="What was done with the person."))
    values = _cleaned(entity, row, person, linked=linked)
    changed = [name for name, value in values.items() if value != row[name]]
    if changed:
        trace = Trace(place="crm", item=item, action="anonymise", text=f"Names the person in: {', '.join(changed)}.")
        return _Plan(ref, trace, Draft(entity, ref[1], _in_units(entity, values)))
    twin = [name for name in ("name", "also_known_as", "phone") if row.get(name) and person.is_shared(row[name])]
    if twin:
        text = f"Has the same {' and '.join(twin)}; taken for somebody else."
        return _Plan(ref, Trace(place="crm", item=item, action="keep", text=text))
    return None


def _cleaned(entity: Entity, row: _Row, person: Person, *, linked: bool) -> dict[str, Any]:
    values = {field.name: row[field.name] for field in FIELDS[entity] if field.name in row}
    for field in FIELDS[entity]:
        value = values.get(field.name)
        if field.name == "person" and linked:
            values["person"] = None
        elif not isinstance(value, str) or field.type in ("choice", "date"):
            continue
        elif field.type in ("email", "phone", "domain") or field.name == "owner":
            values[field.name] = None if person.is_meant_by(value) else value
        else:
            values[field.name] = person.taken_out_of(value, linked=linked)
    return values


def _in_units(entity: Entity, values: dict[str, Any]) -> dict[str, object]:
    """As drafts have them: money in units of the currency."""
    money = {field.name for field in FIELDS[entity] if field.type == "money"}
    return {name: value / AMOUNT_SCALE if name in money and value is not None else value for name, value in values.items()}


def _carry_out(connection: Connection, workspace: Workspace, plans: Sequence[_Plan]) -> None:
    if plans:
        store(connection, workspace.id, [plan.draft for plan in plans if plan.draft is not None])
        remove(connection, workspace.id, [plan.ref for plan in plans if plan.draft is None])
    if connection.execute(select(AREAS.c.number).where(AREAS.c.workspace == workspace.id)).first() is not None:
        purge(connection)
