"""Questions to several sources: who may be asked, what is merged, what is said when one is missing."""

import json
from dataclasses import replace

import pytest

from faas_toolkit.capabilities.crm import capability
from faas_toolkit.capabilities.crm.fields import RELATIONS
from faas_toolkit.capabilities.crm.plan import plan
from faas_toolkit.capabilities.crm.port import CrmRecord, Related, Strength
from faas_toolkit.capabilities.crm.rows import Rows
from faas_toolkit.core.call import RecordRights, Scope
from faas_toolkit.core.errors import BadResponse, Cancelled, InvalidInput, NotFound, Throttled, Unavailable
from tests.fakes.crm import EVERYTHING, FakeSource, Lookups, a_person


def scope(*names, hidden=(), owner=None):
    return Scope(grants=frozenset({"crm.read"}), sources={"crm": names}, hidden=frozenset(hidden), owner=owner)


def ids(answer):
    return [record["id"] for record in answer.variables["records"]]


def people(*numbers, strength=Strength.WORDS):
    return [a_person(number, strength) for number in numbers]


def test_each_source_is_asked_once_through_its_own_target():
    lookups = Lookups(main=FakeSource(), sales=FakeSource())
    lookups(query="ana")
    assert sorted(lookups.targets) == ["crm:main", "crm:sales"]


def test_better_matches_of_one_source_stand_before_worse_ones_of_another():
    main = FakeSource(*people(1, strength=Strength.NAME), *people(2))
    sales = FakeSource(*people(3, strength=Strength.KEY), *people(4))
    answer = Lookups(main=main, sales=sales)(query="ana")
    assert ids(answer) == ["person:3", "person:1", "person:2", "person:4"]
    assert [record["source"] for record in answer.variables["records"]] == ["sales", "main", "main", "sales"]
    assert (answer.variables["total"], answer.source) == (4, "main, sales")


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_paging_over_several_sources_gives_every_record_once(limit):
    main, sales = FakeSource(*people(*range(7))), FakeSource(*people(*range(10, 14)))
    lookups, cursor, seen = Lookups(main=main, sales=sales), None, []
    while cursor != "":
        answer = lookups(query="ana", limit=limit, cursor=cursor)
        seen += ids(answer)
        cursor = answer.variables["next_cursor"]
        assert answer.variables["total"] == 11
    assert sorted(seen) == sorted(ids(lookups(query="ana", limit=50)))
    assert len(set(seen)) == 11


@pytest.mark.parametrize(
    "changed",
    [{"query": "bob"}, {"entity": "person"}, {"filters": {"city": "x"}}, {"sources": "main"}, {"workspace": "other"}],
    ids=lambda change: next(iter(change)),
)
def test_a_cursor_of_another_question_is_refused(changed):
    lookups = Lookups(main=FakeSource(*people(1, 2, 3)), sales=FakeSource())
    cursor = lookups(query="ana", limit=1).variables["next_cursor"]
    assert ids(lookups(query="ana", limit=2, include="deals", cursor=cursor)) == ["person:2", "person:3"]
    with pytest.raises(InvalidInput, match="cursor does not belong"):
        lookups(**{"query": "ana", "limit": 1, "cursor": cursor} | changed)


def test_a_change_between_two_pages_is_said():
    main = FakeSource(*people(1, 2, 3))
    lookups = Lookups(main=main)
    cursor = lookups(query="ana", limit=1).variables["next_cursor"]
    assert lookups(query="ana", limit=1, cursor=cursor).notices == ()
    main.counter = "2"
    answer = lookups(query="ana", limit=1, cursor=cursor)
    assert "changed since the first page" in answer.notices[0]
    again = lookups(query="ana", limit=1, cursor=answer.variables["next_cursor"])
    assert "changed since the first page" in again.notices[0]


@pytest.mark.parametrize("failure", [Unavailable("It is down."), Throttled("Too many."), BadResponse("Garbage.")])
def test_a_source_that_is_down_leaves_a_partial_answer_that_says_so(failure):
    answer = Lookups(main=FakeSource(*people(1)), sales=FakeSource(failure=failure))(query="ana")
    assert ids(answer) == ["person:1"]
    assert answer.partial
    assert "'sales'" in answer.notices[0]
    assert failure.message in answer.notices[0]


def test_a_source_that_was_down_goes_on_where_it_stood():
    main, sales = FakeSource(*people(1, 2)), FakeSource(*people(3), failure=Unavailable("down"))
    lookups = Lookups(main=main, sales=sales)
    cursor = lookups(query="ana", limit=1).variables["next_cursor"]
    sales.failure = None
    assert ids(lookups(query="ana", cursor=cursor)) == ["person:2", "person:3"]


def test_when_all_are_down_the_call_fails():
    with pytest.raises(Throttled, match=r"Too many\."):
        Lookups(main=FakeSource(failure=Throttled("Too many.")))(query="ana")
    with pytest.raises(Unavailable, match=r"main: Too many\. sales: Gone\.") as caught:
        Lookups(main=FakeSource(failure=Throttled("Too many.")), sales=FakeSource(failure=BadResponse("Gone.")))(query="ana")
    assert caught.value.retryable


