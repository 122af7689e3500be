"""Filters as SQL."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.crm.fields import ENTITIES, Entity, Field, field_of, parse_id
from faas_toolkit.capabilities.crm.filters import Condition
from faas_toolkit.capabilities.crm.rows import EVERY, Rows
from faas_toolkit.capabilities.crm.sources.embedded.open_rows import open_rows
from faas_toolkit.capabilities.crm.sources.embedded.tables import AMOUNT_SCALE, TABLES


def restrictions(
    workspace: str, entity: Entity, conditions: Sequence[Condition], rows: Rows = EVERY
) -> list[ColumnElement[bool]]:
    """What a row of the entity must fulfil beside belonging to the workspace."""
    return [*open_rows(entity, rows), *(_expression(workspace, entity, condition, rows) for condition in conditions)]


def _expression(workspace: str, entity: Entity, condition: Condition, rows: Rows) -> ColumnElement[bool]:
    field = field_of(entity, condition.field)
    if field is None:  # `parse_filters` lets only known fields through; a fault of ours must not widen the answer
        return false()
    column: ColumnElement[object] = TABLES[entity].c[field.name]
    if field.type == "link":
        column = _open_link(workspace, field, column, rows)
    if condition.operator == "empty":
        empty = or_(column.is_(None), column == "") if field.type != "boolean" else column.is_(None)
        return empty if condition.value else not_(empty)
    if condition.operator == "ne":
        return or_(column.is_(None), not_(_positive(workspace, field, column, Condition(field.name, "eq", condition.value))))
    return _positive(workspace, field, column, condition)


def _open_link(workspace: str, field: Field, column: "ColumnElement[object]", rows: Rows) -> "ColumnElement[object]":
    """The link as the caller sees it: none, where it leads to a record that is closed."""
    entity = next(entity for entity in ENTITIES if entity == field.name)
    closing = open_rows(entity, rows)
    if not closing:
        return column
    table = TABLES[entity]
    return case((column.in_(select(table.c.id).where(table.c.workspace == workspace, *closing)), column))


def _positive(workspace: str, field: Field, column: "ColumnElement[object]", condition: Condition) -> ColumnElement[bool]:
    if field.type == "link":
        return _linked(workspace, field, column, condition)
    if field.type in ("money", "number", "date", "boolean"):
        return _compared(field, column, condition)
    return _text(column, condition)


def _compared(field: Field, column: "ColumnElement[object]", condition: Condition) -> ColumnElement[bool]:
    scale = AMOUNT_SCALE if field.type == "money" else 1
    given = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    values = [value * scale if isinstance(value, (int, float)) and not isinstance(value, bool) else value for value in given]
    compare = {"eq": "__eq__", "gt": "__gt__", "gte": "__ge__", "lt": "__lt__", "lte": "__le__"}
    if condition.operator == "in":
        return column.in_(values)
    result: ColumnElement[bool] = getattr(column, compare[condition.operator])(values[0])
    return result


def _text(column: "ColumnElement[object]", condition: Condition) -> ColumnElement[bool]:
    lowered = func.lower(column)
    if condition.operator == "contains":
        return or_(*(lowered.contains(form, autoescape=True) for form in _forms(condition.value)))
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    return lowered.in_(sorted({form for value in values for form in _forms(value)}))


def _forms(value: object) -> set[str]:
    """As Unicode lowers it, and as SQLite does, which knows ASCII only."""
    text = str(value)
    return {text.lower(), "".join(c.lower() if c.isascii() else c for c in text)}


def _linked(workspace: str, field: Field, column: "ColumnElement[object]", condition: Condition) -> ColumnElement[bool]:
    """Links are compared by id (`company:7`), else by the name of what they link to."""
    entity = next(entity for entity in ENTITIES if entity == field.name)
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    ids = [parsed for parsed in (parse_id(str(value)) for value in values) if parsed is not None]
    numbers = [int(key) for kind, key in ids if kind == entity and key.isdecimal() and len(key) < 10]
    names = tuple(str(value) for value in values if parse_id(str(value)) is None)
    wanted: list[ColumnElement[bool]] = [column.in_(numbers)] if numbers else []
    if names:
        table = TABLES[entity]
        contains = condition.operator == "contains"
        named = _text(table.c.name, Condition("name", "contains", names[0]) if contains else Condition("name", "in", names))
        wanted.append(column.in_(select(table.c.id).where(and_(table.c.workspace == workspace, named))))
    return or_(*wanted) if wanted else false()
