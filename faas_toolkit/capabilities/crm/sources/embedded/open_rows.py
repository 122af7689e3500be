"""The records that are open to a caller, as SQL."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    false,
    func,
    or_,
    select,
)
from sqlalchemy.ext.compiler import compiles  # noqa: TID253 - same
from sqlalchemy.sql.compiler import SQLCompiler  # noqa: TID253 - same
from sqlalchemy.sql.functions import FunctionElement  # noqa: TID253 - same

from faas_toolkit.capabilities.crm.fields import Entity, Field, field_of
from faas_toolkit.capabilities.crm.rows import Fields, Rows, comparable
from faas_toolkit.capabilities.crm.sources.embedded.tables import AMOUNT_SCALE, TABLES
from faas_toolkit.state.prepared import Prepared

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
    """What a row must fulfil to be open; nothing where all are.

    Values are parameters with defaults. A prepared statement is made from `rows.form` and asked with `parameters_of(rows)`, so
    there are few statements however many callers there are.
    """
    alternatives = rows.alternatives(entity)
    if alternatives is None:
        return []
    columns = TABLES[entity].c if columns is None else columns
    return [or_(false(), *(and_(*_of_fields(entity, place, fields, columns)) for place, fields in enumerate(alternatives)))]


def parameters_of(rows: Rows) -> dict[str, list[Any]]:
    """The values of everything that `open_rows` names, as they are stored."""
    return {
        _parameter(entity, place, name): _stored(field, wanted)
        for entity, alternatives in rows.cut
        for place, fields in enumerate(alternatives)
        for name, wanted in fields
        if (field := field_of(entity, name)) is not None
    }


def open_refs(connection: Connection, workspace: str, rows: Rows, refs: Sequence[Ref]) -> list[Ref]:
    """Those of the records that are open, in their order."""
    closed: set[Ref] = set()
    for entity, _ in rows.cut:
        numbers = [number for kind, number in refs if kind == entity]
        closed |= {(entity, number) for number in numbers}
        mine = rows.about(entity)
        for start in range(0, len(numbers), _IDS_AT_ONCE):
            parameters = {"workspace": workspace, "ids": numbers[start : start + _IDS_AT_ONCE], **parameters_of(mine)}
            closed -= {(entity, row["id"]) for row in _open_ids(entity, mine.form)(connection, parameters)}
    return [ref for ref in refs if ref not in closed]


@lru_cache(maxsize=256)
def _open_ids(entity: Entity, form: Rows) -> Prepared:
    table = TABLES[entity]
    chosen = table.c.id.in_(bindparam("ids", expanding=True))
    return Prepared(select(table.c.id).where(table.c.workspace == bindparam("workspace"), chosen, *open_rows(entity, form)))


def _of_fields(entity: Entity, place: int, fields: Fields, columns: Any) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - same
    for name, wanted in fields:
        field = field_of(entity, name)
        if field is None:  # the catalog's check names it; a fault of ours must not widen the answer
            yield false()
            continue
        column = columns[name]
        if field.type == "choice":
            column = func.lower(column)
        elif field.type in ("text", "email", "domain", "phone"):
            column = _Exactly(column)
        yield column.in_(bindparam(_parameter(entity, place, name), value=_stored(field, wanted), expanding=True))


def _parameter(entity: Entity, place: int, name: str) -> str:
    return f"open_{entity}_{place}_{name}"


def _stored(field: Field, wanted: Sequence[object]) -> list[Any]:
    values = [value for value in (comparable(field, each) for each in wanted) if value is not None]
    if field.type == "money":
        return [round(value * AMOUNT_SCALE) for value in values if isinstance(value, (int, float))]
    if field.type == "link":
        keys = [str(value).partition(":")[2] for value in values]
        return [int(key) for key in keys if key.isdecimal() and len(key) < 10]
    return values