def test_a_caller_who_went_away_is_not_a_source_that_is_down():
    with pytest.raises(Cancelled):
        Lookups(main=FakeSource(), sales=FakeSource(failure=Cancelled("gone")))(query="ana")


def test_unknown_and_forbidden_sources_answer_alike():
    lookups = Lookups(main=FakeSource(), secret=FakeSource())
    said = []
    for name in ("secret", "nowhere"):
        with pytest.raises(NotFound) as caught:
            lookups(query="ana", sources=name, scope=scope("main"))
        said.append(caught.value.as_text().replace(name, "…"))
    assert said[0] == said[1]
    assert "You may use: main." in said[0]


def test_only_sources_of_the_scope_are_asked():
    lookups = Lookups(main=FakeSource(), secret=FakeSource())
    lookups(query="ana", scope=scope("m*"))
    assert lookups.targets == ["crm:main"]
    with pytest.raises(NotFound, match="No CRM source is open"):
        lookups(query="ana", scope=scope())


def test_the_named_source_is_asked_alone():
    lookups = Lookups(main=FakeSource(), sales=FakeSource())
    lookups(query="ana", sources="sales")
    assert lookups.targets == ["crm:sales"]


@pytest.mark.parametrize("arguments", [{}, {"query": "  "}, {"filters": "{}"}, {"entity": "deal"}])
def test_nothing_asked_is_taught(arguments):
    with pytest.raises(InvalidInput, match="Give a query, or filters") as caught:
        Lookups(main=FakeSource())(**arguments)
    assert "Examples:" in caught.value.hint


def test_hidden_fields_leave_every_corner_of_a_careless_source():
    deal = CrmRecord(
        entity="deal", key="1", values={"name": "Deal", "amount": 5, "person": {"id": "person:1", "name": "Secret Name"}}
    )
    person = CrmRecord(
        entity="person",
        key="1",
        values={"name": "Secret Name", "phone": "123", "company": {"id": "company:1", "name": "Secret Company"}},
        related={"deals": Related(total=1, open=1, records=(deal,)), "tickets": Related(total=77, open=77)},
    )
    hidden = {"person.name", "person.phone", "company.name", "deal.amount", "person.tickets"}
    main = FakeSource(person)
    answer = Lookups(main=main)(query="ana", scope=scope("main", hidden=hidden))
    counted = Lookups(main=main)(query="ana", scope=scope("main", hidden={"deal.open"}))
    assert counted.variables["records"][0]["related"]["deals"] == {"total": 1, "more": False}
    assert not any(word in json.dumps(answer.variables) for word in ("Secret", "123", "amount", "77"))
    assert main.lookups[0].hidden == hidden


def test_a_hidden_field_cannot_be_filtered_by():
    with pytest.raises(InvalidInput, match="no field 'phone'"):
        Lookups(main=FakeSource())(filters={"phone": "1"}, entity="person", scope=scope("main", hidden={"person.phone"}))


def test_me_is_who_the_token_says():
    main = FakeSource()
    Lookups(main=main)(filters={"owner": "me"}, scope=scope("main", owner="ana.souza"))
    assert main.lookups[0].conditions[0].value == "ana.souza"
    with pytest.raises(InvalidInput, match="identity token"):
        Lookups(main=main)(filters={"owner": "me"})


@pytest.mark.parametrize(("rivals", "ambiguous"), [((0, 0), False), ((1, 0), False), ((2, 0), True), ((1, 1), True)])
def test_several_that_fit_equally_well_are_ambiguous(rivals, ambiguous):
    sources = {f"s{n}": FakeSource(*people(n, strength=Strength.NAME), rivals=rivals[n]) for n in range(2)}
    assert Lookups(**sources)(query="ana").variables["ambiguous"] is ambiguous


def test_rivals_of_a_worse_match_do_not_make_the_better_one_ambiguous():
    better = FakeSource(*people(1, strength=Strength.KEY), rivals=1)
    worse = FakeSource(*people(2, 3, strength=Strength.NAME), rivals=2)
    assert Lookups(main=better, sales=worse)(query="ana").variables["ambiguous"] is False


def test_nothing_found_says_why():
    assert 'Nothing matches "ana". Asked: main.' in Lookups(main=FakeSource())(query="ana").notices[0]
    assert "No record fulfils the filters" in Lookups(main=FakeSource())(filters={"city": "x"}).notices[0]


def test_what_is_only_near_is_called_so():
    answer = Lookups(main=FakeSource(*people(1, strength=Strength.NEAR)))(query="ana")
    assert "these are the nearest" in answer.notices[0]
    assert answer.variables["records"][0]["match"] == "similar"


def test_a_page_too_large_goes_on_with_the_next_cursor():
    records = [a_person(n, **{f"field{i}": "x" * 90 for i in range(400)}) for n in range(50)]
    lookups, cursor, seen = Lookups(main=FakeSource(*records)), None, []
    while cursor != "":
        answer = lookups(query="ana", limit=50, cursor=cursor)
        assert len(json.dumps(answer.variables["records"])) <= 1_000_000
        seen += ids(answer)
        cursor = answer.variables["next_cursor"]
    assert seen == [f"person:{n}" for n in range(50)]


