import pytest

from workbench.facts import facts_in, numbers_in


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,234.5 and 36 %", [1234.5, 36]),
        ("1 234", [1234]),
        ("about 1.2 million", [1_200_000]),
        ("40k, 3M", [40_000, 3_000_000]),
        ("none", []),
        ("deal:317 and ISO-9001", []),
        ("a 0.36.", [0.36]),
    ],
)
def test_numbers_are_read_as_people_write_them(text, numbers):
    assert numbers_in(text) == pytest.approx(numbers)


def paths(answer, data, known=""):
    return [fact.path for fact in facts_in(answer, data, known)]


def test_a_fact_names_where_it_stood():
    data = {"records": [{"name": "Aurora", "deals": [{"title": "Renewal", "amount": 45_000.0}]}]}
    assert paths("The Renewal is worth 45,000.00 USD.", data) == ["records[0].deals[0].title", "records[0].deals[0].amount"]


def test_what_the_question_said_proves_nothing():
    assert paths("Aurora has 300.", {"name": "Aurora", "n": 300}, known="Is Aurora at 300?") == []


def test_a_score_may_be_written_as_a_percentage_and_rounded():
    assert paths("about 36 %", {"score": 0.3612}) == ["score"]
    assert paths("about 40 %", {"score": 0.3612}) == []


@pytest.mark.parametrize("value", [0, 1, 3, True, False, None])
def test_small_whole_numbers_flags_and_nothing_prove_nothing(value):
    assert paths("0 1 3 True None", {"value": value}) == []


def test_a_short_text_proves_nothing():
    assert paths("It is a won deal", {"state": "won"}) == []
