"""The sample function that serves customers, on Google's real runtime, as a source of crm_lookup."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from faas_toolkit.capabilities.crm.sources.function import FunctionCrm
from faas_toolkit.core.call import RecordRights
from tests.fakes.crm import EVERYTHING, Lookups
from tests.fakes.functions_of_catalog import invoking
from workbench.functions_runtime import Function, serving

SAMPLE = Path(__file__).parents[2] / "functions" / "samples" / "partner_directory"


@pytest.fixture(scope="module")
def address():
    with serving([Function(SAMPLE)]) as running:
        yield running[0].url


@pytest.fixture
def lookup(address):
    invoke = invoking(partner_directory=address)
    return Lookups(partner=FunctionCrm(function="partner_directory", invoke=invoke, fresh_for=0.0))


def ids(answer):
    assert answer.notices == () or not answer.variables["total"], answer.notices  # no field that nobody knows
    return [record["id"] for record in answer.variables["records"]]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"query": "company:harbour"}, ["company:harbour"]),
        ({"query": "lena.brandt@harbour-logistics.example"}, ["person:lena"]),
        ({"query": "harbour-logistics.example"}, ["company:harbour", "person:lena"]),
        ({"query": "雲工房"}, ["company:kumo"]),
        ({"query": "kumo works"}, ["company:kumo"]),
        ({"query": "harbour", "entity": "company"}, ["company:harbour"]),
        ({"query": "nobody"}, []),
        ({"filters": {"open": True}, "entity": "deal"}, ["deal:h-2026-3"]),
        ({"filters": {"company": "Harbour Logistics"}, "entity": "person"}, ["person:lena"]),
        ({"filters": {"company": "company:harbour"}, "entity": "deal"}, ["deal:h-2026-3"]),
        ({"filters": {"country": ["Japan", "Brazil"]}, "entity": "company"}, ["company:kumo"]),
        ({"filters": {"country": {"ne": "Japan"}}, "entity": "company"}, ["company:harbour"]),
        ({"filters": {"industry": {"contains": "logis"}}, "entity": "company"}, ["company:harbour"]),
        ({"filters": {"employees": {"empty": True}}, "entity": "company"}, ["company:kumo"]),
    ],
)
def test_it_finds_what_is_asked_for(lookup, arguments, expected):
    assert ids(lookup(**arguments)) == expected


def test_what_hangs_on_a_record_comes_along_with_its_number(lookup):
    record = lookup(query="company:harbour", include="deals").variables["records"][0]
    assert record["related"]["deals"] == {"total": 1, "open": 1, "more": False}
    assert record["related"]["people"]["total"] == 1
    assert [deal["id"] for deal in record["deals"]] == ["deal:h-2026-3"]


def test_a_caller_of_some_records_hears_of_no_other(lookup):
    mine = RecordRights(sources=("*",), only={"person": {"owner": ("partner.eu",)}, "company": {"owner": ("partner.jp",)}})
    scope = replace(EVERYTHING, records=(mine,))
    assert ids(lookup(query="kumo works", scope=scope)) == ["company:kumo"]
    assert ids(lookup(query="company:harbour", scope=scope)) == []
    (person,) = lookup(query="lena brandt", entity="person", scope=scope).variables["records"]
    assert "company" not in person


def test_pages_give_every_record_once(lookup):
    filters = {"owner": "partner.eu"}
    whole, cursor = [], ""
    for _ in range(5):
        answer = lookup(filters=filters, limit=1, cursor=cursor)
        whole += ids(answer)
        cursor = answer.variables["next_cursor"]
        if not cursor:
            break
    assert sorted(whole) == ["company:harbour", "deal:h-2026-3", "person:lena"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"operation": "crm.drop"}', b"\xff"])
def test_another_request_is_told_what_would_be_right(address, body):
    answer = httpx.post(address, content=body)
    assert answer.status_code == 400
    assert "crm.find" in answer.json()["error"]["message"]
