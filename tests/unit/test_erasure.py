"""A person is erased from real stores in real files: found first, gone after, by the bytes of every file; others keep theirs."""

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft, store
from faas_toolkit.capabilities.knowledge.access import Access, Reader
from faas_toolkit.capabilities.knowledge.port import DocumentDraft, PassageDraft
from faas_toolkit.capabilities.knowledge.sources.embedded.writing import Place, claim
from faas_toolkit.capabilities.knowledge.sources.embedded.writing import store as store_document
from faas_toolkit.core.call import ApiClient, Origin, Workspace
from faas_toolkit.core.errors import Forbidden, InvalidInput
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.service import Request, Service
from faas_toolkit.state.cache.config import CacheConfig
from faas_toolkit.state.cache.port import Kept
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.audit import personal_parts
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost

ONE, OTHER = Workspace("a" * 32, b"k" * 32), Workspace("b" * 32, b"k" * 32)
EMAIL, PHONE, NAME, ALIAS = "zuleika.quintal@acme.example", "+44 20 7946 0123", "Zuleika Quintal", "祖莱卡"
CATALOG = {
    "version": 1,
    "audit": {"write": "durable"},
    "roles": {
        "admin": {"allow": ["*"], "crm": {"sources": ["*"]}, "knowledge": ["*"]},
        "member": {"allow": ["crm.read"], "crm": {"sources": ["*"]}},
    },
    "crm": {"main": {"kind": "embedded"}},
    "knowledge": {
        "notes": {"kind": "embedded"},
        "partner": {
            "kind": "external_knowledge",
            "url": "https://kb.example/retrieval",
            "auth": {"bearer": "${secret:kb}"},
            "id": "m",
        },
    },
}
PEOPLE = [
    Draft("company", 1, {"name": "Acme Ltd", "domain": "acme.example", "owner": EMAIL}),
    Draft(
        "person",
        1,
        {"name": NAME, "also_known_as": ALIAS, "company": 1, "email": EMAIL, "phone": PHONE, "city": "Leeds", "owner": "mei.lin"},
    ),
    Draft("person", 2, {"name": "Wei Chen", "company": 1, "email": "wei@acme.example", "phone": "+44 20 7946 0999"}),
    Draft(
        "deal", 1, {"name": f"Renewal for {NAME}", "stage": "won", "open": False, "amount": 12.5, "currency": "GBP", "person": 1}
    ),
    Draft("ticket", 1, {"name": "Cannot sign in", "status": "open", "open": True, "company": 1, "person": 1}),
    Draft("activity", 1, {"name": "Call", "kind": "call", "date": "2026-11-01", "text": "Her mother is ill.", "person": 1}),
    Draft(
        "activity",
        2,
        {
            "name": "Call",
            "kind": "call",
            "date": "2026-11-02",
            "text": f"Wei says {NAME.upper()} (020 7946-0123) left.",
            "person": 2,
        },
    ),
]


def document(title, text, **more):
    passage = PassageDraft(
        heading="", text=text, terms={"title": title.lower().split(), "heading": [], "body": text.lower().split()}
    )
    return DocumentDraft(title=title, kind="text", origin="", digest=title, characters=len(text), passages=(passage,), **more)


DOCUMENTS = [
    document("Contract", "Signed in 2024.", metadata={"customer": EMAIL.upper()}),
    document("Minutes", f"Then {NAME} asked about\n{EMAIL}."),
    document("Salaries", "Nobody reads this.", access=Access(frozenset({("subjects", EMAIL)}))),
    document("Terms", "Goods can be returned."),
]


class Office:
    """One process over a data directory, with records, documents, answers and audit rows in two workspaces."""

    def __init__(self, folder, **servers) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.process = Process(
            clock=self.clock,
            offload=InlineOffload(),
            environment={"FAAS_TOOLKIT_DATA_DIR": str(folder), "FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1"},
            working_directory=folder,
        )
        self.service = Service(self.process)
        self.settings = RuntimeSettings(catalog=json.dumps(CATALOG), secrets=(("kb", "a-token-of-the-test"),), **servers)
        self.stores = self.process.embedded

    def fill(self, workspace=ONE, people=PEOPLE, documents=DOCUMENTS) -> None:
        def write(connection):
            store(connection, workspace.id, [*people, Draft("person", 9, {"name": "Old Name of Quintal", "email": EMAIL})])
            store(connection, workspace.id, people)  # what was overwritten leaves its bytes in free space
            place = Place(workspace.id, "notes", claim(connection, workspace.id, "notes"), "2026-11-26")
            for each in documents:
                store_document(connection, place, each, Reader())

        self.stores.database.write(write)

    def run(self, operation, arguments, *, role="admin", workspace=ONE, user=""):
        client = ApiClient(name="backoffice", role=role)
        asked = {"user_id": user, "app_id": "app", "surface": "workflow"} if user else {"client": client, "surface": "gateway"}
        request = Request(
            operation=operation_named(operation),
            arguments=arguments,
            origin=Origin(workspace=workspace, **asked),
            host=FakeHost(),
        )
        outcome = self.service.run(self.settings, request)
        if outcome.failure is not None:
            raise outcome.failure
        return outcome

    def erase(self, person=EMAIL, **arguments):
        return self.run("workspace.erase", {"person": person, **arguments})

    def confirmed(self, person=EMAIL, **arguments):
        token = self.erase(person, **arguments).variables["confirm"]
        return self.erase(person, confirm=token, **arguments)

    def close(self) -> None:
        self.service.close()
        self.stores.database.close()

    def written(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.folder.rglob("*")) if file.is_file())


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    office.fill()
    yield office
    office.close()


