"""What every source of customers promises, whatever stands behind it; a new source is done when it passes as a parameter."""

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from faas_toolkit.capabilities.crm.fields import ENTITIES, FIELDS, RELATED
from faas_toolkit.capabilities.crm.port import Strength
from faas_toolkit.capabilities.crm.sources.function import FunctionCrm
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.deadline import Deadline
from tests.fakes.crm import Store, ids
from tests.fakes.functions_of_catalog import invoking
from workbench.functions_runtime import Function, serving


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory):
    """Made once and copied for each test, since migrating takes a tenth of a second."""
    store = Store(tmp_path_factory.mktemp("filled") / "crm.sqlite")
    store.add()
    store.database.close()
    return store.path


@pytest.fixture(scope="module")
def function_address():
    with serving([Function(Path(__file__).parents[1] / "fakes" / "functions" / "crm_store")]) as running:
        yield running[0].url


@pytest.fixture(params=["embedded", "function"])
def source(request, filled_file, tmp_path):
    """A source that holds `tests.fakes.crm.ACME` for the workspace w1."""
    store = Store(Path(shutil.copy(filled_file, tmp_path)))
    if request.param == "function":  # over HTTP, on a real runtime
        address = request.getfixturevalue("function_address")
        invoke = invoking(crm_store=f"{address}?file={quote(str(store.path))}")
        store.source = FunctionCrm(function="crm_store", invoke=invoke, fresh_for=0.0)
    yield store
    store.database.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("person:1", ["person:1"]),
        ("company:2 person:4", ["company:2", "person:4"]),
        ("maria.silva@ACME.example", ["person:1"]),
        ("Maria Silva <maria.silva@acme.example>", ["person:1"]),
        ("zztrading.com.br", ["company:2", "person:2", "person:4"]),
        ("https://www.zztrading.com.br/contact?x=1", ["company:2", "person:2", "person:4"]),
        ("+44 20 7946 0123", ["person:1"]),
        ("020 7946 0123", ["person:1"]),
        ("+86 21 0555-1234", ["person:3"]),
    ],
)
def test_an_exact_key_finds_exactly_its_records(source, query, expected):
    found = source.find(query)
    assert ids(found) == expected
    assert found.total == len(expected)
    assert found.best >= Strength.KEY


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("joao conceicao", "person:4"),
        ("Conceição, João", "person:4"),
        ("JOHNNY", "person:4"),
        ("acme", "company:1"),
        ("Acme Ltd", "company:1"),
        ("acme foods", "company:2"),
        ("张伟", "person:3"),
        ("Conceicao acme foods", "person:4"),
        ("robots", "activity:1"),
    ],
)
def test_words_find_the_record_they_name_first(source, query, first):
    assert ids(source.find(query))[0] == first


def test_records_have_only_known_fields_and_relations(source):
    for record in source.find(filters={"owner": {"empty": False}}, limit=50).records + source.find("acme", limit=50).records:
        assert set(record.values) <= {field.name for field in FIELDS[record.entity]}
        assert set(record.related) <= set(RELATED[record.entity])


def test_paging_gives_every_record_once(source):
    whole = ids(source.find("acme", limit=50))
    pages = [ids(source.find("acme", offset=offset, limit=2)) for offset in range(0, len(whole) + 2, 2)]
    assert [each for page in pages for each in page] == whole
    assert len(set(whole)) == len(whole) == source.find("acme", limit=1).total > 3


def test_filters_alone_list_what_fulfils_them(source):
    assert ids(source.find(filters={"stage": "won"})) == ["deal:1"]
    assert ids(source.find(filters={"open": True}, entities=("ticket",))) == ["ticket:1"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"amount": {"gte": 1200}}, ["deal:1"]),
        ({"amount": 1200.5}, ["deal:1"]),
        ({"amount": {"gt": 99, "lt": 1200.5}}, []),
        ({"amount": {"lte": 99}, "currency": "gbp"}, ["deal:2"]),
        ({"stage": ["won", "proposal"]}, ["deal:2", "deal:1"]),
        ({"stage": {"ne": "won"}}, ["deal:2"]),
        ({"close_date": {"lt": "2026-12-02"}}, ["deal:2"]),
        ({"close_date": {"empty": True}}, ["deal:1"]),
        ({"name": {"contains": "ENEW"}}, ["deal:1"]),
        ({"name": {"contains": "%"}}, []),
        ({"company": "company:1", "open": True}, ["deal:2"]),
        ({"company": "acme ltd", "open": False}, ["deal:1"]),
        ({"company": {"ne": "company:1"}}, []),
        ({"person": "person:999999999999"}, []),
    ],
)
def test_every_filter_means_what_it_says(source, filters, expected):
    assert ids(source.find(filters=filters, entities=("deal",))) == expected


