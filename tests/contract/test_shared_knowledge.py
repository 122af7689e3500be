"""Documents of a base on a server that two nodes share: each searches a copy of its own, which is never older than the server."""

import json

import gevent
import pytest
from sqlalchemy import delete, inspect, select, update

from faas_toolkit.capabilities.knowledge.port import Question
from faas_toolkit.capabilities.knowledge.sources.embedded import replica
from faas_toolkit.capabilities.knowledge.sources.embedded.erasing import KnowledgeErasure
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import AREAS, CHANGES, DOCUMENTS, PASSAGES
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.erasure import Person
from faas_toolkit.core.errors import NotFound, Unavailable
from tests.fakes.calls import make_call
from tests.fakes.clock import FakeClock
from tests.fakes.databases import Nodes
from tests.fakes.knowledge import OWN, SAMPLE, WITH_VECTORS, Family, documents, scope, texts

HOLIDAYS = "Every employee has thirty days of paid holiday in each year."
REFUNDS = "Goods can be returned within thirty days and the money comes back to the card."


@pytest.fixture(params=["postgresql", "mysql"])
def nodes(request, database_servers, tmp_path):
    nodes = Nodes(request.param, tmp_path, database_servers(request.param))
    yield nodes
    nodes.close()


@pytest.fixture
def node(nodes, tmp_path):
    """Makes a node with an empty data directory of its own."""
    made = []

    def make(**bases) -> Family:
        made.append(Family(tmp_path / f"node{len(made)}", shared=nodes.open(), **bases))
        return made[-1]

    yield make
    for family in made:
        family.replica.close()


def test_a_document_added_on_one_node_is_found_on_the_other_at_once_and_so_is_its_removal(node):
    one, two = node(), node()
    assert two.search("holiday").variables["result"] == []
    added = one.add(HOLIDAYS, title="Holidays")
    assert texts(two.search("paid holiday")) == [HOLIDAYS]
    two.add(REFUNDS, title="Refunds")
    assert texts(one.search("money back")) == [REFUNDS]

    two.remove(document=added.variables["documents"][0]["id"])
    assert documents(one.search("paid holiday")) == documents(two.search("paid holiday")) == []
    assert texts(one.search("money back")) == [REFUNDS]


def test_ids_are_given_once_for_all_nodes(node):
    families = [node(), node()]
    ids = [
        families[turn % 2].add(f"Text number {turn} about apples.", title=f"T{turn}").variables["documents"][0]["id"]
        for turn in range(6)
    ]
    assert ids == [f"notes:{number}" for number in range(1, 7)]
    assert set(documents(families[0].search("apples", top_k=10))) == set(ids)


def test_a_replaced_document_is_replaced_everywhere(node):
    one, two = node(), node()
    first = one.add(HOLIDAYS, title="Holidays").variables["documents"][0]["id"]
    assert texts(two.search("holiday")) == [HOLIDAYS]
    two.add("Everyone has forty free days, that is a long vacation.", document=first)
    assert texts(one.search("vacation")) == ["Everyone has forty free days, that is a long vacation."]
    assert one.search("holiday").variables["result"] == []


def test_metadata_and_access_that_change_on_one_node_cut_on_the_other(node):
    one, two = node(), node()
    managers = json.dumps({"roles": ["manager"]})
    one.add(HOLIDAYS, title="Holidays", metadata='{"year": 2026}')
    assert texts(two.search("holiday", filters='{"year": 2026}')) == [HOLIDAYS]
    one.add(HOLIDAYS, title="Holidays", metadata='{"year": 2027}', access=managers, who=scope("manager"))
    assert two.search("holiday").variables["result"] == []
    assert texts(two.search("holiday", who=scope("manager"), filters='{"year": 2027}')) == [HOLIDAYS]
    with pytest.raises(NotFound):
        two.remove(document="notes:1")
    assert two.remove(document="notes:1", who=scope("manager")).variables["removed"]


def test_a_node_with_an_empty_data_directory_copies_everything(node, monkeypatch):
    monkeypatch.setattr(replica, "_PAGE_DOCUMENTS", 3)  # several pages
    one = node()
    for number in range(10):
        one.add(f"Chapter {number} speaks of whales.", title=f"C{number}")
    one.remove(document="notes:4")
    assert len(node().search("whales", top_k=20).variables["result"]) == 9


