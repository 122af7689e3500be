"""A function as a source of customers: what it is asked, what it may answer, and what is said of one that breaks the contract."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from faas_toolkit.capabilities.crm.port import Strength
from faas_toolkit.capabilities.crm.sources.function import FunctionCrm
from faas_toolkit.catalog.load import check_text
from faas_toolkit.core.call import RecordRights, Scope
from faas_toolkit.core.errors import BadResponse
from faas_toolkit.wiring import OPERATIONS
from tests.fakes.crm import EVERYTHING, FakeSource, Lookups, a_person

PERSON = {"id": "person:lena", "name": "Lena Brandt", "company": {"id": "company:h", "name": "Harbour"}}


def saying(answer, asked=None, fresh_for=0.0):
    """A source whose function answers what it is told to."""

    def invoke(name, payload, call):
        if asked is not None:
            asked.append((payload, call.record.request_id))
        return answer

    return FunctionCrm(function="directory", invoke=invoke, fresh_for=fresh_for)


def answered(answer, **arguments):
    return Lookups(partner=saying(answer))(**({"query": "lena"} | arguments))


def test_the_question_holds_everything_that_narrows_the_answer():
    questions = []
    scope = Scope(grants=frozenset({"crm.read"}), sources={"crm": ("*",)}, hidden=frozenset({"deal.amount"}))
    Lookups(partner=saying({"records": []}, questions))(
        query="lena", entity="deal", filters={"stage": ["won", "lost"], "open": True}, include="people", limit=7, scope=scope
    )
    payload, request_id = questions[0]
    assert request_id == "r1"
    assert payload == {
        "operation": "crm.find",
        "workspace": "w1",
        "query": "lena",
        "entities": ["deal"],
        "filters": [
            {"field": "stage", "operator": "in", "value": ["won", "lost"]},
            {"field": "open", "operator": "eq", "value": True},
        ],
        "include": ["people"],
        "hidden": ["deal.amount"],
        "offset": 0,
        "limit": 7,
        "related_limit": 10,
    }


MINE = replace(EVERYTHING, records=(RecordRights(sources=("*",), only={"person": {"owner": ("ana",)}}),))


def test_the_question_says_which_rows_the_caller_may_know_of():
    questions = []
    Lookups(partner=saying({"records": [], "rows_applied": True}, questions))(query="lena", scope=MINE)
    assert questions[0][0]["rows"] == {"person": [{"owner": ["ana"]}]}


@pytest.mark.parametrize("said", [{}, {"rows_applied": False}, {"rows_applied": "true"}, {"rows_applied": 1}])
def test_a_function_that_does_not_heed_rows_is_not_believed_a_single_number(said):
    with pytest.raises(BadResponse, match="rows_applied") as caught:
        answered({"records": [], "total": 4_711, **said}, scope=MINE)
    assert "4711" not in caught.value.as_text()
    assert answered({"records": [PERSON]}).variables["total"] == 1  # where nobody's rows are cut, it need not know of them


@pytest.mark.parametrize("owner", [None, "bo", "Ana", ["ana"], ""])
def test_a_record_outside_the_rows_is_never_shown_nor_named(owner):
    outside = {**PERSON, "owner": owner}
    deal = {"id": "deal:1", "name": "Pilot", "people": [outside]}
    for records in ([outside], [{**PERSON, "owner": "ana"}, outside], [deal]):
        with pytest.raises(BadResponse) as caught:
            answered({"records": records, "rows_applied": True}, scope=MINE)
        assert "lena" not in caught.value.as_text().lower()


def test_records_within_the_rows_are_shown_also_where_the_field_that_decides_is_hidden():
    scope = replace(MINE, hidden=frozenset({"person.owner"}))
    answer = answered({"records": [{**PERSON, "owner": "ana"}], "rows_applied": True}, scope=scope)
    (record,) = answer.variables["records"]
    assert (record["name"], "owner" in record) == ("Lena Brandt", False)


def test_the_page_says_what_is_asked_and_shows_an_answer_that_is_taken():
    page = (Path(__file__).parents[4] / "docs" / "serving.md").read_text(encoding="utf-8")
    section = page.partition("## As a CRM")[2].partition("\n## ")[0]
    asked, given = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", section, re.DOTALL))
    questions = []
    lookups = Lookups(partner=saying(given, questions))
    rows = RecordRights(sources=("*",), only={"person": {"owner": ("ana",)}})
    scope = replace(EVERYTHING, records=(rows,))
    answer = lookups(query="harbour", entity="company", filters={"country": "Netherlands"}, include="deals", scope=scope)
    assert set(questions[0][0]) == set(asked)
    assert set(questions[0][0]["filters"][0]) == set(asked["filters"][0])
    assert questions[0][0]["rows"] == asked["rows"]
    assert answer.notices == ()
    assert answer.variables["records"][0]["deals"][0]["amount"] == 48_000
    catalog = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1]
    found = check_text("version: 1\n" + catalog, secrets={"functions": "what-the-functions-know"}, operations=OPERATIONS)
    assert [finding for finding in found if finding.severity == "error"] == []


def test_a_record_comes_out_as_it_went_in():
    deal = {"id": "deal:9", "name": "Sensors", "stage": "Proposal", "open": True, "amount": 48000, "currency": "EUR"}
    related = {"deals": {"total": 3, "open": 2}}
    record = {**PERSON, "match": "exact", "url": "https://crm.example/lena", "deals": [deal], "related": related}
    variables = answered({"records": [record], "total": 4}, include="deals", limit=1).variables
    assert variables["total"] == 4
    assert variables["next_cursor"]
    assert variables["records"] == [
        {
            "id": "person:lena",
            "entity": "person",
            "name": "Lena Brandt",
            "company": {"id": "company:h", "name": "Harbour"},
            "deals": [{**deal, "stage": "proposal"}],
            "related": {"deals": {"total": 3, "open": 2, "more": True}},
            "match": "exact",
            "url": "https://crm.example/lena",
            "source": "partner",
        }
    ]


def test_a_field_that_nobody_knows_is_left_out_with_a_notice():
    answer = answered({"records": [{**PERSON, "e_mail": "lena@harbour.example"}]})
    assert "e_mail" not in answer.variables["records"][0]
    assert "person.e_mail" in answer.notices[0]
    assert "Did 'directory' mean 'email'?" in answer.notices[0]


def test_hidden_fields_are_cut_though_the_function_gives_them():
    scope = Scope(grants=frozenset({"crm.read"}), sources={"crm": ("*",)}, hidden=frozenset({"person.phone", "company.name"}))
    record = answered({"records": [{**PERSON, "phone": "123"}]}, scope=scope).variables["records"][0]
    assert "phone" not in record
    assert record["company"] == {"id": "company:h"}


def test_records_of_the_function_stand_among_those_of_other_sources_by_how_well_they_fit():
    near, exact = {**PERSON, "match": "similar"}, {**PERSON, "id": "person:2", "match": "exact"}
    partner = saying({"records": [exact, near]})
    answer = Lookups(main=FakeSource(a_person(1, Strength.WORDS)), partner=partner)(query="lena")
    assert [record["id"] for record in answer.variables["records"]] == ["person:2", "person:1", "person:lena"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "list `records`"),
        ([], "list `records`"),
        ({}, "list `records`"),
        ({"records": {}}, "list `records`"),
        ({"records": ["lena"]}, "records[0] must be an object with an id"),
        ({"records": [{"name": "Lena"}]}, "records[0] must be an object with an id"),
        ({"records": [{"id": "lena"}]}, "'lena'"),
        ({"records": [{"id": 42}]}, "'42'"),
        ({"records": [{**PERSON, "match": "perfect"}]}, "records[0].match must be one of"),
        ({"records": [{**PERSON, "match": ["exact"]}]}, "records[0].match must be one of"),
        ({"records": [{**PERSON, "name": ["Lena"]}]}, "records[0].name must be a text"),
        ({"records": [{**PERSON, "name": True}]}, "records[0].name must be a text"),
        ({"records": [{**PERSON, "company": "Harbour"}]}, "records[0].company must be a link"),
        ({"records": [{**PERSON, "created": "yesterday"}]}, "records[0].created must be a date"),
        ({"records": [{**PERSON, "deals": {"total": 1}}]}, "records[0].deals must be a list"),
        ({"records": [{**PERSON, "deals": [{"name": "x"}]}]}, "records[0].deals[0] must be an object with an id"),
        ({"records": [{**PERSON, "related": {"deals": {"total": -1}}}]}, "records[0].related.deals.total"),
        ({"records": [{"id": "deal:1", "amount": "much"}]}, "records[0].amount must be a number"),
        ({"records": [{"id": "deal:1", "open": "yes"}]}, "records[0].open must be true or false"),
        ({"records": [], "total": "many"}, "total must be a whole number"),
        ({"records": [], "total": 1.5}, "total must be a whole number"),
        ({"records": [], "nearest": "Lena"}, "nearest must be a list"),
    ],
)
def test_an_answer_outside_the_contract_names_the_place(answer, said):
    with pytest.raises(BadResponse) as caught:
        answered(answer)
    assert said in caught.value.message
    assert "'directory'" in caught.value.message
    assert "docs/serving.md" in caught.value.hint


def test_records_of_another_kind_than_asked_for_are_refused():
    with pytest.raises(BadResponse, match="only deal was asked for"):
        answered({"records": [PERSON]}, entity="deal")


def test_more_records_than_asked_for_are_cut():
    records = [{"id": f"person:{number}", "name": "Lena"} for number in range(20)]
    assert len(answered({"records": records}, limit=3).variables["records"]) == 3


def test_its_answers_are_kept_as_long_as_the_function_allows_and_no_longer():
    for seconds, cacheable in ((0.0, False), (60.0, True)):
        lookups = Lookups(main=FakeSource(version="7"), partner=saying({"records": []}, fresh_for=seconds))
        traits = lookups.capability.traits(lookups.call(query="lena"))
        assert (traits.cacheable, traits.fresh_for, traits.local) == (cacheable, seconds, False)


def test_a_source_with_a_gate_of_its_own_passes_no_second_one():
    lookups = Lookups(partner=saying({"records": [PERSON]}))
    assert lookups(query="lena").variables["total"] == 1
    assert lookups.targets == []


@pytest.mark.parametrize(
    ("hidden", "record"),
    [
        ("deal.company", {"id": "company:h", "deals": [{"id": "deal:1", "name": "D"}], "related": {"deals": {"total": 1}}}),
        ("person.company", {"id": "company:h", "people": [{"id": "person:1", "name": "P"}]}),
        ("ticket.person", {"id": "person:1", "related": {"tickets": {"total": 3, "open": 2}}}),
        ("activity.deal", {"id": "deal:1", "activities": [{"id": "activity:1", "name": "A"}]}),
        ("deal.person", {"id": "deal:1", "people": [{"id": "person:1", "name": "P"}]}),
    ],
)
def test_a_hidden_link_is_not_told_from_its_other_end(hidden, record):
    scope = Scope(grants=frozenset({"crm.read"}), sources={"crm": ("*",)}, hidden=frozenset({hidden}))
    (shown,) = answered({"records": [record]}, scope=scope).variables["records"]
    assert not {"deals", "people", "tickets", "activities", "related"} & set(shown)


def test_names_that_are_hidden_are_not_offered_as_the_nearest():
    scope = Scope(grants=frozenset({"crm.read"}), sources={"crm": ("*",)}, hidden=frozenset({"person.name"}))
    answer = {"records": [], "nearest": ["Lena Brandt"]}
    assert "Brandt" in " ".join(answered(answer).notices)
    assert "Brandt" not in " ".join(answered(answer, scope=scope).notices)
    companies = answered(answer, scope=scope, entity="company")
    assert "Brandt" in " ".join(companies.notices)
