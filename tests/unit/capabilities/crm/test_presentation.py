"""The one text that a model reads."""

import pytest

from faas_toolkit.capabilities.crm.presentation import present_lookup
from tests.fakes.crm import Lookups, Store

RELATED = "company,people,deals,tickets,activities"


@pytest.fixture(scope="module")
def lookup(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("crm") / "crm.sqlite")
    store.add()
    yield Lookups(main=store.source)
    store.database.close()


def text(lookup, max_chars=8_000, **arguments):
    return present_lookup(lookup(**arguments).variables, max_chars)


def test_a_person_is_told_with_everything_the_next_call_can_use(lookup):
    said = text(lookup, query="maria.silva@acme.example")
    assert said == (
        "1 of 1 records, source: main.\n"
        "- person:1 Maria Silva; CEO at Acme Ltd (company:1); maria.silva@acme.example; +44 20 7946 0123;"
        " 1 open of 2 deals; 1 open of 1 tickets; owner mei.lin"
    )


def test_related_records_stand_below_theirs(lookup):
    said = text(lookup, query="person:1", include=RELATED)
    assert "  company: company:1 Acme Ltd; acme.example; Leeds" in said
    assert "  deals: deal:2 Pilot; proposal; 99 GBP; closes 2026-12-01; Acme Ltd (company:1)\n" in said
    assert "1,200.5 GBP" in said
    assert "  tickets: ticket:1 Cannot sign in; open; priority high" in said


def test_an_ambiguous_answer_lists_what_tells_them_apart(lookup):
    said = text(lookup, query="maria silva")
    assert "Several fit equally well" in said
    assert "repeat the call with its id" in said
    assert "CEO at Acme Ltd" in said
    assert "Buyer at Ácme Foods Ltda" in said


def test_more_pages_are_offered_with_the_cursor(lookup):
    answer = lookup(query="acme", limit=1)
    said = present_lookup(answer.variables, 8_000)
    assert said.startswith(f"1 of {answer.variables['total']} records")
    assert f"cursor={answer.variables['next_cursor']}" in said


def test_more_related_records_are_offered_with_a_filter(tmp_path):
    from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft

    store = Store(tmp_path / "crm.sqlite")
    deals = [Draft("deal", n, {"name": f"D{n}", "open": True, "company": 1}) for n in range(1, 15)]
    store.add("w1", [Draft("company", 1, {"name": "Acme"}), *deals])
    said = text(Lookups(main=store.source), query="company:1", include="deals")
    assert '  more deals: entity=deal, filters={"company": "company:1"}' in said
    rest = Lookups(main=store.source)(entity="deal", filters={"company": "company:1"}, limit=50)
    assert rest.variables["total"] == 14
    store.database.close()


def test_nothing_found_is_said(lookup):
    assert text(lookup, query="zzzz") == "No record found."


@pytest.mark.parametrize("max_chars", [8_000, 2_000, 900, 400, 200, 120])
def test_the_text_never_exceeds_its_bound_and_keeps_the_best_first(lookup, max_chars):
    said = text(lookup, max_chars, filters={"name": {"empty": False}}, include=RELATED, limit=50)
    assert len(said) <= max_chars
    assert said.startswith("10 of 10 records")
    assert "person:" in said or max_chars < 200


@pytest.mark.parametrize("record", [{"id": "person:1", "entity": "person"}, {"id": "deal:1", "entity": "deal", "amount": "many"}])
def test_a_record_of_which_little_is_left_is_still_told(record):
    variables = {"records": [record], "total": 1, "next_cursor": "", "ambiguous": False}
    assert record["id"] in present_lookup(variables, 8_000)