def report(outcome):
    return {(trace["place"], trace["item"]): trace["action"] for trace in outcome.variables["report"]}


FOUND = {
    ("crm", "person:1"): "delete",
    ("crm", "person:9"): "delete",
    ("crm", "activity:1"): "delete",
    ("crm", "activity:2"): "anonymise",
    ("crm", "company:1"): "anonymise",
    ("crm", "deal:1"): "anonymise",
    ("crm", "ticket:1"): "anonymise",
    ("knowledge", "notes:1"): "delete",
    ("knowledge", "notes:2"): "keep",
    ("knowledge", "notes:3"): "anonymise",
    ("cache", "kept answers"): "destroy key",
    ("elsewhere", "knowledge:partner"): "keep",
}


@pytest.mark.parametrize("given", [EMAIL, EMAIL.upper(), PHONE, "020 7946 0123", "person:1", " person:1 "])
def test_a_person_is_found_by_id_email_and_phone_and_a_look_changes_nothing(office, given):
    rows = office.stores.database.read(lambda connection: connection.exec_driver_sql("SELECT * FROM crm_people").fetchall())
    found = office.erase(given)
    assert report(found) == FOUND
    assert found.variables["erased"] is False
    assert found.variables["confirm"] in found.text
    assert "Nothing was changed yet" in found.text
    assert rows == office.stores.database.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM crm_people").fetchall()
    )


@pytest.mark.parametrize("name", [NAME, f" {NAME.upper()} ", "Zuleika\u00a0 Quintal", ALIAS])
def test_a_name_is_refused_with_the_ids_of_who_has_it(office, name):
    with pytest.raises(InvalidInput) as refused:
        office.erase(name)
    assert "person:1" in refused.value.message
    assert NAME not in refused.value.as_text()


def test_a_namesake_with_the_same_number_in_another_form_stays_whole(office):
    twin = Draft("person", 7, {"name": NAME.upper(), "phone": "020 7946 0123", "email": "other@acme.example"})
    office.stores.database.write(lambda connection: store(connection, ONE.id, [twin]))
    assert report(office.erase())["crm", "person:7"] == "keep"
    office.confirmed()
    kept = office.stores.database.read(
        lambda connection: connection.exec_driver_sql("SELECT name, phone FROM crm_people WHERE id = 7").fetchall()
    )
    assert kept == [(NAME.upper(), "020 7946 0123")]


@pytest.mark.parametrize("parts", [("and then Zuleika", "Quintal left"), ("call 020 79", "46 0123 now")])
def test_a_document_that_names_the_person_across_two_passages_is_told(office, parts):
    first, second = (document("Long", part).passages[0] for part in parts)
    torn = replace(document("Long", "x"), passages=(first, second))
    office.fill(OTHER, documents=[torn])
    told = report(office.run("workspace.erase", {"person": EMAIL}, workspace=OTHER))
    assert told["knowledge", "notes:1"] == "keep"


def fragments():
    """Everything of the person that must not be in any file: as written, folded, as keys, as trigrams' terms, as digits."""
    texts = [EMAIL, NAME, NAME.upper(), ALIAS, PHONE, "020 7946-0123", "442079460123"[::-1], "Her mother"]
    return [
        *(text.encode() for text in texts),
        b"zuleika",
        b"Zuleika",
        b"quintal",
        b"Quintal",
        b"1_zul",
        b"leika",
        ALIAS[:2].encode(),
    ]


def test_after_the_erasure_no_byte_of_any_file_tells_of_the_person(office):
    office.run("crm.lookup", {"query": NAME}, role="member", user=EMAIL)
    office.run("crm.lookup", {"query": EMAIL}, role="member", user="u-other")
    found = fragments()
    assert [text for text in found if text not in office.written()] == []
    done = office.confirmed(documents="delete")
    assert done.variables["erased"] is True
    assert done.variables["confirm"] == ""
    assert [text for text in found if text in office.written()] == []
    office.close()
    assert [text for text in found if text in office.written()] == []