def test_a_lookup_is_kept_while_no_asked_source_changed():
    main, sales = FakeSource(version="1.2"), FakeSource(version="7")
    lookups = Lookups(main=main, sales=sales)
    assert lookups.capability.traits(lookups.call(query="ana")).version == "main=1.2 sales=7"
    assert lookups.capability.traits(lookups.call(query="ana", sources="main")).version == "main=1.2"


@pytest.mark.parametrize("source", [FakeSource(version=None), FakeSource(failure=Unavailable("down"))])
def test_without_a_counter_nothing_is_kept(source):
    lookups = Lookups(main=FakeSource(), sales=source)
    traits = lookups.capability.traits(lookups.call(query="ana"))
    assert not traits.cacheable
    assert traits.effects == "none"


def test_a_call_is_planned_once_for_its_traits_and_itself_and_never_for_another(monkeypatch):
    planned = []
    monkeypatch.setattr(capability, "plan", lambda call, names: planned.append(call) or plan(call, names))
    source = FakeSource(a_person(1))
    lookups = Lookups(main=source)
    first, second = lookups.call(query="ana"), lookups.call(query="bea")
    lookups.capability.traits(first)
    lookups.capability(first)
    assert planned == [first]
    lookups.capability.traits(first)
    lookups.capability(second)
    lookups.capability(first)
    assert planned == [first, first, second, first]
    assert [lookup.query.text for lookup in source.lookups] == ["ana", "bea", "ana"]


def test_a_question_that_makes_no_sense_has_traits_too():
    lookups = Lookups(main=FakeSource())
    assert not lookups.capability.traits(lookups.call()).cacheable


def test_entries_and_findings_show_the_scope_and_nothing_else():
    lookups = Lookups(main=FakeSource(), secret=FakeSource(failure=Unavailable("It is locked.", hint="Wait.")))
    assert [entry.name for entry in lookups.capability.entries(scope("main"))] == ["main"]
    assert list(lookups.capability.entries(Scope(sources={"crm": ("*",)}))) == []
    findings = list(lookups.capability.findings(lookups.call(query="ana", scope=EVERYTHING)))
    assert [(f.item, f.status, f.text, f.repair) for f in findings] == [
        ("crm:main", "ok", "Fine.", ""),
        ("crm:secret", "failed", "It is locked.", "Wait."),
    ]
    assert [f.item for f in lookups.capability.findings(lookups.call(query="ana", scope=scope("main")))] == ["crm:main"]


def own(owner):
    return replace(EVERYTHING, records=(RecordRights(sources=("main",), only={"person": {"owner": (owner,)}}),))


def test_each_source_is_told_which_records_are_open_in_it():
    main, partner = FakeSource(), FakeSource()
    Lookups(main=main, partner=partner)(query="ana", scope=own("ana"))
    assert main.lookups[0].rows == Rows.of({"person": ({"owner": ("ana",)},)})
    assert not partner.lookups[0].rows


def test_a_field_is_hidden_in_the_source_whose_roles_hide_it_and_filters_by_it_need_the_other_alone():
    main, partner = FakeSource(a_person(1, phone="1")), FakeSource(a_person(2, phone="2"))
    rights = (RecordRights(sources=("main",), hidden=frozenset({"person.phone"})), RecordRights(sources=("partner",)))
    lookups, scope = Lookups(main=main, partner=partner), replace(EVERYTHING, records=rights)
    records = lookups(query="ana", scope=scope).variables["records"]
    assert [record.get("phone") for record in records] == [None, "2"]
    assert (main.lookups[0].hidden, partner.lookups[0].hidden) == ({"person.phone"}, frozenset())
    with pytest.raises(InvalidInput, match="phone"):
        lookups(query="ana", entity="person", filters={"phone": "1"}, scope=scope)
    assert lookups(query="ana", entity="person", filters={"phone": "2"}, sources="partner", scope=scope).variables["total"] == 1


def test_a_count_of_all_records_is_not_told_to_who_sees_some():
    lookups = Lookups(main=FakeSource(), partner=FakeSource())
    texts = {f.item: f.text for f in lookups.capability.findings(lookups.call(query="ana", scope=own("ana")))}
    assert texts == {"crm:main": "It answers; your role opens some of its records.", "crm:partner": "Fine."}


def test_a_cursor_in_the_hands_of_another_caller_opens_nothing():
    store = Lookups(main=FakeSource(a_person(1), a_person(2), a_person(3)))
    cursor = store(query="person", limit=1, scope=own("ana")).variables["next_cursor"]
    store(query="person", limit=1, cursor=cursor, scope=own("bo"))
    (source,) = store.capability._sources.values()
    assert [lookup.rows.plain()["person"] for lookup in source.lookups] == [[{"owner": ["ana"]}], [{"owner": ["bo"]}]]


def test_every_relation_can_be_included():
    main = FakeSource()
    Lookups(main=main)(query="ana", include=",".join(RELATIONS))
    assert main.lookups[0].include == set(RELATIONS)
