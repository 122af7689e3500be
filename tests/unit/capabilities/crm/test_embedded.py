"""The embedded store on real files: what it costs, what it does when the file is locked, damaged or missing, and big records."""

import sqlite3

import gevent
import pytest

from faas_toolkit.capabilities.crm.fields import ENTITIES
from faas_toolkit.capabilities.crm.port import Strength
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.errors import Unavailable
from tests.fakes.crm import ACME, Lookups, Store, ids


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "crm.sqlite")
    yield store
    store.database.close()


def assert_safe(failure, path):
    said = failure.as_text()
    assert str(path) not in said
    assert "sqlite" not in said.lower()
    assert "Traceback" not in said


def test_a_garbage_file_is_unavailable_and_says_what_to_do(tmp_path):
    path = tmp_path / "crm.sqlite"
    path.write_bytes(b"this is not a database" * 500)
    with pytest.raises(Unavailable) as caught:
        Store(path).find("acme")
    assert_safe(caught.value, tmp_path)
    assert caught.value.hint


def test_a_locked_file_is_unavailable_and_works_again_when_it_is_free(store):
    store.database.read(lambda connection: None)
    lock = sqlite3.connect(store.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        store.find("acme")  # would make the sample
    assert caught.value.retryable
    assert_safe(caught.value, store.path.parent)
    lock.execute("ROLLBACK")
    lock.close()
    assert store.find("Maria Silva").total


def test_reading_goes_on_while_another_process_writes(store):
    store.add()
    lock = sqlite3.connect(store.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert ids(store.find("person:1")) == ["person:1"]
    lock.execute("ROLLBACK")
    lock.close()


def test_a_file_damaged_while_in_use_is_unavailable(store):
    store.add()
    store.database.close()
    content = store.path.read_bytes()
    store.path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    for query in ("acme", "person:1", "maria.silva@acme.example"):
        with pytest.raises(Unavailable) as caught:
            store.find(query)
        assert_safe(caught.value, store.path.parent)


def test_a_store_that_fails_leaves_the_inventory_and_the_traits_standing(tmp_path):
    path = tmp_path / "crm.sqlite"
    path.write_bytes(b"garbage" * 1_000)
    lookups = Lookups(main=Store(path).source)
    call = lookups.call(query="acme")
    assert not lookups.capability.traits(call).cacheable
    (finding,) = lookups.capability.findings(call)
    assert (finding.status, finding.item) == ("failed", "crm:main")
    assert str(tmp_path) not in finding.text + finding.repair


def test_greenlets_that_start_at_once_get_one_sample(store):
    jobs = [gevent.spawn(store.find, "Maria Silva", workspace=f"w{n}") for n in range(8)]
    gevent.joinall(jobs, raise_error=True)
    assert {job.value.version for job in jobs} == {"1.1"}
    assert len({tuple(ids(job.value)) for job in jobs}) == 1


def test_one_lookup_is_one_hop_to_the_database(store, monkeypatch):
    store.add()
    hops = []
    read = store.database.read
    monkeypatch.setattr(store.database, "read", lambda work, **how: hops.append(how) or read(work, **how))
    store.find("maria silva", include=frozenset({"deals", "tickets", "company"}))
    assert hops == [{}]
    store.find("maria silva")
    assert hops[1:] == [{"short": True}]


def test_what_is_read_soon_is_what_the_pool_would_read(store):
    sample = store.find(filters={"created": {"gte": "2000-01-01"}}, entities=("person", "company"), limit=60)
    keys = [
        str(record.values[name]) for record in sample.records for name in ("name", "email", "domain") if name in record.values
    ]
    soon = {key: store.find(key) for key in keys}
    store.source.local = False  # so that nothing is read soon
    assert {key: store.find(key) for key in keys} == soon


@pytest.mark.parametrize("query", ["maria silvva", "nobody at all", "person:99999", "张卫", "a", "acme limit"])
def test_what_takes_a_search_goes_to_the_pool(store, query):
    store.add()
    found = store.find(query)
    store.source.local = False
    assert store.find(query) == found


def test_a_lookup_needs_few_statements(store):
    store.add()
    statements = []
    trace = statements.append
    store.database.read(lambda connection: connection.connection.driver_connection.set_trace_callback(trace), short=True)
    store.find("maria silva", entities=("person",))
    ours = [statement for statement in statements if not statement.startswith("--")]  # the others are the text index's own
    assert 4 <= len(ours) <= 12, ours


def test_the_change_counter_is_asked_again_only_after_something_was_written(store, monkeypatch):
    store.add()
    hops = []
    read = store.database.read
    monkeypatch.setattr(store.database, "read", lambda work, **how: hops.append(how) or read(work, **how))
    workspace = Workspace("w1", bytes(32))

    first = store.source.version(workspace)
    assert [store.source.version(workspace) for _ in range(3)] == [first] * 3
    assert len(hops) == 1

    store.add("w1", [Draft("company", 9, {"name": "Another"})])
    second = store.source.version(workspace)
    assert second != first
    Store(store.path).add("w1", [Draft("company", 10, {"name": "Written by another process"})])
    assert store.source.version(workspace) not in (first, second)
    assert len(hops) == 3


def test_a_file_that_was_deleted_is_made_anew(store):
    store.add()
    assert ids(store.find("maria silva", entities=("person",)))
    for file in store.path.parent.glob(f"{store.path.name}*"):
        file.unlink()
    assert store.find("maria silva", entities=("person",)).label == "sample"
    assert store.path.exists()


def test_hidden_fields_do_not_show_in_the_order(store):
    drafts = [
        Draft("deal", number, {"name": f"Deal {number}", "open": number == 3, "close_date": f"2026-12-0{9 - number}"})
        for number in (1, 2, 3)
    ]
    store.add("w1", drafts)
    listing = {"filters": {"name": {"contains": "deal"}}, "entities": ("deal",)}
    assert ids(store.find(**listing)) == ["deal:3", "deal:2", "deal:1"]
    assert ids(store.find(**listing, hidden={"deal.open"})) == ["deal:3", "deal:2", "deal:1"]
    assert ids(store.find(**listing, hidden={"deal.open", "deal.close_date"})) == ["deal:1", "deal:2", "deal:3"]


def test_related_records_come_in_an_order_of_visible_fields(store):
    drafts = [Draft("company", 1, {"name": "Acme"})]
    drafts += [
        Draft("ticket", number, {"name": f"T{number}", "open": number == 2, "created": f"2026-01-0{number}", "company": 1})
        for number in (1, 2, 3)
    ]
    store.add("w1", drafts)

    def tickets(hidden=()):
        record = store.find("company:1", include=frozenset({"tickets"}), hidden=hidden).records[0]
        return [each.id for each in record.related["tickets"].records]

    assert tickets() == ["ticket:2", "ticket:3", "ticket:1"]
    assert tickets({"ticket.open"}) == ["ticket:3", "ticket:2", "ticket:1"]
    assert tickets({"ticket.open", "ticket.created"}) == ["ticket:1", "ticket:2", "ticket:3"]


def test_a_record_stored_again_takes_the_place_of_the_old_one(store):
    store.add()
    store.add("w1", [Draft("person", 1, {"name": "Renamed Person", "email": "new@acme.example"})])
    assert store.find("maria.silva@acme.example", entities=("person",)).best != Strength.KEY
    assert ids(store.find("new@acme.example")) == ["person:1"]
    assert ids(store.find("renamed person")) == ["person:1"]
    assert ids(store.find("maria silva", entities=("person",))) == ["person:2"]


def test_a_link_to_nothing_is_left_out(store):
    store.add("w1", [Draft("deal", 1, {"name": "Lonely", "open": True, "company": 99})])
    record = store.find("deal:1", include=frozenset({"company", "people"})).records[0]
    assert "company" not in record.values
    assert record.related["company"].total == 0


def test_large_texts_are_stored_found_and_cut_to_the_size_of_a_variable(store):
    text = "Über die Roboter 机器人 " * 20_000
    store.add(
        "w1", [Draft("activity", n, {"name": "Note", "kind": "note", "date": "2026-11-01", "text": text}) for n in range(1, 21)]
    )
    answer = Lookups(main=store.source)(query="roboter 机器", limit=50)
    assert answer.variables["total"] == 20
    assert len(answer.variables["records"]) == 20
    assert any("cut to" in notice for notice in answer.notices)


def test_listing_pages_through_every_entity_in_order(store):
    store.add()
    whole = ids(store.find(filters={"name": {"empty": False}}, limit=50))
    pages = [ids(store.find(filters={"name": {"empty": False}}, limit=3, offset=offset)) for offset in range(0, 15, 3)]
    assert [each for page in pages for each in page] == whole
    assert len(whole) == len(ACME)
    assert [entity for entity in ENTITIES if any(each.startswith(entity) for each in whole)] == list(ENTITIES)


def test_a_value_that_no_record_has_is_answered_by_those_that_exist(store):
    store.add()
    found = store.find(filters={"stage": "wonn"})
    assert found.total == 0
    assert found.notices == ("stage of a deal is one of proposal, won.",)


@pytest.mark.parametrize(
    ("query", "entities", "rivals"),
    [
        ("maria silva", ENTITIES, 2),
        ("maria silva ceo", ENTITIES, 0),
        ("maria", ENTITIES, 2),
        ("joao conceicao", ENTITIES, 1),
        ("acme ltd", ENTITIES, 1),
        ("person:1 person:2", ENTITIES, 0),
        ("zztrading.com.br", ("person",), 0),
        ("maria.silva@acme.example", ENTITIES, 1),
        ("renewal", ENTITIES, 0),
    ],
)
def test_only_people_or_companies_that_a_name_fits_alike_are_rivals(store, query, entities, rivals):
    store.add()
    assert store.find(query, entities=entities).rivals == rivals
    assert store.find(query, entities=entities, limit=1, offset=1).rivals == rivals


def test_a_homophone_in_a_note_does_not_hide_the_person(store):
    store.add("w1", [*ACME, Draft("activity", 9, {"name": "Note", "kind": "note", "text": "张玮 called"})])
    assert ids(store.find("张玮")) == ["activity:9", "person:3"]