def test_a_large_document_comes_alone(node, monkeypatch):
    monkeypatch.setattr(replica, "_PAGE_PASSAGES", 2)
    one = node()
    one.add("\n\n".join(f"# Part {n}\n\n" + f"Whales and more whales, part {n}. " * 9 for n in range(8)), title="Long")
    one.add("A short text about whales.", title="Short")
    two = node()
    assert {item["document"] for item in two.search("whales", top_k=50).variables["citations"]} == {"notes:1", "notes:2"}
    assert two.search("whales", top_k=50).variables == one.search("whales", top_k=50).variables


def test_nothing_but_the_counter_is_asked_while_nothing_changed(node, monkeypatch):
    one = node()
    one.add(HOLIDAYS, title="Holidays")
    one.search("holiday")
    asked = []
    read, write = one.database.read, one.database.write
    monkeypatch.setattr(one.database, "read", lambda work, *, alone=False: asked.append(alone) or read(work, alone=alone))
    monkeypatch.setattr(one.database, "write", lambda work: asked.append("write") or write(work))
    one.search("holiday")
    assert asked == [True]


def test_two_workspaces_and_two_bases_see_nothing_of_each_other(node):
    one, two = node(notes=OWN, plans=OWN), node(notes=OWN, plans=OWN)
    one.add(HOLIDAYS, base="notes", title="A")
    one.add(REFUNDS, base="plans", title="B")
    one.add("Nothing but whales here.", base="notes", title="C", workspace="w2")
    assert texts(two.search("thirty days", bases="notes")) == [HOLIDAYS]
    assert texts(two.search("thirty days", bases="plans")) == [REFUNDS]
    assert texts(two.search("whales thirty days", workspace="w2", bases="notes")) == ["Nothing but whales here."]


def test_the_sample_is_each_node_s_own_and_goes_with_the_first_document(node, nodes):
    one, two = node(handbook=SAMPLE), node(handbook=SAMPLE)
    assert one.search("holiday").source == "sample"
    assert one.version() == two.version() != "none"
    assert nodes.open().read(lambda connection: connection.execute(select(DOCUMENTS)).all()) == []
    before = two.version()
    one.add(HOLIDAYS, title="Holidays")
    assert two.version() == one.version() != before
    assert texts(two.search("holiday")) == [HOLIDAYS]


def test_vectors_made_on_one_node_are_used_on_the_other(node):
    one, two = node(notes=WITH_VECTORS), node(notes=WITH_VECTORS)
    one.add("A new automobile for everybody.", title="Cars")
    found = two.search("vehicle", mode="hybrid")
    assert texts(found) == ["A new automobile for everybody."]
    assert ("document", 1) not in two.host.asked
    assert "vectors" not in str(found.notices)


# ---- copies that are not what they should be


def test_a_damaged_copy_is_made_anew(node, tmp_path):
    one = node()
    one.add(HOLIDAYS, title="Holidays")
    assert texts(one.search("holiday")) == [HOLIDAYS]
    one.replica.close()
    path = tmp_path / "node0" / "knowledge.sqlite"
    kept = path.read_bytes()
    path.write_bytes(kept[:4096] + b"\xff" * (len(kept) - 4096))
    assert texts(one.search("holiday")) == [HOLIDAYS]


def test_a_copy_that_was_cut_off_goes_on_where_it_was(node, monkeypatch):
    monkeypatch.setattr(replica, "_PAGE_DOCUMENTS", 2)
    one, two = node(), node()
    for number in range(6):
        one.add(f"Chapter {number} speaks of whales.", title=f"C{number}")
    apply, applied = replica._apply, []

    def cut_off(connection, *, page, here):
        if len(applied) == 2:
            raise RuntimeError("power cut")
        applied.append(page.changes)
        return apply(connection, page=page, here=here)

    monkeypatch.setattr(replica, "_apply", cut_off)
    with pytest.raises(RuntimeError, match="power cut"):
        two.search("whales")
    monkeypatch.setattr(replica, "_apply", apply)
    assert len(two.search("whales", top_k=20).variables["result"]) == 6


def test_a_call_whose_time_is_over_says_so_and_the_next_one_goes_on(node):
    one, two = node(), node()
    one.add(HOLIDAYS, title="Holidays")
    embedded = two.knowledge.bases["notes"]

    with pytest.raises(Unavailable, match="still copying") as caught:
        embedded._replica.area("w1", "notes", Deadline.after(FakeClock(), 0))
    assert caught.value.retryable
    assert texts(two.search("holiday")) == [HOLIDAYS]


