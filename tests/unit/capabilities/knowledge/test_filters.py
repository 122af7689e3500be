"""Filters mean what they say, whatever the values; wrong ones teach."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faas_toolkit.capabilities.knowledge.filters import Condition, parse_filters
from faas_toolkit.capabilities.knowledge.metadata import parse_metadata
from faas_toolkit.core.errors import Failure, InvalidInput, TooLarge
from faas_toolkit.core.filters import OPERATORS
from faas_toolkit.search.analysis import fold
from tests.fakes.knowledge import Family, texts

METADATA = [
    {"team": "Support", "year": 2024, "tags": ["refund", "EU"], "public": True, "due": "2026-01-15"},
    {"team": "sales", "year": 2026, "tags": ["offer"], "public": False, "due": "2026-03-01"},
    {"team": "Südwest", "year": 2025.5},
    {},
]


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    made = Family(tmp_path_factory.mktemp("filters"))
    for number, metadata in enumerate(METADATA):
        made.add(f"Document {number}", metadata=metadata)
    yield made
    made.database.close()


def found(family, filters):
    return sorted(int(text.split()[1]) for text in texts(family.search("document", filters=filters, top_k=50)))


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"team": "support"}, [0]),
        ({"team": "SUDWEST"}, [2]),
        ({"Team": "sales"}, [1]),
        ({"team": ["sales", "support"]}, [0, 1]),
        ({"team": {"ne": "sales"}}, [0, 2, 3]),
        ({"team": {"contains": "UP"}}, [0]),
        ({"team": {"contains": "%"}}, []),
        ({"team": {"contains": "_"}}, []),
        ({"team": None}, [3]),
        ({"team": {"empty": False}}, [0, 1, 2]),
        ({"year": 2024}, [0]),
        ({"year": "2024"}, [0]),
        ({"year": {"gt": 2024}}, [1, 2]),
        ({"year": {"gte": 2024, "lt": 2026}}, [0, 2]),
        ({"year": {"lte": "2025.5"}}, [0, 2]),
        ({"tags": "eu"}, [0]),
        ({"tags": {"contains": "fun"}}, [0]),
        ({"year": {"contains": 2024}}, [0]),
        ({"year": {"contains": 202}}, [0, 1, 2]),
        ({"public": {"contains": True}}, [0]),
        ({"tags": {"ne": "refund"}}, [1, 2, 3]),
        ({"tags": "refund", "year": 2024}, [0]),
        ({"tags": "refund", "year": 2026}, []),
        ({"public": True}, [0]),
        ({"public": {"ne": True}}, [1, 2, 3]),
        ({"due": {"lt": "2026-02-01"}}, [0]),
        ({"due": {"gte": "2026-03-01"}}, [1]),
        ({"kind": "text"}, [0, 1, 2, 3]),
        ({"title": "document 2"}, [2]),
        ({"team": "' OR 1=1 --"}, []),
    ],
    ids=str,
)
def test_every_filter_means_what_it_says(family, filters, expected):
    assert found(family, filters) == expected


@pytest.mark.parametrize(
    ("filters", "taught"),
    [
        ({"year": {"above": 1}}, "the operators are"),
        ({"year": {"contain": "a"}}, "Did you mean 'contains'"),
        ({"year": {}}, "empty"),
        ({"year": []}, "1 to 100"),
        ({"year": [1] * 101}, "1 to 100"),
        ({"year": {"in": "a"}}, "list"),
        ({"year": {"gt": True}}, "no order"),
        ({"year": {"gt": {}}}, "number"),
        ({"year": {"empty": "yes"}}, "true or false"),
        ({"year": " "}, "must be a text"),
        ({"year": 1e15}, "10^15"),
        ({"year": "x" * 1_001}, "1,000"),
        ({" ": 1}, "no name"),
        ({"x" * 101: 1}, "no name"),
        ({f"f{n}": 1 for n in range(21)}, "at most 20"),
    ],
)
def test_a_filter_that_cannot_be_meant_teaches(filters, taught):
    with pytest.raises((InvalidInput, TooLarge)) as caught:
        parse_filters(filters)
    assert taught in caught.value.as_text()


SCALARS = st.one_of(
    st.text(alphabet="abAB É%_'é1", min_size=1, max_size=4).filter(str.strip),
    st.integers(-5, 5),
    st.floats(-5, 5, allow_nan=False),
    st.booleans(),
)
VALUES = SCALARS | st.lists(SCALARS, min_size=1, max_size=3)


def held(metadata, condition):
    """The same in Python."""
    values = metadata.get(condition.field, [])
    values = [value for value in (values if isinstance(values, list) else [values]) if value != ""]
    match condition.operator:
        case "empty":
            return (not values) == condition.value
        case "eq" | "in":
            wanted = condition.value if isinstance(condition.value, tuple) else (condition.value,)
            return any(equal(value, each) for value in values for each in wanted)
        case "ne":
            return not any(equal(value, condition.value) for value in values)
        case "contains":
            return any(fold(condition.value) in shown(value) for value in values)
    return any(ordered(condition.operator, value, condition.value) for value in values)


def shown(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return fold(str(int(value) if isinstance(value, float) and value.is_integer() else value).strip())


def number(value):
    try:
        return None if isinstance(value, bool) else float(value)
    except ValueError:
        return None


def equal(value, wanted):
    both = number(value), number(wanted)
    return shown(value) == shown(wanted) or (None not in both and both[0] == both[1])


def ordered(operator, value, wanted):
    if number(wanted) is not None:
        left, right = number(value), number(wanted)
        if left is None:
            return False
    else:
        left, right = shown(value).encode(), shown(wanted).encode()
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[operator]


@st.composite
def conditions(draw):
    operator = draw(st.sampled_from(OPERATORS))
    value = {
        "empty": st.booleans(),
        "in": st.lists(SCALARS, min_size=1, max_size=3),
        "contains": st.text(alphabet="aB%_é1", min_size=1, max_size=2),
    }.get(operator, SCALARS if operator in ("eq", "ne") else SCALARS.filter(lambda value: not isinstance(value, bool)))
    return {operator: draw(value)}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=st.lists(st.fixed_dictionaries({}, optional={"f": VALUES}), min_size=1, max_size=4), asked=conditions())
def test_the_store_and_python_agree_on_every_filter(tmp_path_factory, stored, asked):
    family = Family(tmp_path_factory.mktemp("agree"))
    family.add("Document of everything.", metadata={"f": "so that the field is known"})
    for position, metadata in enumerate(stored):
        family.add(f"Document {position}.", metadata=metadata)
    (condition,) = parse_filters({"f": asked})
    expected = {f"Document {position}." for position, metadata in enumerate(stored) if held(parse_metadata(metadata), condition)}
    answer = texts(family.search("document", filters={"f": asked}, top_k=50))
    assert {text for text in answer if "everything" not in text} == expected, condition
    family.database.close()


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filters=st.dictionaries(st.text(max_size=10) | st.sampled_from(["team", "year"]), HOSTILE, max_size=4))
def test_any_object_is_a_filter_or_an_error_that_teaches(family, filters):
    assert outcome(lambda: found(family, filters)) in ["invalid_input", "too_large", *map(sorted, subsets(range(4)))]


def outcome(work):
    """What came of it: the result, or the kind of the failure."""
    try:
        return work()
    except Failure as failure:
        return failure.kind


def subsets(items):
    items = list(items)
    return [[item for at, item in enumerate(items) if mask >> at & 1] for mask in range(1 << len(items))]


@pytest.mark.parametrize(
    ("metadata", "taught"),
    [
        ({"a": {"b": 1}}, "list of these"),
        ({"a": [[1]]}, "list of these"),
        ({"a": float("nan")}, "list of these"),
        ({"": 1}, "no name"),
        ({"a": "x" * 3_000}, "2,000"),
        ({f"f{n}": 1 for n in range(51)}, "50 fields"),
        ({"a": ["x" * 300] * 100}, "20,000 bytes"),
        ({"a": list(range(101))}, "100 items"),
    ],
)
def test_metadata_that_cannot_be_kept_teaches(metadata, taught):
    with pytest.raises((InvalidInput, TooLarge)) as caught:
        parse_metadata(metadata)
    assert taught in caught.value.as_text()


def test_what_is_empty_is_left_out():
    assert parse_metadata({"a": None, "b": "", "c": [], "d": 0, "e": False}) == {"d": 0, "e": False}
    assert parse_metadata(None) is None


def test_a_plain_value_a_list_and_nothing_are_short_forms():
    assert parse_filters({"a": 1, "b": ["x"], "c": None}) == (
        Condition("a", "eq", 1.0),
        Condition("b", "in", ("x",)),
        Condition("c", "empty", value=True),
    )
