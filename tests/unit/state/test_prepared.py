"""Selects as text give what SQLAlchemy gives."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, bindparam, create_engine, insert, or_, select
from sqlalchemy.exc import InvalidRequestError

from faas_toolkit.state.prepared import Prepared, insert_rows

THINGS = Table("things", MetaData(), Column("id", Integer, primary_key=True), Column("name", String(20)), Column("open", Boolean))
# One parameter twice, a constant list, a constant, and two lists.
STATEMENT = (
    select(THINGS.c.id, THINGS.c.name.label("called"), THINGS.c.open)
    .where(
        or_(THINGS.c.name == bindparam("name"), THINGS.c.name != bindparam("name"), THINGS.c.name == "z"),
        THINGS.c.id.in_(bindparam("ids", expanding=True)),
        THINGS.c.name.in_(bindparam("names", expanding=True)),
        THINGS.c.id.in_((1, 2, 3, 4, 5, 6, 7)),
    )
    .order_by(THINGS.c.id)
)


@pytest.fixture(scope="module")
def connection():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        THINGS.metadata.create_all(connection)
        rows = [{"id": number, "name": "abc"[number % 3], "open": number % 2 == 0} for number in range(10)]
        connection.execute(insert(THINGS), rows)
        yield connection
    engine.dispose()


@given(ids=st.lists(st.integers(-1, 11), max_size=9), names=st.lists(st.sampled_from("abcd"), max_size=5))
def test_any_number_of_values_gives_the_same_rows(connection, ids, names):
    parameters = {"name": "a", "ids": ids, "names": names}
    expected = [tuple(row) for row in connection.execute(STATEMENT, parameters)]
    rows = Prepared(STATEMENT)(connection, parameters)
    assert [(row["id"], row["called"], bool(row["open"])) for row in rows] == expected


def test_one_text_serves_many_numbers_of_values(connection):
    prepared = Prepared(STATEMENT)
    for count in range(1, 33):
        prepared(connection, {"name": "a", "ids": list(range(count)), "names": ["a", "b"]})
    assert len(prepared._written) == 6  # 1, 2, 4, 8, 16, 32


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_rows_are_inserted_all_of_them_as_they_are(count):
    rows = [{"id": number, "name": "ab'c\"\ud7ff?"[: number % 8], "open": number % 3 == 0} for number in range(count)]
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        THINGS.metadata.create_all(connection)
        insert_rows(connection, THINGS, rows)
        assert [dict(row._mapping) for row in connection.execute(select(THINGS).order_by(THINGS.c.id))] == rows
    engine.dispose()


def test_a_row_that_is_there_already_is_refused_and_none_of_its_portion_is_kept():
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        THINGS.metadata.create_all(connection)
        with pytest.raises(sqlite3.IntegrityError):
            insert_rows(connection, THINGS, [{"id": number, "name": "a", "open": True} for number in (1, 2, 1)])
        assert connection.execute(select(THINGS)).all() == []
    engine.dispose()


def test_a_parameter_that_is_missing_is_a_fault_that_shows(connection):
    with pytest.raises(InvalidRequestError):
        Prepared(STATEMENT)(connection, {"name": "a", "ids": [1]})
