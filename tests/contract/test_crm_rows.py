"""A record that is closed to a caller is for every source as though it were not there, on every way to it."""

import json
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from faas_toolkit.capabilities.crm.fields import ENTITIES, RELATED
from faas_toolkit.capabilities.crm.rows import Rows
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft
from faas_toolkit.capabilities.crm.sources.function import FunctionCrm
from tests.fakes.crm import Store, ids
from tests.fakes.functions_of_catalog import invoking
from workbench.functions_runtime import Function, serving


def drafts(entity, columns, *values):
    """Records from rows of values, numbered from 1; None: nothing there."""
    names = columns.split()
    rows = ({name: value for name, value in zip(names, row, strict=True) if value is not None} for row in values)
    return [Draft(entity, number, row) for number, row in enumerate(rows, 1)]


RECORDS = [
    *drafts(
        "company",
        "name domain phone owner",
        ("Northwind Traders", "northwind.example", "+1 555 0100", "ana"),
        ("Sunset Foods", "sunset.example", "+1 555 0200", "bo"),
    ),
    *drafts(
        "person",
        "name company email phone title also_known_as owner",
        ("Maria Silva", 1, "maria@northwind.example", "+1 555 0101", None, None, "ana"),
        ("Maria Silva", 2, "maria@sunset.example", "+1 555 0202", None, None, "bo"),
        ("Marie Silvia", 2, None, None, "Buyer", None, "ana"),
        ("张伟", 2, None, None, None, "Wayne", "bo"),
    ),
    *drafts(
        "deal",
        "name stage open amount currency company person owner",
        ("Renewal", "won", False, 10, "EUR", 1, 1, "ana"),
        ("Expansion", "secret-stage", True, 99.5, "GBP", 1, 2, "bo"),
        ("Pilot", "proposal", True, 5, "EUR", 2, 2, "Ana"),
    ),
    *drafts("ticket", "name status open priority company person", ("Cannot sign in", "new", True, "high", 1, 2)),
    *drafts(
        "activity",
        "name kind date text company deal owner",
        ("Call", "call", "2026-11-01", "Asked about robots.", 2, 2, "bo"),
        ("Visit", "visit", "2026-11-02", "Robots again.", 1, 1, "ana"),
    ),
]
MINE = {entity: ({"owner": ("ana",)},) for entity in ("person", "company", "deal", "activity")}


def rows(**cut):
    return Rows.of({entity: fields if isinstance(fields, tuple) else (fields,) for entity, fields in cut.items()})


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("rows") / "crm.sqlite")
    store.add(drafts=RECORDS)
    mine = {(draft.entity, draft.id) for draft in RECORDS if draft.values.get("owner") == "ana" or draft.entity == "ticket"}
    store.add("mine", [without_closed_links(draft, mine) for draft in RECORDS if (draft.entity, draft.id) in mine])
    store.database.close()
    return store.path


def without_closed_links(draft, known):
    links = {name for name in ("company", "person", "deal", "ticket") if (name, draft.values.get(name)) not in known}
    return Draft(draft.entity, draft.id, {name: value for name, value in draft.values.items() if name not in links})


@pytest.fixture(scope="module")
def function_address():
    with serving([Function(Path(__file__).parents[1] / "fakes" / "functions" / "crm_store")]) as running:
        yield running[0].url


@pytest.fixture(params=["embedded", "function"])
def source(request, filled_file, tmp_path):
    """A source that holds `RECORDS` for the workspace w1, and for the workspace `mine` only what is Ana's."""
    store = Store(Path(shutil.copy(filled_file, tmp_path)))
    if request.param == "function":
        address = request.getfixturevalue("function_address")
        invoke = invoking(crm_store=f"{address}?file={quote(str(store.path))}")
        store.source = FunctionCrm(function="crm_store", invoke=invoke, fresh_for=0.0)
    yield store
    store.database.close()


NAMED = ("person", "company")
"""Where names are told apart; deals and the like are not found by the names behind links that may be closed."""

QUESTIONS = [
    {"text": "person:2"},
    {"text": "person:1 person:2 company:2 deal:2"},
    {"text": "maria@sunset.example", "entities": NAMED},
    {"text": "sunset.example"},
    {"text": "+1 555 0202"},
    {"text": "maria silva", "entities": NAMED},
    {"text": "Maria Silva", "filters": {"owner": "bo"}, "entities": NAMED},
    {"text": "maria silvva", "entities": NAMED},
    {"text": "sunset foods"},
    {"text": "sunsett fodds"},
    {"text": "zhang wei"},
    {"text": "张伟"},
    {"text": "章伟"},
    {"text": "wayne"},
    {"text": "robots"},
    {"text": "expansion"},
    {"text": "expanson"},
    {"text": "secret-stage"},
    {"text": "buyer"},
    {"filters": {"owner": {"empty": False}}},
    {"filters": {"owner": "bo"}},
    {"filters": {"open": True}},
    {"filters": {"stage": "none"}, "entities": ("deal",)},
    {"filters": {"stage": {"ne": "won"}}, "entities": ("deal",)},
    {"filters": {"amount": {"gte": 5}}, "entities": ("deal",)},
    {"filters": {"company": "company:2"}, "entities": ("person",)},
    {"filters": {"company": "Sunset Foods"}, "entities": ("person",)},
    {"filters": {"company": {"contains": "sunset"}}, "entities": ("person",)},
    {"filters": {"company": {"empty": True}}, "entities": ("person",)},
    {"filters": {"company": {"empty": False}}, "entities": ("person",)},
    {"filters": {"company": {"ne": "company:2"}}, "entities": ("person",)},
    {"filters": {"company": ["company:1", "company:2"]}, "entities": ("person",)},
    {"filters": {"person": "person:2"}, "entities": ("ticket",)},
    {"filters": {"person": {"empty": True}}, "entities": ("ticket",)},
    {"text": "company:1", "include": frozenset(RELATED["company"])},
    {"text": "company:1"},
    {"text": "person:1", "include": frozenset(RELATED["person"])},
    {"text": "person:3", "include": frozenset(RELATED["person"])},
    {"text": "deal:1", "include": frozenset(RELATED["deal"])},
    {"text": "ticket:1", "include": frozenset(RELATED["ticket"])},
    {"text": "activity:1", "include": frozenset(RELATED["activity"])},
    {"text": "activity:2", "include": frozenset(RELATED["activity"])},
    {"filters": {"owner": {"empty": False}}, "include": frozenset(RELATED["company"]), "related_limit": 1},
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: json.dumps(question, default=sorted)[:80])
def test_a_caller_of_some_records_is_answered_as_where_there_are_no_others(source, question):
    cut = source.find(limit=50, rows=Rows.of(MINE), **question)
    alone = source.find(limit=50, workspace="mine", **question)
    assert told(cut) == told(alone)


