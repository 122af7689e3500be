"""A function of the catalog as a source of customers. The contract, with an example, is in docs/serving.md."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import date
from typing import Any

from faas_toolkit.capabilities.crm.fields import FIELDS, RELATED, RELATED_ENTITY, Entity, Field, Relation, parse_id
from faas_toolkit.capabilities.crm.port import MATCHES, CrmRecord, Found, Lookup, Related, Strength
from faas_toolkit.capabilities.crm.rows import EVERY, Rows
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.chain import InvokeFunction
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import Target
from faas_toolkit.core.untrusted import nearest, printable

OPERATION = "crm.find"

_STRENGTHS: Mapping[str, Strength] = {word: strength for strength, word in MATCHES.items()}
_MOST_UNKNOWN = 5
_MOST_NEAREST = 5
_OTHER_KEYS = frozenset({"id", "entity", "source", "match", "url", "related"})
"""What stands in a record beside its fields and what is related to it."""


class FunctionCrm:
    """A `CrmSource` that asks a function, which passes the function's own gate: its limits count whoever asks it.

    What it answers is checked against the fields that records have: what has a wrong type is a failure that names the place, what
    nobody knows is left out with a notice. Hidden fields are cut by the capability, as for every source.

    Args:
        function: its name in the catalog.
        invoke: calls it.
        fresh_for: seconds that its answers may be kept, as its section says.
    """

    kind = "function"
    target: Target | None = None
    local = False

    def __init__(self, *, function: str, invoke: InvokeFunction, fresh_for: float) -> None:
        self._function = function
        self._invoke = invoke
        self.fresh_for = fresh_for

    def find(self, lookup: Lookup, deadline: Deadline) -> Found:
        """The records that the function gave; raises what asking it raises, and `BadResponse` where it breaks the contract."""
        answered = self._invoke(self._function, _question(lookup), lookup.call)
        return _Reading(self._function, lookup.rows).found(answered, lookup)

    def version(self, workspace: Workspace) -> str | None:
        """None: a function counts no changes."""
        return None

    def check(self, workspace: Workspace, deadline: Deadline) -> str:
        """The function has a line of its own."""
        return f"answered by the function {self._function}"


def _question(lookup: Lookup) -> Mapping[str, object]:
    return {
        "operation": OPERATION,
        "workspace": lookup.workspace.id,
        "query": lookup.query.text if lookup.query is not None else "",
        "entities": list(lookup.entities),
        "filters": [
            {
                "field": condition.field,
                "operator": condition.operator,
                "value": list(condition.value) if isinstance(condition.value, tuple) else condition.value,
            }
            for condition in lookup.conditions
        ],
        "include": sorted(lookup.include),
        "hidden": sorted(lookup.hidden),
        **({"rows": lookup.rows.plain()} if lookup.rows else {}),
        "offset": lookup.offset,
        "limit": lookup.limit,
        "related_limit": lookup.related_limit,
    }


@immutable
class _Reading:
    """Reads one answer."""

    name: str
    rows: Rows = EVERY
    unknown: list[str] = field(default_factory=list)

    def found(self, answered: object, lookup: Lookup) -> Found:
        if not isinstance(answered, Mapping) or not isinstance(answered.get("records"), list):
            raise self._broken('it must answer an object with a list `records`, e.g. {"records": [], "total": 0}')
        if self.rows and answered.get("rows_applied") is not True:  # its totals would count what this caller may not know of
            raise self._broken('it was asked for some rows only, and must answer "rows_applied": true once it heeds `rows`')
        given = answered["records"][: lookup.limit]
        usual = Strength.WORDS if lookup.query is not None else Strength.LISTED
        records = tuple(self._record(each, f"records[{place}]", usual) for place, each in enumerate(given))
        for place, record in enumerate(records):
            if record.entity not in lookup.entities:
                raise self._broken(f"records[{place}] is a {record.entity}, and only {', '.join(lookup.entities)} was asked for")
        least = lookup.offset + len(records)
        total = self._count(answered.get("total", least), "total")
        # Of which entity a near name is, the function does not say.
        hides_names = any(f"{entity}.name" in lookup.hidden for entity in lookup.entities)
        best = max((record.strength for record in records), default=None) if lookup.query is not None else None
        return Found(
            records=records,
            total=max(total, least),
            best=best,
            rivals=self._rivals(records, best),
            removed=self._count(answered.get("removed", 0), "removed"),
            nearest=() if hides_names else self._nearest(answered.get("nearest", ())),
            notices=tuple(self._notices()),
        )

    def _record(self, given: object, path: str, usual: Strength) -> CrmRecord:
        entity, key, said = self._identified(given, path)
        match = said.get("match")
        if match is not None and not (isinstance(match, str) and match in _STRENGTHS):
            raise self._broken(f"{path}.match must be one of {', '.join(_STRENGTHS)}, got {printable(match)!r}")
        values = self._values(entity, said, path)
        if not self.rows.allows(entity, values):
            raise self._broken(f"{path} is outside the `rows` that it was asked for, or lacks a field that they name")
        return CrmRecord(
            entity=entity,
            key=key,
            values=values,
            strength=usual if match is None else _STRENGTHS[str(match)],
            related={relation: related for relation in RELATED[entity] if (related := self._related(relation, said, path))},
            url=self._text(said.get("url") or "", f"{path}.url"),
        )

    def _identified(self, given: object, path: str) -> tuple[Entity, str, Mapping[str, Any]]:
        said = given if isinstance(given, Mapping) else {}
        identity = parse_id(str(said.get("id", "")))
        if identity is None:
            raise self._broken(f'{path} must be an object with an id such as "person:42", got {printable(said.get("id"))!r}')
        return *identity, said

    def _values(self, entity: Entity, said: Mapping[str, Any], path: str) -> dict[str, object]:
        known = {each.name for each in FIELDS[entity]} | set(RELATED[entity]) | _OTHER_KEYS
        self.unknown.extend(f"{entity}.{printable(name)}" for name in said if name not in known)
        values = {each.name: said.get(each.name) for each in FIELDS[entity]}
        return {
            each.name: self._value(each, values[each.name], f"{path}.{each.name}")
            for each in FIELDS[entity]
            if values[each.name] not in (None, "")
        }

    def _value(self, known: Field, value: object, path: str) -> object:
        if known.type == "link":
            return self._link(value, path)
        if known.type == "boolean":
            return self._of_type(value, bool, path, "true or false")
        if known.type in ("money", "number"):
            return self._of_type(value, (int, float), path, "a number")
        text = self._text(value, path)
        if known.type == "date":
            return self._date(text, path)
        return text.lower() if known.type == "choice" and known.name != "currency" else text

    def _link(self, value: object, path: str) -> Mapping[str, object]:
        said = value if isinstance(value, Mapping) else {"id": value}
        identity = parse_id(str(said.get("id", "")))
        if identity is None:
            raise self._broken(f'{path} must be a link such as {{"id": "company:7", "name": "Acme"}}, got {printable(value)!r}')
        return {"id": ":".join(identity), "name": self._text(said.get("name", ""), f"{path}.name")}

    def _related(self, relation: Relation, said: Mapping[str, Any], path: str) -> Related | None:
        """Related records stand under the relation's name, their numbers under `related`, as crm_lookup itself shows them."""
        counted = said.get("related")
        counts = counted.get(relation) if isinstance(counted, Mapping) else None
        given = said.get(relation)
        if relation == RELATED_ENTITY[relation]:  # the one company: the link itself may hold its fields
            given = [given] if isinstance(given, Mapping) and len(given) > len(("id", "name")) else None
        if given is None and not isinstance(counts, Mapping):
            return None
        if not isinstance(given, (list, type(None))):
            raise self._broken(f"{path}.{relation} must be a list of records")
        records = tuple(
            self._record(each, f"{path}.{relation}[{place}]", Strength.LISTED) for place, each in enumerate(given or ())
        )
        counts = counts if isinstance(counts, Mapping) else {}
        total = max(self._count(counts.get("total", len(records)), f"{path}.related.{relation}.total"), len(records))
        is_open = self._count(counts["open"], f"{path}.related.{relation}.open") if counts.get("open") is not None else None
        return Related(total=total, open=is_open, records=records)

    def _nearest(self, given: object) -> tuple[str, ...]:
        names = list(self._of_type(given, (list, tuple), "nearest", "a list of names"))[:_MOST_NEAREST]
        return tuple(printable(self._text(name, f"nearest[{place}]"), 200) for place, name in enumerate(names))

    def _rivals(self, records: Sequence[CrmRecord], best: Strength | None) -> int:
        if best is None or best < Strength.NAME_WORDS or best == Strength.ID:
            return 0
        first = next(record.entity for record in records if record.strength == best)
        alike = sum(record.strength == best and record.entity == first for record in records)
        return alike if first in ("person", "company") else 0

    def _notices(self) -> Iterator[str]:
        names = list(dict.fromkeys(self.unknown))
        if names:
            entity, _, name = names[0].partition(".")
            close = nearest(name, [each.name for each in FIELDS[entity]]) if entity in FIELDS else None  # type: ignore[index]  # it was just looked up
            meant = f" Did {self.name!r} mean {close!r}?" if close else ""
            yield f"{self.name!r} gave fields that nobody knows: {', '.join(names[:_MOST_UNKNOWN])}; they were left out.{meant}"

    def _count(self, value: object, path: str) -> int:
        number = self._of_type(value, (int, float), path, "a whole number from 0")
        if number != int(number) or number < 0:
            raise self._broken(f"{path} must be a whole number from 0, got {printable(value)}")
        return int(number)

    def _text(self, value: object, path: str) -> str:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        return str(self._of_type(value, str, path, "a text")).strip()

    def _date(self, text: str, path: str) -> str:
        try:
            return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            raise self._broken(f"{path} must be a date as YYYY-MM-DD, got {printable(text)!r}") from None

    def _of_type(self, value: Any, kind: type | tuple[type, ...], path: str, what: str) -> Any:  # noqa: ANN401 - any JSON value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._broken(f"{path} must be {what}, got {printable(value)!r}")
        return value

    def _broken(self, what: str) -> BadResponse:
        return BadResponse(
            f"The function {self.name!r} did not keep the contract of a CRM source: {what}.",
            hint="Its owner repairs it; docs/serving.md describes the contract.",
        )
