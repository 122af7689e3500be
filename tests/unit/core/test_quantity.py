"""Durations and amounts as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.quantity import parse_amount, parse_duration, parse_money

ENDLESS = [pytest.param(10**5_000, id="endless"), pytest.param(-(10**5_000), id="endlessly negative")]
HOSTILE = [
    "",
    " ",
    "-1",
    "1e3",
    "1,000",
    "0x10",
    "٣",
    "1_0",
    "five",
    "\ud800",
    "\0",
    None,
    True,
    False,
    [],
    {},
    float("nan"),
    float("inf"),
    -5,
]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("5s", 5), ("800ms", 0.8), ("5m", 300), ("1h", 3600), ("180d", 180 * 86_400), ("1.5h", 5400), (" 10 s ", 10),
     ("30", 30), (30, 30), (0.5, 0.5), (0, 0)],
)  # fmt: skip
def test_a_duration_is_read_in_seconds(written, seconds):
    assert parse_duration(written) == pytest.approx(seconds)


def test_a_bare_number_counts_in_the_unit_of_its_place():
    assert parse_duration("500", bare_unit="ms") == parse_duration(500, bare_unit="ms") == 0.5
    assert parse_duration("5s", bare_unit="ms") == 5


@pytest.mark.parametrize("written", [*HOSTILE, "5 weeks", "5S", "s", ".5s", "5s5", "99999d", *ENDLESS, "9" * 500])
def test_what_is_no_duration_is_refused_with_an_example(written):
    with pytest.raises(ValueError, match="30s"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "amount"),
    [("200", 200), (200, 200), (5.0, 5), ("100k", 100_000), ("2M", 2_000_000), ("1.5k", 1_500), ("1.1k", 1_100),
     ("3 G", 3 * 10**9),
     ("1000000G", 10**15)],
)  # fmt: skip
def test_an_amount_is_read_exactly(written, amount):
    assert parse_amount(written) == amount
    assert type(parse_amount(written)) is int


@pytest.mark.parametrize("written", [*HOSTILE, 0, "0", 1.5, "1.5", "0.0001k", "2m", "2K", "1000001G", *ENDLESS, "9" * 500, 1e300])
def test_what_is_no_amount_is_refused_in_words_that_teach(written):
    with pytest.raises(ValueError, match="amount") as caught:
        parse_amount(written)
    assert len(str(caught.value)) < 200


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.binary()))
def test_anything_else_than_a_quantity_is_a_value_error(value):
    for parse in (parse_duration, parse_amount):
        try:
            assert parse(value) >= 0
        except ValueError as error:
            assert str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    ("written", "millionths"),
    [(50, 50_000_000), ("0.5", 500_000), (0.1, 100_000), ("2k", 2_000_000_000), ("0.000001", 1), ("1000M", 10**15)],
)
def test_money_is_read_in_millionths(written, millionths):
    assert parse_money(written) == millionths


@pytest.mark.parametrize("written", [*HOSTILE, *ENDLESS, 0, "0", "0.0000001", "1001M", 1e300])
def test_what_is_no_money_is_taught(written):
    with pytest.raises(ValueError, match="amount"):
        parse_money(written)