def told(found):
    """All of it but the order of equals and the change counter."""
    records = sorted(found.records, key=lambda record: record.id)
    return (records, found.total, found.best, found.rivals, found.removed, sorted(found.nearest), found.notices)


def test_pages_hold_open_records_only_and_each_once(source):
    whole = ids(source.find(filters={"owner": {"empty": False}}, limit=50, rows=Rows.of(MINE)))
    pages = [ids(source.find(filters={"owner": {"empty": False}}, limit=2, offset=at, rows=Rows.of(MINE))) for at in (0, 2, 4, 6)]
    assert [each for page in pages for each in page] == whole
    assert set(whole) == {"person:1", "person:3", "company:1", "deal:1", "activity:2"}


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ({}, ["deal:1", "deal:2", "deal:3"]),
        ({"deal": {"owner": ("ana",)}}, ["deal:1"]),
        ({"deal": {"owner": ("ana", "bo")}}, ["deal:1", "deal:2"]),
        ({"deal": {"owner": ("Ana",)}}, ["deal:3"]),
        ({"deal": {"owner": ()}}, []),
        ({"deal": {"owner": ("%",)}}, []),
        ({"deal": {"owner": ("' OR 1=1 --",)}}, []),
        ({"deal": {"owner": ("",)}}, []),
        ({"deal": {"owner": (7, True)}}, []),
        ({"deal": {"stage": ("WON",)}}, ["deal:1"]),
        ({"deal": {"open": (True,)}}, ["deal:2", "deal:3"]),
        ({"deal": {"open": ("true", 1)}}, []),
        ({"deal": {"amount": (99.5, 10)}}, ["deal:1", "deal:2"]),
        ({"deal": {"amount": ("99.5", True)}}, []),
        ({"deal": {"company": ("company:1",)}}, ["deal:1", "deal:2"]),
        ({"deal": {"company": ("Northwind Traders", "1", "person:1", "company:x")}}, []),
        ({"deal": {"company": ("company:1",), "owner": ("bo",)}}, ["deal:2"]),
        ({"deal": ({"owner": ("ana",)}, {"currency": ("gbp",)})}, ["deal:1", "deal:2"]),
        ({"deal": {"nonsense": ("x",)}}, []),
        ({"deal": ()}, []),
        ({"person": {"owner": ("ana",)}}, ["deal:1", "deal:2", "deal:3"]),
    ],
)
def test_every_field_named_must_hold_one_of_its_values_exactly(source, cut, expected):
    found = source.find(filters={"name": {"empty": False}}, entities=("deal",), limit=50, rows=rows(**cut))
    assert (sorted(ids(found)), found.total) == (expected, len(expected))


def test_a_date_and_an_address_are_compared_as_such(source):
    on = rows(activity={"date": ("2026-11-01",)}, person={"email": ("MARIA@sunset.example",)})
    assert ids(source.find(filters={"name": {"empty": False}}, entities=("activity",), rows=on)) == ["activity:1"]
    assert ids(source.find("maria silva", entities=("person",), rows=on)) == ["person:2"]


def test_a_link_to_a_closed_record_is_not_shown_although_the_record_itself_is(source):
    deal = source.find("deal:2", rows=rows(person={"owner": ("ana",)}), include=frozenset({"people", "company"})).records[0]
    assert "person" not in deal.values
    assert deal.related["people"].total == 0
    assert deal.values["company"]["name"] == "Northwind Traders"


def test_what_hides_the_field_that_decides_still_decides(source):
    found = source.find(filters={"stage": {"empty": False}}, hidden={"deal.owner"}, rows=rows(deal={"owner": ("ana",)}))
    assert ids(found) == ["deal:1"]


@pytest.mark.parametrize("entities", [ENTITIES, ("person",), ("deal",)], ids=len)
def test_nothing_that_is_typed_leads_to_a_closed_record(source, entities):
    nothing = Rows.of(dict.fromkeys(ENTITIES, ()))
    for text in (
        "maria silva",
        "person:1",
        "maria@sunset.example",
        "sunset.example",
        "+1 555 0202",
        "张伟",
        "mraia",
        "robots",
        "*",
    ):
        found = source.find(text, entities=entities, rows=nothing)
        assert (found.records, found.total, found.removed, found.nearest, found.best) == ((), 0, 0, (), None)
    assert source.find(filters={"owner": {"empty": False}}, rows=nothing).total == 0
