"""Filters on what was said about documents, checked before any base is asked. Which fields there are only the bases know."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.filters import Operator, as_choices, conditions_on, require_few
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import did_you_mean, printable, require_clean_text

type Scalar = str | float | bool

_LARGEST = 10**15
_EXAMPLE = 'Example: {"department": "support", "year": {"gte": 2025}, "tags": {"contains": "refund"}}.'


@immutable
class Condition:
    """One condition; `value` is a tuple of scalars for `in`, a boolean for `empty`, a text for `contains`, else a scalar."""

    field: str
    operator: Operator
    value: Scalar | tuple[Scalar, ...]


def parse_filters(filters: Mapping[str, object] | None) -> tuple[Condition, ...]:
    """The conditions, all of which must hold.

    Raises:
        InvalidInput: an unknown operator, or a value that the operator cannot use; the text names what is valid.
    """
    given = filters or {}
    require_few(given)
    return tuple(condition for name, asked in given.items() for condition in _conditions(_field(name), asked))


def _field(name: object) -> str:
    text = str(name).strip()
    if not text or len(text) > 100:
        raise InvalidInput(f"The filter field {printable(text)!r} is no name: write 1 to 100 characters.", hint=_EXAMPLE)
    return text


def _conditions(field: str, asked: object) -> Iterator[Condition]:
    for operator, value in conditions_on(printable(field), asked, _EXAMPLE):
        yield _condition(field, operator, value)


def _condition(field: str, operator: Operator, value: object) -> Condition:
    shown = printable(field)
    if operator == "empty":
        if not isinstance(value, bool):
            raise InvalidInput(f'The filter {shown} "empty" must be true or false, got {printable(value)!r}.', hint=_EXAMPLE)
        return Condition(field, operator, value)
    if operator == "in":
        return Condition(field, operator, tuple(_scalar(shown, each) for each in as_choices(value)))
    scalar = _scalar(shown, value)
    if operator == "contains" and not isinstance(scalar, str):
        scalar = json.dumps(int(scalar) if isinstance(scalar, float) and scalar.is_integer() else scalar)  # 20, true
    if operator in ("gt", "gte", "lt", "lte") and isinstance(scalar, bool):
        raise InvalidInput(f"true and false have no order, so {operator} means nothing on {shown}; use eq or ne.", hint=_EXAMPLE)
    return Condition(field, operator, scalar)


def _scalar(shown: str, value: object) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        if not math.isfinite(value) or abs(value) >= _LARGEST:
            raise InvalidInput(f"The filter on {shown} must be a number below 10^15, got {printable(value)!r}.", hint=_EXAMPLE)
        return float(value)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(
            f"The filter on {shown} must be a text, a number, true or false, got {printable(value)!r}.", hint=_EXAMPLE
        )
    return require_clean_text(value, f"The filter on {shown}", 1_000).strip()


def require_known(conditions: Sequence[Condition], fields: Sequence[str]) -> None:
    """Checks that every condition names a field that some document has.

    Raises:
        InvalidInput: naming the fields that there are: inventing one is the commonest mistake, and an empty answer hides it.
    """
    for condition in conditions:
        if condition.field.casefold() not in fields:
            there = ", ".join(fields) or "none, since you may read no document"
            meant = did_you_mean(condition.field, fields)
            raise InvalidInput(
                f"No document that you may read has the field {printable(condition.field)!r}; the fields are {there}.{meant}"
            )
