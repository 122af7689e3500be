"""The records that are open to a caller, as SQL."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, and_, false, func, or_, select  # noqa: TID253 - loaded on first use
from sqlalchemy.ext.compiler import compiles  # noqa: TID253 - same
from sqlalchemy.sql.compiler import SQLCompiler  # noqa: TID253 - same
from sqlalchemy.sql.functions import FunctionElement  # noqa: TID253 - same

from faas_toolkit.capabilities.crm.fields import Entity, Field, field_of
from faas_toolkit.capabilities.crm.rows import Fields, Rows, comparable
from faas_toolkit.capabilities.crm.sources.embedded.tables import AMOUNT_SCALE, TABLES

type Ref = tuple[Entity, int]

_IDS_AT_ONCE = 5_000


class _Exactly(FunctionElement[str]):
    """A text that compares equal only to itself; MySQL's collations take `a`, `A` and `a ` for one."""

    inherit_cache = True
    name = "exactly"
    type = String()


@compiles(_Exactly)
def _as_it_is(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - as SQLAlchemy hands it on
    return compiler.process(element.clauses, **options)


@compiles(_Exactly, "mysql", "mariadb")
def _as_bytes(element: _Exactly, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - same
    return f"CAST({compiler.process(element.clauses, **options)} AS BINARY)"


def open_rows(entity: Entity, rows: Rows, columns: Any = None) -> list[ColumnElement[bool]]:  # noqa: ANN401 - a table's or alias's
    """What a row must fulfil to be open; nothing where all are."""
    alternatives = rows.alternatives(entity)
    if alternatives is None:
        return []
    columns = TABLES[entity].c if columns is None else columns
    return [or_(false(), *(and_(*_of_fields(entity, fields, columns)) for fields in alternatives))]


def open_refs(connection: Connection, workspace: str, rows: Rows, refs: Sequence[Ref]) -> list[Ref]:
    """Those of the records that are open, in their order."""
    closed: set[Ref] = set()
    for entity, _ in rows.cut:
        table = TABLES[entity]
        numbers = [number for kind, number in refs if kind == entity]
        closed |= {(entity, number) for number in numbers}
        for start in range(0, len(numbers), _IDS_AT_ONCE):
            chosen = table.c.id.in_(numbers[start : start + _IDS_AT_ONCE])
            found = select(table.c.id).where(table.c.workspace == workspace, chosen, *open_rows(entity, rows))
            closed -= {(entity, number) for number in connection.execute(found).scalars()}
    return [ref for ref in refs if ref not in closed]


def _of_fields(entity: Entity, fields: Fields, columns: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - same
    for name, wanted in fields:
        field = field_of(entity, name)
        values = [] if field is None else _stored(field, wanted)
        if field is None or not values:  # the catalog's check names the field; a fault of ours must not widen the answer
            yield false()
        elif field.type == "choice":
            yield func.lower(columns[name]).in_(values)
        elif field.type in ("text", "email", "domain", "phone"):
            yield _Exactly(columns[name]).in_(values)
        else:
            yield columns[name].in_(values)


def _stored(field: Field, wanted: Sequence[object]) -> list[Any]:
    values = [value for value in (comparable(field, each) for each in wanted) if value is not None]
    if field.type == "money":
        return [round(value * AMOUNT_SCALE) for value in values if isinstance(value, (int, float))]
    if field.type == "link":
        keys = [str(value).partition(":")[2] for value in values]
        return [int(key) for key in keys if key.isdecimal() and len(key) < 10]
    return values