def test_the_write_ahead_log_held_the_person_and_is_empty_after(office):
    log = office.folder / "toolkit.sqlite-wal"
    assert EMAIL.encode() in log.read_bytes()
    office.confirmed(documents="delete")
    assert EMAIL.encode() not in log.read_bytes()


def test_what_is_of_others_stays_and_is_found_as_before(office):
    office.fill(OTHER)
    office.confirmed()
    people = office.run("crm.lookup", {"query": "Wei Chen", "include": "activities"}).variables["records"]
    assert people[0]["id"] == "person:2"
    (call,) = people[0]["activities"]
    assert call["text"] == "Wei says [erased] ([erased]) left."
    assert office.run("crm.lookup", {"query": "deal:1"}).variables["records"][0]["amount"] == 12.5
    assert office.run("crm.lookup", {"query": "ticket:1"}).variables["records"][0]["name"] == "Cannot sign in"
    assert office.run("crm.lookup", {"query": NAME}).variables["total"] == 0
    assert office.run("crm.lookup", {"query": EMAIL}, workspace=OTHER).variables["total"] == 2
    assert office.run("knowledge.search", {"query": "goods returned", "bases": "notes"}).variables["citations"]


def test_a_document_that_only_the_person_could_read_is_open_to_nobody_then(office):
    office.confirmed()
    rows = office.stores.database.read(
        lambda connection: connection.exec_driver_sql(
            "SELECT title, restricted FROM knowledge_documents ORDER BY number"
        ).fetchall()
    )
    assert [tuple(row) for row in rows] == [("Minutes", 0), ("Salaries", 1), ("Terms", 0)]


def test_who_asked_is_erased_from_the_audit_and_its_chain_still_holds(office):
    for _ in range(3):
        office.run("crm.lookup", {"query": "Acme"}, role="member", user=EMAIL)
    office.run("crm.lookup", {"query": f"who is {NAME}"}, role="member", user="u-other")
    dry = office.erase()
    counts = {trace["item"]: trace["count"] for trace in dry.variables["report"] if trace["place"] == "audit"}
    assert counts == {"rows of the person": 3, "rows of other callers": 1}
    office.confirmed()
    assert ("audit", "rows of the person") not in report(office.erase())
    (kept,) = office.service._kept.values()
    assert kept.runtime._policies.log.verify(ONE).intact
    rows = opened(office)
    assert sum("erased" in row for row in rows) == 3
    assert {row["user"] for row in rows if row["operation"] == "crm.lookup" and "erased" not in row} == {"u-other"}


def opened(office):
    with closing(sqlite3.connect(office.folder / "toolkit.sqlite")) as file:
        rows = [json.loads(content) for (content,) in file.execute("SELECT content FROM audit_rows ORDER BY time, sequence")]
    return personal_parts(office.stores.database, office.clock).open(ONE, rows)


def test_the_erasure_itself_is_kept_in_the_audit_without_the_person(office):
    name = office.confirmed("person:1").variables["person"]
    looked, did = [row for row in opened(office) if row["operation"] == "workspace.erase"]
    assert looked["erasure"]["done"] is False
    assert did["erasure"] == {"person": name, "done": True, "found": did["erasure"]["found"]}
    assert did["erasure"]["found"]["crm: delete"] == 3
    assert did["subject"] == "client:backoffice"
    for clear in ("person:1", NAME, EMAIL):
        assert clear not in json.dumps([looked, did])
    assert re.fullmatch(r"[0-9a-f]{64}", name)


def test_kept_answers_of_the_workspace_are_gone_and_those_of_others_are_not(office):
    cache = office.stores.of_epoch(office.stores.answers(CacheConfig(), lambda: None, office.process.offload.spawn))
    for workspace in (ONE, OTHER):
        cache.put(workspace, "name", Kept(NAME.encode(), 600))
    office.confirmed()
    assert cache.get(ONE, "name") is None
    assert cache.get(OTHER, "name").value == NAME.encode()


def test_what_an_effect_came_to_is_gone_and_it_does_not_run_again(office):
    outcomes = office.stores.outcomes
    outcomes.begin(ONE, "name", "payload")
    outcomes.finish(ONE, "name", "payload", {"answer": NAME})
    outcomes.begin(OTHER, "name", "payload")
    assert report(office.confirmed())["outcomes", "kept outcomes"] == "delete"
    begun = outcomes.begin(ONE, "name", "payload")
    assert begun is not None
    assert begun.result is None
    assert outcomes.begin(OTHER, "name", "payload").payload == "payload"
    assert ("outcomes", "kept outcomes") not in report(office.erase())


