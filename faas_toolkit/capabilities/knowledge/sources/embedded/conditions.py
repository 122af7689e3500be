"""Access lists and filters as SQL: what a document must fulfil before it is searched, counted or named."""

from collections.abc import Sequence

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    and_,
    literal,
    not_,
    or_,
    select,
)

from faas_toolkit.capabilities.knowledge.access import KINDS, Reader
from faas_toolkit.capabilities.knowledge.filters import Condition, Scalar
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import ACCESS, DOCUMENTS, MAX_VALUE_CHARS, VALUES
from faas_toolkit.search.analysis import fold


def readable(area: int, reader: Reader) -> list[ColumnElement[bool]]:
    """What a document of the area must fulfil to exist for this reader."""
    names = reader.names()
    named = [and_(ACCESS.c.kind == kind, ACCESS.c.name.in_(sorted(n for k, n in names if k == kind))) for kind in KINDS]
    listed = DOCUMENTS.c.number.in_(select(ACCESS.c.document).where(ACCESS.c.area == area, or_(*named)))
    return [DOCUMENTS.c.area == area, or_(not_(DOCUMENTS.c.restricted), listed)]


def fulfilling(area: int, conditions: Sequence[Condition]) -> list[ColumnElement[bool]]:
    """What a document of the area must fulfil beside that."""
    return [_expression(area, condition) for condition in conditions]


def _expression(area: int, condition: Condition) -> ColumnElement[bool]:
    value = condition.value
    match condition.operator:
        case "empty":
            has = _has(area, condition.field, literal(value=True))
            return not_(has) if value else has
        case "ne":
            return not_(_has(area, condition.field, _equal(_one(value))))
        case "in":
            chosen = value if isinstance(value, tuple) else (value,)
            return _has(area, condition.field, or_(*(_equal(each) for each in chosen)))
        case "contains":
            return _has(area, condition.field, VALUES.c.text.contains(fold(str(value)), autoescape=True))
        case "eq":
            return _has(area, condition.field, _equal(_one(value)))
        case "gt" | "gte" | "lt" | "lte":
            return _has(area, condition.field, _ordered(condition.operator, _one(value)))


def _one(value: Scalar | tuple[Scalar, ...]) -> Scalar:
    return value[0] if isinstance(value, tuple) else value


def _has(area: int, name: str, holds: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether one of the document's values under this name does; a name may hold several.

    As a list that is made once: asked anew for every passage that holds a word of the question it takes five times as long.
    """
    chosen = select(VALUES.c.document).where(VALUES.c.area == area, VALUES.c.name == name.casefold(), holds)
    return DOCUMENTS.c.number.in_(chosen)


def _equal(value: Scalar) -> ColumnElement[bool]:
    number = _number(value)
    if number is not None:  # 2026 and "2026" are the same to whoever filters
        return or_(VALUES.c.number == number, VALUES.c.text == stored_text(value))
    return VALUES.c.text == stored_text(value)


def _ordered(operator: str, value: Scalar) -> ColumnElement[bool]:
    """Numbers by size; all else, ISO dates above all, as text."""
    number = _number(value)
    left, right = (VALUES.c.number, number) if number is not None else (VALUES.c.text, stored_text(value))
    compare = {"gt": left.__gt__, "gte": left.__ge__, "lt": left.__lt__, "lte": left.__le__}
    result: ColumnElement[bool] = compare[operator](right)
    return result


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and not value.strip().lstrip("+-").replace(".", "", 1).isdecimal():
        return None
    try:
        return float(str(value))
    except ValueError:
        return None


def stored_text(value: object) -> str:
    """A value as texts are compared."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return fold(str(value).strip())[:MAX_VALUE_CHARS]


def stored_number(value: object) -> float | None:
    """A value as numbers are compared; None where it is none."""
    number = _number(value)
    return number if number is not None and abs(number) < 1e15 else None