def test_filters_take_from_what_the_query_found_and_say_how_much(source):
    found = source.find("maria silva", filters={"title": "CEO"})
    assert (ids(found), found.total, found.removed) == (["person:1"], 1, 1)


def test_related_records_come_along_with_their_number(source):
    record = source.find("company:1", include=frozenset(RELATED["company"]), related_limit=1).records[0]
    people, deals, tickets, activities = (record.related[name] for name in ("people", "deals", "tickets", "activities"))
    assert (people.total, [each.id for each in people.records]) == (2, ["person:1"])
    assert (deals.total, deals.open, [each.id for each in deals.records]) == (2, 1, ["deal:2"])
    assert (tickets.total, tickets.open) == (1, 1)
    assert activities.total == 1


def test_what_a_record_names_comes_along(source):
    related = source.find("deal:2", include=frozenset({"company", "people"})).records[0].related
    assert [each.id for each in related["company"].records + related["people"].records] == ["company:1", "person:1"]


@pytest.mark.parametrize(
    ("hidden", "query"),
    [
        ("person.email", "buyer71@zztrading.com.br"),
        ("person.phone", "+44 20 7946 0123"),
        ("person.name", "joao conceicao"),
        ("person.name", "zhang wei"),
        ("person.name", "张玮"),
        ("person.name", "jaoo conceicao"),
        ("person.also_known_as", "johnny"),
        ("person.title", "buyer"),
        ("company.domain", "zztrading.com.br"),
        ("activity.text", "robots"),
    ],
)
def test_a_hidden_field_cannot_be_searched(source, hidden, query):
    entity = hidden.partition(".")[0]
    visible, cut = (source.find(query, entities=(entity,), hidden=names) for names in ((), {hidden}))
    assert visible.total > 0
    assert cut.total == 0
    assert cut.nearest == () or hidden != "person.name"


def is_counting(source):
    return source.source.version(Workspace("w1", bytes(32))) is not None


def test_a_hidden_link_is_not_followed(source):
    record = source.find("person:1", include=frozenset(RELATED["person"]), hidden={"person.company", "deal.person"}).records[0]
    assert {"company", "deals"}.isdisjoint(record.related)


def test_workspaces_see_nothing_of_each_other(source):
    source.add("w2", [])
    for query in (
        "maria silva",
        "person:1",
        "maria.silva@acme.example",
        "acme.example",
        "+44 20 7946 0123",
        "张伟",
        "mraia silvaa",
    ):
        assert source.find(query, workspace="w2").total == 0
    assert source.find(filters={"open": True}, workspace="w2").total == 0


def test_the_change_counter_moves_with_every_change_and_only_then(source):
    if not is_counting(source):
        assert source.source.fresh_for == 0  # so that its answers are not kept for ever
        return
    mine, other = Workspace("w1", bytes(32)), Workspace("w2", bytes(32))
    before = source.source.version(mine)
    source.find("acme")
    assert source.source.version(mine) == before == source.find("acme").version
    source.add("w2")
    assert source.source.version(mine) == before != source.source.version(other)
    source.add("w1")
    assert source.source.version(mine) != before


HOSTILE = [
    '"',
    "'",
    "'; DROP TABLE crm_people; --",
    '") OR 1=1 --',
    "NEAR(acme maria, 5)",
    "acme AND NOT maria",
    "name : acme",
    "{name} : acme",
    "acme*",
    "^acme",
    "*",
    "(((((((((",
    "-acme",
    "acme + maria",
    "%_%",
    "\\",
    "🙂🙂",
    "👩‍👩‍👧‍👦 acme",
    "\u202eemca\u202c",
    "שלום עולם",
    "नमस्ते",
    "张" * 1_000,
    "a b " * 500,
    "x" * 2_000,
    "1" * 2_000,
    "person:" + "9" * 90,
    "person:1; person:2",
    "person:-1",
    "a@" + "b." * 900 + "c",
    "\ufeff",
    "\x01\x02\x7f",
    "0" * 20,
    "+" + "0" * 10,
    "..",
    "http://",
]


@pytest.mark.parametrize("entities", [ENTITIES, ("person",), ("activity",)], ids=["any", "person", "activity"])
@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_taken_as_a_language_of_the_store(source, query, entities):
    before = source.find(filters={"owner": {"empty": True}}, limit=50).total
    found = source.find(query, entities=entities, limit=50)
    assert found.total >= len(found.records)
    assert {record.entity for record in found.records} <= set(entities)
    assert source.find(filters={"owner": {"empty": True}}, limit=50).total == before


def test_checking_says_how_it_is_doing(source):
    assert source.source.check(Workspace("w1", bytes(32)), Deadline.after(source.clock, 3))
