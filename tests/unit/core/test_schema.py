"""Shapes take what people and models write, refuse the rest in words that teach, and never break."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faas_toolkit.core.errors import Failure, InvalidInput, TooLarge
from faas_toolkit.core.schema import MAX_LIST_ITEMS, MAX_WHOLE_NUMBER, Parameter, Shape
from faas_toolkit.core.untrusted import (
    MAX_JSON_BYTES,
    json_size,
    nearest,
    parse_json,
    printable,
    require_clean_text,
    require_clean_value,
)
from faas_toolkit.core.upload import Upload

ENDLESS = 10**5_000
ENDLESS_ONE = pytest.param(ENDLESS, id="endless")
NEGATIVE = pytest.param(-ENDLESS, id="negative")


def check(given, type_="string", **rules):
    return Shape((Parameter(name="p", type=type_, **rules),)).check({"p": given})["p"]


def refusal(given, type_="string", **rules):
    with pytest.raises(InvalidInput) as caught:
        check(given, type_, **rules)
    assert len(caught.value.as_text()) < 600
    assert "p" in caught.value.message
    return caught.value.message


def nested(levels, inner="x"):
    for _ in range(levels):
        inner = [inner]
    return inner


class Hostile:
    def __repr__(self):
        raise RuntimeError("no")


# --- the shape as a whole

LOOKUP = Shape(
    (
        Parameter(name="query", required=True, example="ana"),
        Parameter(name="entity", type="select", options=("any", "person"), default="any"),
        Parameter(name="limit", type="integer", minimum=1, maximum=50, default=5),
        Parameter(name="filters", type="object", example='{"stage": "won"}'),
    )
)


def test_defaults_are_filled_in_and_every_value_has_its_type():
    assert LOOKUP.check({"query": " ana ", "limit": "7"}) == {"query": "ana", "entity": "any", "limit": 7, "filters": None}


@pytest.mark.parametrize("empty", [None, "", "  ", "\n"])
def test_an_empty_value_is_an_absent_one(empty):
    assert LOOKUP.check({"query": "ana", "limit": empty, "entity": empty}) == LOOKUP.check({"query": "ana"})


def test_all_problems_are_named_at_once_with_an_example():
    with pytest.raises(InvalidInput) as caught:
        LOOKUP.check({"limit": 99, "entity": "persn", "filter": "{}"})
    for part in ("did you mean 'filters'", "query is required", "Did you mean 'person'", "from 1 to 50"):
        assert part in caught.value.message
    assert caught.value.hint == 'Example: query=ana, filters={"stage": "won"}.'


def test_an_unknown_parameter_is_answered_with_the_known_ones():
    with pytest.raises(InvalidInput, match="the parameters are query, entity, limit, filters"):
        LOOKUP.check({"query": "a", "zzz": 1})
    with pytest.raises(InvalidInput, match="the parameters are none"):
        Shape().check({"zzz": 1})


def test_a_hundred_thousand_unknown_parameters_make_a_short_answer():
    with pytest.raises(InvalidInput, match="99,995 more") as caught:
        LOOKUP.check({"query": "a"} | {f"k{n}": n for n in range(100_000)})
    assert len(caught.value.message) < 1_000


@pytest.mark.parametrize("name", ["\ud800", "\0", "x" * 1_000_000, 7, None, (1, 2)])
def test_a_hostile_name_is_shown_short_and_clean(name):
    with pytest.raises(InvalidInput) as caught:
        LOOKUP.check({"query": "a", name: 1})
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 200


def test_names_are_listed_in_order():
    assert LOOKUP.names() == ("query", "entity", "limit", "filters")


JSON_LIKE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.builds(lambda: ENDLESS)
    | st.floats()
    | st.text()
    | st.text(alphabet='\ud800\0{}[]",:1eN\n` ', max_size=20)
    | st.binary(max_size=5)
    | st.builds(Hostile)
    | st.builds(lambda: nested(2_000)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
        | st.sets(st.text(max_size=3))
    ),
    max_leaves=8,
)
EVERY_TYPE = Shape(
    tuple(
        Parameter(
            name=type_, type=type_, options=("a", "b") if type_ == "select" else (), minimum=0 if type_ == "number" else None
        )
        for type_ in ("string", "integer", "number", "boolean", "select", "list", "object", "value")
    )
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from([*EVERY_TYPE.names(), "unknown"]), JSON_LIKE))
def test_whatever_comes_is_taken_or_refused_by_a_failure_that_can_be_shown(arguments):
    try:
        checked = EVERY_TYPE.check(arguments)
    except Failure as failure:
        shown = failure.as_text()
    else:
        shown = json.dumps(checked, allow_nan=False, ensure_ascii=False)
        assert set(checked) == set(EVERY_TYPE.names())
    assert shown.encode()
    assert len(shown) < 3_000


@given(st.dictionaries(st.sampled_from(EVERY_TYPE.names()), JSON_LIKE))
def test_what_was_checked_passes_again_unchanged(arguments):
    arguments.pop("value", None)  # a text there is JSON to be read, so reading it twice is something else
    try:
        checked = EVERY_TYPE.check(arguments)
    except Failure:
        return
    assert EVERY_TYPE.check(checked) == checked


@pytest.mark.parametrize("type_", EVERY_TYPE.names())
@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "a\0b",
        "x" * 1_000_000,
        ENDLESS_ONE,
        NEGATIVE,
        float("nan"),
        float("inf"),
        nested(100_000),
        {"a": nested(100)},
        Hostile(),
        b"x",
        {1},
        lambda: 1,
    ],
    ids=lambda value: type(value).__name__,
)
def test_hostile_values_are_refused_by_the_tree(type_, value):
    with pytest.raises((InvalidInput, TooLarge)):
        EVERY_TYPE.check({type_: value})


# --- one type after the other


@pytest.mark.parametrize(("value", "text"), [(" ana ", "ana"), (42, "42"), (4.5, "4.5"), (-1, "-1"), ("客户", "客户")])
def test_a_string(value, text):
    assert check(value) == text


@pytest.mark.parametrize("value", [True, [], {}, ["a"], b"a", Hostile()])
def test_what_is_no_string(value):
    assert "must be a text" in refusal(value)


def test_a_text_above_its_bound_is_too_large():
    assert check("x" * 10, max_chars=10)
    with pytest.raises(TooLarge, match="p has 11 characters; at most 10 are taken"):
        check("x" * 11, max_chars=10)


@pytest.mark.parametrize(
    ("type_", "value"), [("string", ""), ("list", ","), ("list", []), ("list", "[]"), ("object", ""), ("integer", None)]
)
def test_required_means_not_empty(type_, value):
    assert refusal(value, type_, required=True) == "p is required and is empty."


@pytest.mark.parametrize(
    ("value", "number"), [(3, 3), ("3", 3), (" 3.5 ", 3.5), (3.0, 3.0), ("1e3", 1000), ("-2", -2), (0, 0), (0.0, 0)]
)
def test_a_number(value, number):
    assert check(value, "number") == number


@pytest.mark.parametrize(
    "value", ["abc", "1,000", True, [], {}, "nan", "inf", float("nan"), ENDLESS_ONE, "1" * 41, "\ud800", "1\0", Hostile()]
)
def test_what_is_no_number(value):
    assert "must be a number" in refusal(value, "number")


@pytest.mark.parametrize("value", [3, "3", 3.0, "3.0", MAX_WHOLE_NUMBER])
def test_a_whole_number_is_an_int(value):
    assert type(check(value, "integer")) is int


@pytest.mark.parametrize("value", [3.5, "3.5", MAX_WHOLE_NUMBER + 1, 1e300])
def test_what_is_no_whole_number_that_every_reader_keeps(value):
    assert "must be a whole number" in refusal(value, "integer")


@pytest.mark.parametrize(
    ("rules", "text"),
    [({"minimum": 1, "maximum": 50}, "from 1 to 50"), ({"minimum": 1}, "of at least 1"), ({"maximum": -1}, "of at most -1"),
     ({"minimum": 1_000_000, "maximum": 2e6}, "from 1000000 to 2000000")],
)  # fmt: skip
def test_bounds_are_told(rules, text):
    assert text in refusal(0, "number", **rules)
    assert check(rules.get("minimum", rules.get("maximum")), "number", **rules) == rules.get("minimum", rules.get("maximum"))


@pytest.mark.parametrize("value", [True, "true", "YES", " on ", "1", 1, "y"])
def test_true(value):
    assert check(value, "boolean") is True


@pytest.mark.parametrize("value", [False, "false", "No", "off", "0", 0, "n"])
def test_false(value):
    assert check(value, "boolean") is False


@pytest.mark.parametrize("value", ["maybe", 2, -1, 1.0, [], ENDLESS_ONE, "\ud800"])
def test_neither_true_nor_false(value):
    assert "must be true or false" in refusal(value, "boolean")


def test_a_select_takes_its_options_in_any_case():
    assert check(" Person ", "select", options=("any", "person")) == "person"
    assert "one of any, person, got 'persn'. Did you mean 'person'?" in refusal("persn", "select", options=("any", "person"))
    assert "Did you mean" not in refusal(7, "select", options=("any", "person"))


@pytest.mark.parametrize("value", ["a, b,,a ", '["a", "b"]', ["a", " b "], ("a", "b"), "a，b", "a、b"])
def test_a_list_is_written_in_many_ways(value):
    assert check(value, "list") == ("a", "b")


@pytest.mark.parametrize("value", [7, True, {}, [1], ["a", None], '["a", 1]', {"a"}])
def test_what_is_no_list_of_names(value):
    assert "must be a comma list of names" in refusal(value, "list")


def test_a_list_of_options_takes_only_those_once():
    assert check("Deals,deals,TICKETS", "list", options=("deals", "tickets")) == ("deals", "tickets")
    assert "p takes deals, tickets; 'people' is none of them." in refusal("deals,people", "list", options=("deals", "tickets"))


def test_a_list_has_a_bound_in_items_and_in_their_length():
    with pytest.raises(TooLarge, match="1,001 items"):
        check(["a"] * (MAX_LIST_ITEMS + 1), "list")
    with pytest.raises(TooLarge, match="201 characters"):
        check(["x" * 201], "list")


@pytest.mark.parametrize(
    "value",
    ['{"a": [1, "x", null, true, 1.5]}', {"a": [1, "x", None, True, 1.5]}, '```json\n{"a": [1, "x", null, true, 1.5]}\n```'],
)
def test_an_object_comes_as_text_or_as_itself(value):
    assert check(value, "object") == {"a": [1, "x", None, True, 1.5]}


@pytest.mark.parametrize("value", ["[1]", "7", '"a"', [1], 7, True])
def test_what_is_no_object_is_answered_with_an_example(value):
    text = refusal(value, "object", example='{"a": 1}')
    assert "must be a JSON object" in text
    assert 'Example: {"a": 1}' in text


def test_broken_json_is_answered_with_its_place():
    assert "line 2, column 3" in refusal("{\n  a: 1}", "object")


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", '{"a": -Infinity}', "[" * 500_000, "1" * 5_000, '"\\ud800"', '{"\\ud800": 1}', '"\\u0000"']
)
def test_json_that_cannot_be_used_is_refused(text):
    refusal(text, "value")


@pytest.mark.parametrize(("text", "value"), [("7", 7), ('"a"', "a"), ("[1]", [1]), ("true", True)])
def test_a_value_is_any_json(text, value):
    assert check(text, "value") == value


def test_json_is_bounded_in_bytes():
    assert check({"a": "客" * 300_000}, "object")
    for large in ({"a": "客" * 340_000}, json.dumps({"a": "客" * 340_000}, ensure_ascii=False), "{" + " " * MAX_JSON_BYTES + "}"):
        with pytest.raises(TooLarge):
            check(large, "object")


def test_files_are_taken_as_the_host_hands_them_on():
    file = Upload(name="a.txt")
    assert check(file, "file") is file
    assert check([file], "files") == (file,)
    assert check([file, None], "files") == (file,)


@pytest.mark.parametrize("unset", [None, [], [None]])
def test_an_unset_variable_of_files_is_no_file(unset):
    assert not check(unset, "files")
    assert not check(unset, "file")


@pytest.mark.parametrize("forged", ["a.txt", {"url": "https://a.example"}, [Upload(name="a"), "b"], 7])
def test_what_is_no_file_is_refused_as_one(forged):
    with pytest.raises(InvalidInput, match="files that the app hands on"):
        check(forged, "files")


def test_files_are_bounded_in_number():
    with pytest.raises(InvalidInput, match="at most 20"):
        check([Upload(name="a")] * 21, "files")


# --- values from outside


def test_a_value_is_clean_to_64_levels():
    require_clean_value(nested(64), "it")
    with pytest.raises(InvalidInput, match="deeper than 64 levels"):
        require_clean_value(nested(65), "it")


def test_a_value_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(InvalidInput, match="levels"):
        require_clean_value(loop, "it")


def test_a_small_value_that_unfolds_to_billions_is_refused_in_time():
    wide = ["x"]
    for _ in range(40):
        wide = [wide, wide]
    with pytest.raises(TooLarge, match="more than a million values"):
        require_clean_value(wide, "it")


@pytest.mark.parametrize(
    ("value", "text"),
    [({1: "a"}, "not a text"), ({None: 1}, "not a text"), ({"a\0": 1}, "null character"),
     pytest.param([ENDLESS], "300 digits", id="endless"), ([{1}], "a set"), ([math.nan], "holds nan")],
)  # fmt: skip
def test_what_json_cannot_say_is_named(value, text):
    with pytest.raises(InvalidInput, match=text):
        require_clean_value(value, "it")


def test_a_lone_surrogate_is_named_with_its_place():
    with pytest.raises(InvalidInput, match=r"U\+D800\) at position 2"):
        require_clean_text("ab\ud800", "it", 10)


@pytest.mark.parametrize(
    "value", [None, "a\nb\0\ud800" * 100, ENDLESS_ONE, nested(100_000), Hostile(), {"a": "b" * 1_000}, b"\xff"]
)
def test_whatever_is_shown_is_short_and_printable(value):
    shown = printable(value)
    assert shown.isprintable()
    assert 0 < len(shown) <= 61


def test_the_nearest_name_is_offered_only_when_near():
    assert nearest("crm_lokup", ["crm_lookup", "diagnose"]) == "crm_lookup"
    assert nearest("zzz", ["crm_lookup"]) is None
    assert nearest("x" * 1_000_000, ["crm_lookup"]) is None


def test_the_size_of_json_counts_bytes_and_leaves_out_what_is_no_json():
    assert json_size({"a": "客"}) == len('{"a":"客"}'.encode())
    assert json_size({"f": object()}) == len('{"f":null}')
    assert json_size("\ud800") == 5


@given(st.text())
def test_any_text_is_json_or_refused(text):
    try:
        parse_json(text, "it")
    except (InvalidInput, TooLarge) as failure:
        assert failure.message  # noqa: PT017 - either is right
