"""Records as plain values, and within their size."""

import json
from itertools import pairwise

from faas_toolkit.capabilities.crm.port import CrmRecord, Related, Strength
from faas_toolkit.capabilities.crm.records import plain, within_budget
from tests.fakes.crm import a_person


def a_deal(number, text=""):
    return CrmRecord(entity="deal", key=str(number), values={"name": f"Deal {number}", "text": text})


def big(count, text):
    related = {"deals": Related(total=20, open=2, records=tuple(a_deal(n, text) for n in range(8)))}
    records = [
        CrmRecord(entity="person", key=str(n), values={"name": f"P{n}", "note": text}, related=related) for n in range(count)
    ]
    return [plain(record, "main") for record in records]


def test_related_records_stand_under_their_relation_and_their_counts_apart():
    record = plain(big_person(), "sample")
    assert record["deals"] == [{"id": "deal:1", "name": "Deal 1", "text": ""}]
    assert record["related"] == {"deals": {"total": 3, "open": 1, "more": True}, "tickets": {"total": 0, "open": 0}}
    assert record["company"] == {"id": "company:1", "name": "Acme"}
    assert (record["match"], record["source"], record["url"]) == ("name", "sample", "https://crm.example/p/1")


def big_person():
    company = CrmRecord(entity="company", key="1", values={"name": "Acme"})
    return CrmRecord(
        entity="person",
        key="1",
        values={"name": "Ana", "company": {"id": "company:1", "name": "Acme"}},
        strength=Strength.NAME,
        related={
            "company": Related(total=1, records=(company,)),
            "deals": Related(total=3, open=1, records=(a_deal(1),)),
            "tickets": Related(total=0, open=0),
        },
        url="https://crm.example/p/1",
    )


def test_what_fits_is_not_touched():
    records = big(3, "short")
    assert within_budget(records) == (records, ())


def test_what_is_too_large_shrinks_step_by_step_and_says_so():
    seen = [within_budget(big(40, "字" * 5_000), limit) for limit in (10**9, 2_000_000, 700_000, 200_000, 40_000, 9_000)]
    for (records, notices), limit in zip(seen, (10**9, 2_000_000, 700_000, 200_000, 40_000, 9_000), strict=True):
        assert len(json.dumps(records)) <= limit
        assert records
        assert all({"id", "name", "source"} <= set(record) for record in records)
        assert bool(notices) == (limit < 10**9)
    assert all(len(less[1]) >= len(more[1]) for more, less in pairwise(seen))
    assert "did not fit" in seen[-1][1][-1]


def test_a_cut_list_says_that_there_is_more():
    records, _ = within_budget(big(40, "x" * 400), 100_000)
    assert all(record["related"]["deals"]["more"] for record in records)


def test_one_record_remains_however_large():
    records, _ = within_budget([plain(a_person(1, note="x" * 10_000), "main")] * 5, 100)
    assert len(records) == 1
    assert len(records[0]["note"]) <= 101