def test_a_database_that_was_set_back_to_a_backup_is_copied_anew(node, nodes):
    one, two = node(), node()
    one.add(HOLIDAYS, title="Holidays")
    one.add(REFUNDS, title="Refunds")
    assert len(two.search("thirty days").variables["result"]) == 2

    def restore(connection):  # as it was before the second document, and one more change since
        number = connection.execute(select(AREAS.c.number)).scalar_one()
        for table, column in ((DOCUMENTS, DOCUMENTS.c.number), (CHANGES, CHANGES.c.document)):
            connection.execute(delete(table).where(column == 2))
        connection.execute(delete(PASSAGES).where(PASSAGES.c.number >= 2 << 12))
        connection.execute(update(CHANGES).values(change=3))
        connection.execute(update(AREAS).where(AREAS.c.number == number).values(changes=3, mark="another"))

    nodes.open().write(restore)
    assert texts(two.search("thirty days")) == [HOLIDAYS]


def test_a_database_that_was_made_anew_is_copied_anew(node, nodes):
    one = node()
    one.add(HOLIDAYS, title="Holidays")
    assert texts(one.search("holiday")) == [HOLIDAYS]

    def start_anew(connection):
        connection.execute(update(PASSAGES).values(text=REFUNDS))
        connection.execute(update(AREAS).values(mark="another"))  # the same counter by chance
        connection.execute(update(CHANGES).values(change=1))

    nodes.open().write(start_anew)
    one.search("anything")
    assert one.database.read(lambda c: c.execute(select(AREAS.c.mark)).scalar()) == one.replica.read(
        lambda c: c.execute(select(AREAS.c.mark)).scalar()
    )


def test_many_searches_at_once_copy_once(node, monkeypatch):
    one, two = node(), node()
    one.add(HOLIDAYS, title="Holidays")
    cut, pages = replica._page, []
    monkeypatch.setattr(replica, "_page", lambda *a, **k: pages.append(1) or gevent.sleep(0.01) or cut(*a, **k))
    jobs = [gevent.spawn(two.search, "holiday") for _ in range(20)]
    gevent.joinall(jobs, timeout=60)
    assert [texts(job.value) for job in jobs] == [[HOLIDAYS]] * 20
    assert len(pages) == 1


def test_nodes_that_write_at_once_lose_nothing(node):
    families = [node() for _ in range(3)]
    jobs = [
        gevent.spawn(family.add, f"Text {turn} of node {number} about apples.", title=f"{number}-{turn}")
        for number, family in enumerate(families)
        for turn in range(8)
    ]
    gevent.joinall(jobs, timeout=60, raise_error=True)
    ids = {job.value.variables["documents"][0]["id"] for job in jobs}
    assert len(ids) == 24
    for family in families:
        assert set(documents(family.search("apples", top_k=50))) == ids


def test_nothing_old_is_answered_while_the_server_is_away(node, monkeypatch):
    one = node()
    one.add(HOLIDAYS, title="Holidays")
    one.search("holiday")

    def away(work, *, alone=False):
        raise Unavailable("The database server cannot be reached.")

    monkeypatch.setattr(one.database, "read", away)
    with pytest.raises(Unavailable, match="cannot be reached"):
        one.knowledge.bases["notes"].version(Workspace("w1", bytes(32)))
    question = Question(call=make_call({}, scope=scope()), query="holiday")
    with pytest.raises(Unavailable, match="cannot be reached"):
        one.knowledge.bases["notes"].find(question, Deadline.after(FakeClock(), 10))


def test_a_server_has_no_index_of_words(node, nodes):
    node().add(HOLIDAYS, title="Holidays")
    names = nodes.open().read(lambda connection: inspect(connection).get_table_names())
    assert not [name for name in names if "terms" in name]


def test_a_person_erased_through_one_node_is_gone_from_the_other(node):
    one, two = node(), node()
    one.add("Ana Souza asked for a refund.", title="Letter")
    one.add(
        HOLIDAYS,
        title="Holidays",
        access=json.dumps({"subjects": ["ana@example.com", "bo@example.com"]}),
        who=scope(owner="bo@example.com"),
    )
    ana = scope(owner="ana@example.com")
    assert texts(two.search("refund")) == ["Ana Souza asked for a refund."]
    assert texts(two.search("holiday", who=ana)) == [HOLIDAYS]

    person = Person(given="ana@example.com", records=(), emails=("ana@example.com",), phones=(), names=("Ana Souza",))
    KnowledgeErasure(one.database, mentioning=True).forget(Workspace("w1", bytes(32)), person, confirmed=True)
    for family in (one, two):
        assert family.search("refund").variables["result"] == []
        assert family.search("holiday", who=ana).variables["result"] == []
        assert texts(family.search("holiday", who=scope(owner="bo@example.com"))) == [HOLIDAYS]
