"""Statements that are asked on every call. Loaded on first use.

Where the data is a file beside us, SQLAlchemy takes 25 µs to find its own text again, to lay out the parameters and to wrap the
rows, and SQLite 4 µs to answer (measured); a lookup asks eight times. So there the text is written out once and goes to the
driver as it is. Over a network the difference does not count, and SQLAlchemy is asked as usual.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import CompoundSelect, Connection, Select, Table, insert  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.state.sqlite import driver_connection

_ROWS_AT_ONCE = 100
"""Of at most 300 columns: SQLite takes 32,766 values (sqlite.org/limits.html)."""


class NamedRow(Protocol):
    """A row whose columns are read by name."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401 - a column's value
        """The value of a column."""
        ...


class Prepared:
    """One select with named parameters; a parameter of `in_(bindparam(…, expanding=True))` takes a list.

    A list is filled up to a power of two by repeating its last value, so there are few texts however many values are given.
    Booleans come as the driver gives them: 0 and 1 from SQLite.
    """

    def __init__(self, statement: Select[Any] | CompoundSelect[Any]) -> None:
        self._statement = statement
        self._written: dict[tuple[int, ...], tuple[str, tuple[str, ...], Mapping[str, object]]] = {}

    def __call__(self, connection: Connection, parameters: Mapping[str, object]) -> Sequence[NamedRow]:
        """All rows for these parameters, which are the same ones in the same order on every call."""
        if connection.dialect.name != "sqlite":
            return connection.execute(self._statement, parameters).mappings().all()
        given = {name: _filled_up(value) if isinstance(value, list) else value for name, value in parameters.items()}
        shape = tuple([len(value) if isinstance(value, list) else -1 for value in given.values()])
        text, order, constants = self._written.get(shape) or self._write(connection, shape, given)
        values: list[object] = []
        for name in order:
            value = given[name] if name in given else constants[name]
            if isinstance(value, (list, tuple)):
                values += value
            else:
                values.append(value)
        return driver_rows(connection, text, values)

    def _write(
        self, connection: Connection, shape: tuple[int, ...], given: Mapping[str, object]
    ) -> tuple[str, tuple[str, ...], Mapping[str, object]]:
        compiled = self._statement.compile(dialect=connection.dialect)
        state = compiled.construct_expanded_state(given)
        expanded = state.parameter_expansion.items()
        heads = {parts[0]: name for name, parts in expanded if parts}
        tails = {part for _, parts in expanded for part in parts[1:]}
        order = tuple(heads.get(name, name) for name in state.positiontup or () if name not in tails)
        constants = compiled.construct_params(given)
        self._written[shape] = state.statement, order, constants
        return self._written[shape]


def driver_rows(connection: Connection, text: str, values: Sequence[object]) -> list[sqlite3.Row]:
    """The rows of a text with `?` for each value, from SQLite's own driver, within the connection's transaction."""
    cursor = driver_connection(connection).cursor()
    cursor.row_factory = sqlite3.Row
    rows: list[sqlite3.Row] = cursor.execute(text, values).fetchall()
    return rows


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Inserts rows that have a value for every column.

    SQLite's driver lets go of the interpreter's lock for each row and, where the hub is busy, waits 1 ms to get it back; so many
    rows are one statement to it.
    """
    if connection.dialect.name != "sqlite":
        connection.execute(insert(table), rows)
        return
    names = [column.name for column in table.columns]
    place = f"({', '.join('?' * len(names))})"
    driver = driver_connection(connection)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        portion = rows[start : start + _ROWS_AT_ONCE]
        text = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES {', '.join([place] * len(portion))}"  # noqa: S608 - our own names
        driver.execute(text, [row[name] for row in portion for name in names])


def _filled_up(values: list[object]) -> list[object]:
    missing = (1 << (len(values) - 1).bit_length()) - len(values) if values else 0
    return values + values[-1:] * missing if missing else values
