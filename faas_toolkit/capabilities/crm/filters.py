"""Filters: conditions on documented fields with documented operators, checked before any source is asked."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from faas_toolkit.capabilities.crm.fields import ENTITIES, Entity, Field, parse_id, visible_fields
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.filters import Operator, as_choices, conditions_on, require_few
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import nearest, printable

_ORDERED = frozenset({"money", "number", "date"})
_MAX_CHARS = 500
"""Of one value; stores take no pattern of any length (SQLite: 50,000 bytes), and no field holds more to compare with."""
_EXAMPLE = 'Example: {"stage": "won", "amount": {"gte": 10000}, "close_date": {"lt": "2026-12-31"}}.'


@immutable
class Condition:
    """One condition; `value` has the type of the field, a tuple for `in`, a boolean for `empty`."""

    field: str
    operator: Operator
    value: object


def parse_filters(
    filters: Mapping[str, object], entities: tuple[Entity, ...], hidden: frozenset[str]
) -> tuple[tuple[Condition, ...], tuple[Entity, ...]]:
    """The conditions, and those of the entities that have all the fields named.

    Raises:
        InvalidInput: an unknown field, operator or value; the text names what is valid.
    """
    if not filters:
        return (), entities
    require_few(filters)
    filters = {str(name): asked for name, asked in filters.items()}
    fitting = _entities_with(filters, entities, hidden)
    fields = {field.name: field for field in visible_fields(fitting[0], hidden)}
    conditions = tuple(condition for name, asked in filters.items() for condition in _conditions(fields[name], asked))
    for condition in conditions:
        if fields[condition.field].type == "link" and f"{condition.field}.name" in hidden:
            _require_ids(condition)
    return conditions, fitting


def _require_ids(condition: Condition) -> None:
    """Whoever may not see a name may not find out by filtering either."""
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    if not all(isinstance(value, bool) or parse_id(str(value)) for value in values):
        raise InvalidInput(
            f'The filter on {condition.field} takes ids only, e.g. {{"{condition.field}": "{condition.field}:7"}}.'
        )


def _entities_with(names: Iterable[str], entities: tuple[Entity, ...], hidden: frozenset[str]) -> tuple[Entity, ...]:
    known = {entity: {field.name for field in visible_fields(entity, hidden)} for entity in ENTITIES}
    offered = sorted(set().union(*(known[entity] for entity in entities)))
    for name in names:
        if name not in offered:
            raise InvalidInput(_unknown_field(name, entities, offered, known), hint=_EXAMPLE)
    fitting = tuple(entity for entity in entities if known[entity].issuperset(names))
    if not fitting:
        owners = "; ".join(f"{name}: {', '.join(e for e in entities if name in known[e])}" for name in names)
        raise InvalidInput(f"No entity has all of these filter fields ({owners}); filter by fields of one entity.")
    return fitting


def _unknown_field(name: str, entities: tuple[Entity, ...], offered: list[str], known: Mapping[Entity, set[str]]) -> str:
    where = f"A {entities[0]} has" if len(entities) == 1 else "There is"
    close = nearest(name, offered)
    elsewhere = [entity for entity in ENTITIES if name in known[entity]]
    meant = f" Did you mean {close!r}?" if close else f" It is a field of entity={elsewhere[0]}." if elsewhere else ""
    return f"{where} no field {printable(name)!r} to filter by; the fields are {', '.join(offered)}.{meant}"


def _conditions(field: Field, asked: object) -> Iterator[Condition]:
    for operator, value in conditions_on(field.name, asked, _EXAMPLE):
        yield _condition(field, operator, value)


def _condition(field: Field, operator: Operator, value: object) -> Condition:
    if operator == "empty":
        return Condition(field.name, operator, _boolean(field, value))
    if operator == "in":
        return Condition(field.name, operator, tuple(_value(field, each) for each in as_choices(value)))
    if operator in ("gt", "gte", "lt", "lte") and field.type not in _ORDERED:
        raise InvalidInput(f"{field.name} has no order, so {operator} means nothing; use eq, ne, in, contains or empty.")
    if operator == "contains" and field.type in {*_ORDERED, "boolean"}:
        raise InvalidInput(f"{field.name} is no text, so contains means nothing; use eq, ne, in, gt, gte, lt, lte or empty.")
    return Condition(field.name, operator, _value(field, value))


def _value(field: Field, value: object) -> object:
    if field.type in ("money", "number"):
        return _number(field, value)
    if field.type == "boolean":
        return _boolean(field, value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)  # models send keys as numbers
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"The filter on {field.name} must be a text, got {printable(value)!r}.", hint=_EXAMPLE)
    text = value.strip()
    if len(text) > _MAX_CHARS:
        raise InvalidInput(
            f"The filter on {field.name} has {len(text):,} characters; at most {_MAX_CHARS} are taken.", hint=_EXAMPLE
        )
    return _date(field, text) if field.type == "date" else text


def _number(field: Field, value: object) -> float | int:
    if isinstance(value, str) and re.fullmatch(r"\s*-?\d{1,15}(\.\d{1,6})?\s*", value):
        value = float(value) if "." in value else int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 10**15:
        raise InvalidInput(f"The filter on {field.name} must be a number below 10^15, got {printable(value)!r}.", hint=_EXAMPLE)
    return value


def _boolean(field: Field, value: object) -> bool:
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise InvalidInput(
            f'The filter on {field.name} must be true or false here, got {printable(value)!r}. Example: {{"open": true}}.'
        )
    return word == "true"


def _date(field: Field, text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError as error:
        raise InvalidInput(
            f"The filter on {field.name} must be a date as YYYY-MM-DD, got {printable(text)!r}.",
            hint='Example: {"lt": "2026-12-31"}.',
        ) from error
