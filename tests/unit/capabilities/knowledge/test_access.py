"""Who may not read a document cannot learn that it is there: not from passages, filters, counts, titles, ids or errors."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faas_toolkit.capabilities.knowledge.access import Access, Reader, parse_access
from faas_toolkit.core.errors import InvalidInput, NotFound
from tests.fakes.knowledge import WITH_VECTORS, Family, scope, texts

SECRET = "The merger with Zebra is called Operation Quartz."
ACCESS = {"roles": ["board"], "groups": ["legal"], "subjects": ["alice"]}
OUTSIDERS = [scope("member"), scope("member", groups=["sales"]), scope("member", owner="bob"), scope()]
INSIDERS = [scope("board"), scope("member", groups=["legal", "sales"]), scope("member", owner="alice")]


@pytest.fixture(params=["words", "vectors"])
def family(request, tmp_path):
    made = Family(tmp_path, **({"notes": WITH_VECTORS} if request.param == "vectors" else {}))
    made.add(SECRET, title="Quartz", access=ACCESS, metadata={"codename": "quartz", "year": 2031, "team": "a"})
    made.add("Zebras live in herds.", title="Animals", metadata={"year": 2020, "team": "a"})
    yield made
    made.database.close()


@pytest.mark.parametrize("who", INSIDERS)
def test_anyone_who_is_named_finds_it(family, who):
    assert SECRET in texts(family.search("merger quartz", who=who))


@pytest.mark.parametrize("who", OUTSIDERS)
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"team": "a"},
        {"year": {"gte": 0}},
        {"year": {"ne": 1}},
        {"team": ["a", "b"]},
        {"title": {"contains": "u"}},
        {"title": {"empty": False}},
        {"team": {"ne": "nothing"}},
    ],
    ids=str,
)
def test_nobody_else_does_whatever_the_filter(family, who, filters):
    for query in ("merger", "zebra", "Operation Quartz", "Quartz"):
        answer = family.search(query, who=who, filters=filters, top_k=50)
        shown = json.dumps([answer.variables, answer.notices], default=str).lower()
        assert "quartz" not in shown.replace(query.lower(), "")
        assert "notes:1" not in shown
        assert SECRET not in texts(answer)


@pytest.mark.parametrize("who", OUTSIDERS)
def test_its_fields_are_not_named_in_errors(family, who):
    with pytest.raises(InvalidInput) as caught:
        family.search("zebra", who=who, filters={"codenam": "x"})
    assert "codename" not in caught.value.as_text()


@pytest.mark.parametrize("who", OUTSIDERS)
def test_it_is_not_counted_among_what_the_filters_took_away(family, who):
    answer = family.search("merger operation quartz zebra", who=who, filters={"team": "nobody"})
    counted = [notice for notice in answer.notices if "passages fit" in notice]
    assert counted == [notice for notice in counted if notice.startswith("1 passages fit")]


@pytest.mark.parametrize("who", OUTSIDERS)
def test_it_can_be_neither_replaced_nor_removed_nor_told_from_one_that_is_not_there(family, who):
    errors = []
    for document in ("notes:1", "notes:4711"):
        with pytest.raises(NotFound) as caught:
            family.remove(document=document, who=who)
        errors.append(caught.value.as_text().replace(document, "X"))
        with pytest.raises(NotFound) as caught:
            family.add("Mine.", document=document, who=who)
        errors.append(caught.value.as_text().replace(document, "X"))
    assert errors[:2] == errors[2:]
    assert family.remove(filters={"team": "a"}, who=who).variables["removed"] == 1
    assert SECRET in texts(family.search("merger", who=INSIDERS[0]))


def test_the_same_text_added_by_somebody_else_is_their_own_document(family):
    (added,) = family.add(SECRET, title="Quartz", who=scope("member")).variables["documents"]
    assert added["status"] == "added"
    assert not family.add("Other.", title="Quartz", who=scope("guest")).notices or added["id"] != "notes:1"
    assert SECRET in texts(family.search("merger", who=scope("member")))


def test_a_title_that_cannot_be_seen_is_not_mentioned(family):
    assert family.add("Other.", title="Quartz", who=scope("member")).notices == ()


def test_vectors_made_for_it_are_not_counted_to_anybody_else(tmp_path):
    family = Family(tmp_path, notes=WITH_VECTORS)
    family.host.down = True
    family.add(SECRET, access=ACCESS)
    report = family.add("Zebras live in herds.").variables["report"]
    assert report["vectors_missing"] == 1
    family.host.down = False
    report = family.add("Zebras live in herds.").variables["report"]
    assert (report["vectors"], report["vectors_missing"]) == (1, 0)
    assert SECRET in texts(family.search("merger", who=INSIDERS[0], mode="hybrid"))
    family.database.close()


def test_whoever_locks_themselves_out_is_told(family):
    assert "yourself" in " ".join(family.add("Mine.", access={"roles": ["board"]}).notices)


NAMES = st.sampled_from(["a", "b", "c"])
LISTS = st.fixed_dictionaries({}, optional={kind: st.lists(NAMES, max_size=2) for kind in ("roles", "groups", "subjects")})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists=st.lists(LISTS, min_size=1, max_size=5), roles=st.sets(NAMES), groups=st.sets(NAMES), owner=st.none() | NAMES)
def test_the_search_admits_exactly_whom_the_list_admits(tmp_path_factory, lists, roles, groups, owner):
    family = Family(tmp_path_factory.mktemp("access"))
    who = scope(*(roles or {"nobody"}), groups=groups, owner=owner)
    reader = Reader(roles=who.roles, groups=who.groups, subject=who.owner)
    expected = set()
    for number, names in enumerate(lists):
        named = any(names.values())
        text = f"Document number {number}."
        family.add(text, access=names if named else None)
        access = parse_access(names) if named else Access()
        if access.admits(reader):
            expected.add(text)
    assert set(texts(family.search("document number", who=who, top_k=50))) == expected
    family.database.close()


@pytest.mark.parametrize(
    ("given", "taught"),
    [
        ({}, "nobody"),
        ({"roles": []}, "nobody"),
        ({"roles": [" "]}, "nobody"),
        ({"role": ["a"]}, "Did you mean 'roles'"),
        ({"roles": [1]}, "list of at most"),
        ({"roles": {"a": 1}}, "list of at most"),
        ({"roles": ["a"] * 201}, "list of at most 200"),
        ({"everyone": True}, "roles, groups and subjects"),
    ],
)
def test_a_list_that_cannot_be_meant_teaches(given, taught):
    with pytest.raises(InvalidInput) as caught:
        parse_access(given)
    assert taught in caught.value.as_text()


def test_a_single_name_is_a_list_of_one():
    assert parse_access({"roles": "a"}) == parse_access({"roles": ["a", "a "]})


def test_a_base_of_documents_of_others_answers_as_an_empty_one(tmp_path):
    family = Family(tmp_path, notes=WITH_VECTORS)

    def answers():
        removed = family.remove(filters={"cost": 1}, who=scope("member"))
        found = [family.search("automobile", who=scope("member"), mode=mode) for mode in ("auto", "hybrid")]
        return [(answer.notices, answer.partial, answer.variables) for answer in (removed, *found)]

    empty = answers()
    family.add("A secret automobile.", who=scope("board"), access={"roles": ["board"]}, metadata={"cost": 1})
    family.host.down = True
    assert answers() == empty
    family.database.close()
