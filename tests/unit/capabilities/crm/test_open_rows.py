"""The records that are open, as the SQL of each database; what they mean is in tests/contract/test_crm_rows.py."""

import pytest
from sqlalchemy import select
from sqlalchemy.dialects import mysql, postgresql, sqlite

from faas_toolkit.capabilities.crm.rows import EVERY, Rows
from faas_toolkit.capabilities.crm.sources.embedded import reading
from faas_toolkit.capabilities.crm.sources.embedded.open_rows import open_rows, parameters_of
from faas_toolkit.capabilities.crm.sources.embedded.tables import PEOPLE
from tests.fakes.crm import Store, ids

OWN = Rows.of({"person": ({"owner": ("Ana",)},)})


@pytest.mark.parametrize(
    ("dialect", "compared"),
    [
        (sqlite, "crm_people.owner IN"),
        (postgresql, "crm_people.owner IN"),
        (mysql, "CAST(crm_people.owner AS BINARY) IN"),
    ],
)
def test_a_text_equals_only_itself_also_where_a_collation_says_otherwise(dialect, compared):
    statement = select(PEOPLE.c.id).where(*open_rows("person", OWN))
    assert compared in str(statement.compile(dialect=dialect.dialect()))


def test_nothing_is_added_where_every_record_is_open():
    assert open_rows("person", EVERY) == open_rows("deal", OWN) == []
    assert parameters_of(EVERY) == {}


def test_statements_are_few_however_many_callers_there_are(tmp_path):
    store = Store(tmp_path / "crm.sqlite")
    store.add()
    for number in range(300):
        found = store.find("maria silva", rows=Rows.of({"person": ({"owner": (f"caller {number}", "mei.lin")},)}))
        assert ids(found) == ["person:1"]
    assert reading._records.cache_info().currsize < 100
    store.database.close()


def test_callers_of_one_form_are_not_mixed_up(tmp_path):
    store = Store(tmp_path / "crm.sqlite")
    store.add()

    def found(*owners):
        return ids(store.find("maria silva", rows=Rows.of({"person": ({"owner": owners},)})))

    assert [found("mei.lin"), found("bo"), found("bo", "mei.lin", "x"), found(), found("mei.lin")] == [
        ["person:1"],
        [],
        ["person:1"],
        [],
        ["person:1"],
    ]
    store.database.close()
