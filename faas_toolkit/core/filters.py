"""How filters are written: `{"stage": "won", "amount": {"gte": 10000}}`. What a value means to a field each family says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, get_args

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.untrusted import did_you_mean, printable

Operator = Literal["eq", "ne", "in", "gt", "gte", "lt", "lte", "contains", "empty"]
OPERATORS: tuple[Operator, ...] = get_args(Operator)

_MAX_FIELDS = 20
_MAX_CHOICES = 100


def require_few(filters: Mapping[str, object]) -> None:
    """Raises `InvalidInput` where there are more fields than one question is asked with."""
    if len(filters) > _MAX_FIELDS:
        raise InvalidInput(f"filters takes at most {_MAX_FIELDS} fields, got {len(filters)}.")


def conditions_on(field: str, asked: object, example: str) -> Iterator[tuple[Operator, object]]:
    """What is asked of one field: a value means `eq`, a list `in`, null `empty`, an object names its operators.

    Args:
        field: as it may be shown.
        asked: what stands behind it.
        example: filters of the family, for the texts.

    Raises:
        InvalidInput: an empty object, an unknown operator, or an `in` without 1 to 100 values.
    """
    if isinstance(asked, Mapping):
        if not asked:
            raise InvalidInput(f"The filter on {field} is empty.", hint=example)
        for written, value in asked.items():
            operator = _operator(written, example)
            if operator == "in":
                _require_choices(field, value, example)
            yield operator, value
    elif isinstance(asked, (list, tuple)):
        _require_choices(field, asked, example)
        yield "in", asked
    elif asked is None:
        yield "empty", True
    else:
        yield "eq", asked


def as_choices(value: object) -> Sequence[object]:
    """The values of a list, e.g. of an `in` that was let through; any other value as the only one."""
    return value if isinstance(value, (list, tuple)) else (value,)


def _operator(written: object, example: str) -> Operator:
    known = next((operator for operator in OPERATORS if operator == written), None)
    if known is None:
        meant = did_you_mean(written, OPERATORS)
        raise InvalidInput(
            f"There is no filter operator {printable(written)!r}; the operators are {', '.join(OPERATORS)}.{meant}",
            hint=example,
        )
    return known


def _require_choices(field: str, value: object, example: str) -> None:
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= _MAX_CHOICES:
        raise InvalidInput(f'The filter {field} "in" takes a list of 1 to {_MAX_CHOICES} values.', hint=example)