def test_a_namesake_keeps_their_name_and_is_told(office):
    twin = [*PEOPLE, Draft("person", 3, {"name": NAME, "company": 1, "email": "z.q@other.example"})]
    office.fill(people=twin, documents=())
    found = report(office.erase())
    assert found["crm", "person:3"] == "keep"
    assert found["crm", "deal:1"] == "anonymise"
    office.confirmed()
    assert office.run("crm.lookup", {"query": "person:3"}).variables["records"][0]["name"] == NAME
    assert office.run("crm.lookup", {"query": "deal:1"}).variables["records"][0]["name"] == "Renewal for [erased]"


def test_a_number_that_is_not_one_person_s_is_refused_with_the_ids(office):
    office.fill(
        people=[*PEOPLE, Draft("person", 4, {"name": "Ana Reis", "email": "ana@acme.example", "phone": PHONE})], documents=()
    )
    with pytest.raises(InvalidInput, match="person:1, person:4") as told:
        office.erase(PHONE)
    assert "id of the one you mean" in told.value.hint
    found = report(office.erase("person:1"))
    assert found["crm", "person:4"] == "keep"


@pytest.mark.parametrize(
    "given",
    ["nobody@example.com", "person:77", "+1 555 010 9999", "x", "deal:1", "%", "\\d+", "Wei", "Acme", "call", "acme.example"],
)
def test_somebody_unknown_is_looked_for_all_the_same_and_nothing_of_others_goes(office, given):
    found = report(office.confirmed(given))
    assert {place for place, _ in found} <= {"cache", "elsewhere", "crm"}
    assert not [item for (place, item), action in found.items() if place == "crm" and action == "delete"]
    assert office.run("crm.lookup", {"query": EMAIL}).variables["total"] == 2


def test_a_confirmation_is_good_for_what_was_seen_only(office):
    token = office.erase().variables["confirm"]
    for wrong in ({"person": "person:2", "confirm": token}, {"person": EMAIL, "confirm": token, "documents": "delete"}):
        with pytest.raises(InvalidInput, match="not the token"):
            office.erase(**wrong)
    office.fill(people=[Draft("activity", 5, {"name": "Call", "text": "new", "person": 1})], documents=())
    with pytest.raises(InvalidInput, match="something was added"):
        office.erase(confirm=token)
    assert office.run("crm.lookup", {"query": EMAIL}).variables["total"] == 2


def test_only_a_role_with_the_grant_may_even_look(office):
    with pytest.raises(Forbidden, match=r"admin\.write"):
        office.run("workspace.erase", {"person": EMAIL}, role="member")


def test_a_second_erasure_finds_nothing_more(office):
    office.confirmed(documents="delete")
    assert {place for place, _ in report(office.erase())} == {"cache", "elsewhere"}


def test_a_database_that_another_process_reads_is_told_as_not_yet_clean(office):
    with closing(sqlite3.connect(office.folder / "toolkit.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM crm_people").fetchone()
        done = office.confirmed()
    assert done.variables["erased"] is True
    assert "quiet moment" in done.text
    assert "quiet moment" not in office.confirmed().text


def test_the_sample_is_never_touched(tmp_path):
    office = Office(tmp_path)
    before = office.run("crm.lookup", {"query": "Wei", "entity": "person"}).variables["records"][0]
    assert report(office.confirmed(before["email"])) == {
        ("cache", "kept answers"): "destroy key",
        ("elsewhere", "knowledge:partner"): "keep",
    }
    after = office.run("crm.lookup", {"query": before["email"]}).variables["records"][0]
    assert after | {"match": before["match"]} == before
    office.close()


def test_a_person_whose_key_was_wrapped_with_a_lost_one_is_erased_too(office):
    before = Workspace(ONE.id, b"1" * 32, "k1", root=ONE.key)
    office.run("crm.lookup", {"query": "Acme"}, role="member", user=EMAIL, workspace=before)
    assert report(office.confirmed())["audit", "rows of the person"] == "destroy key"
    assert "erased" in next(row for row in opened(office) if row["operation"] == "crm.lookup")


def test_a_row_that_somebody_made_unreadable_does_not_stop_an_erasure(office):
    office.run("crm.lookup", {"query": "Acme"}, role="member", user=EMAIL)
    damage = "UPDATE audit_rows SET content = '{'"
    office.stores.database.write(lambda connection: connection.exec_driver_sql(damage).rowcount)
    assert office.confirmed().variables["erased"] is True


def test_a_store_is_looked_through_in_portions_between_which_other_calls_run(office):
    """Each text costs up to a quarter of a millisecond on the thread that serves everybody."""
    portions = []
    as_it_is = office.stores.database.read

    def counted(work):
        found = as_it_is(work)
        portions.append(len(found) if isinstance(found, list) else 0)
        return found

    office.fill(documents=[document(f"Terms {number}", "Goods can be returned.") for number in range(250)])
    office.stores.database.read = counted
    office.erase()
    assert 100 <= max(portions) <= 200
