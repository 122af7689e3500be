"""Filters are checked before any source is asked, and teach what would be right."""

import pytest

from faas_toolkit.capabilities.crm.fields import ENTITIES
from faas_toolkit.capabilities.crm.filters import Condition, parse_filters
from faas_toolkit.core.errors import InvalidInput

NOTHING = frozenset()


def parse(filters, entities=ENTITIES, hidden=NOTHING):
    return parse_filters(filters, entities, hidden)


@pytest.mark.parametrize(
    ("filters", "conditions"),
    [
        ({"stage": "won"}, [Condition("stage", "eq", "won")]),
        ({"stage": ["won", "lost"]}, [Condition("stage", "in", ("won", "lost"))]),
        ({"stage": None}, [Condition("stage", "empty", value=True)]),
        ({"amount": {"gte": 5, "lt": "10.5"}}, [Condition("amount", "gte", 5), Condition("amount", "lt", 10.5)]),
        ({"close_date": {"lt": "2026-12-31T10:00:00Z"}}, [Condition("close_date", "lt", "2026-12-31")]),
        ({"open": "True"}, [Condition("open", "eq", value=True)]),
        ({"company": 7}, [Condition("company", "eq", "7")]),
    ],
)
def test_values_get_the_type_of_their_field(filters, conditions):
    assert list(parse(filters, ("deal",))[0]) == conditions


def test_only_entities_with_all_the_fields_are_asked():
    assert parse({"open": True})[1] == ("deal", "ticket")
    assert parse({"open": True, "stage": "won"})[1] == ("deal",)
    assert parse({})[1] == ENTITIES


@pytest.mark.parametrize(
    ("filters", "entities", "taught"),
    [
        ({"stagee": "won"}, ("deal",), "Did you mean 'stage'"),
        ({"colour": "red"}, ("deal",), "amount, close_date"),
        ({"priority": "high"}, ("deal",), "entity=ticket"),
        ({"stage": "won", "priority": "high"}, ENTITIES, "stage: deal; priority: ticket"),
        ({"amount": {"greater": 1}}, ("deal",), "eq, ne, in, gt, gte"),
        ({"amount": {"gtee": 1}}, ("deal",), "Did you mean 'gte'"),
        ({"amount": "a lot"}, ("deal",), "must be a number"),
        ({"amount": True}, ("deal",), "must be a number"),
        ({"amount": 10**20}, ("deal",), "10^15"),
        ({"amount": {}}, ("deal",), "is empty"),
        ({"stage": {"gt": "won"}}, ("deal",), "has no order"),
        ({"amount": {"contains": 1}}, ("deal",), "is no text"),
        ({"stage": {"in": "won"}}, ("deal",), "takes a list"),
        ({"stage": []}, ("deal",), "takes a list"),
        ({"stage": ["x"] * 101}, ("deal",), "1 to 100"),
        ({"stage": {"eq": {"a": 1}}}, ("deal",), "must be a text"),
        ({"stage": "  "}, ("deal",), "must be a text"),
        ({"close_date": "tomorrow"}, ("deal",), "YYYY-MM-DD"),
        ({"close_date": "2026-13-01"}, ("deal",), "YYYY-MM-DD"),
        ({"open": "maybe"}, ("deal",), "true or false"),
        ({f"f{n}": 1 for n in range(21)}, ("deal",), "at most 20"),
        ({"": 1}, ("deal",), "the fields are"),
        ({"x" * 10_000: 1}, ("deal",), "the fields are"),
    ],
)
def test_what_makes_no_sense_is_answered_by_what_would(filters, entities, taught):
    with pytest.raises(InvalidInput) as caught:
        parse(filters, entities)
    assert taught in caught.value.as_text()
    assert len(caught.value.as_text()) < 900


def test_a_hidden_field_is_an_unknown_one():
    said = []
    for name in ("phone", "phxyz"):
        with pytest.raises(InvalidInput) as caught:
            parse({name: "1"}, ("person",), frozenset({"person.phone", "company.phone"}))
        said.append(caught.value.message.partition(" Did you mean")[0].replace(name, "…"))
    assert said[0] == said[1]
    assert "phone" not in said[0]


def test_who_may_not_see_a_name_filters_by_id_only():
    hidden = frozenset({"company.name"})
    assert parse({"company": "company:7"}, ("deal",), hidden)[0]
    with pytest.raises(InvalidInput, match="takes ids only"):
        parse({"company": "Acme"}, ("deal",), hidden)
    with pytest.raises(InvalidInput, match="takes ids only"):
        parse({"company": {"contains": "A"}}, ("deal",), hidden)


@pytest.mark.parametrize("asked", ["x" * 501, {"contains": "x" * 50_000}, {"in": ["x", "y" * 1_000_000]}])
def test_a_value_longer_than_any_field_is_refused(asked):
    with pytest.raises(InvalidInput, match="at most 500"):
        parse_filters({"name": asked}, ("person",), frozenset())
