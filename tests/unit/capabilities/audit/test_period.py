"""Moments as people write them."""

import pytest

from faas_toolkit.capabilities.audit.period import as_time, moment
from faas_toolkit.core.errors import InvalidInput

NOW = 1_795_000_000.0  # 2026-11-18T11:06:40Z


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", NOW - 86_400),
        (" 7d ", NOW - 7 * 86_400),
        ("1.5h", NOW - 5_400),
        ("0s", NOW),
        ("2026-11-18", NOW - 40_000),
        ("2026-11-18T11:06:40Z", NOW),
        ("2026-11-18T11:06:40", NOW),
        ("2026-11-18 19:06:40+08:00", NOW),
    ],
)
def test_what_can_be_meant_is_understood(text, expected):
    assert moment(text, "since", NOW) == expected


def test_a_day_can_be_meant_to_its_end():
    assert moment("2026-11-18", "until", NOW, whole_day=True) == NOW - 40_000 + 86_400
    assert moment("2026-11-18T00:00", "until", NOW, whole_day=True) == NOW - 40_000


@pytest.mark.parametrize(
    "text",
    ["", "24", "-3h", "yesterday", "nan", "inf", "1e3h", "2026-02-30", "26-11-18", "2026-11-18T25:00", "9999999999d", "٢٤h"],
)
def test_anything_else_teaches(text):
    with pytest.raises(InvalidInput, match="since must be") as caught:
        moment(text, "since", NOW)
    assert "since=24h" in caught.value.hint


def test_the_first_and_the_last_year_are_no_fault():
    assert moment("0001-01-01", "since", NOW) < 0
    assert moment("9999-12-31T23:59:59-23:59", "until", NOW) > NOW


@pytest.mark.parametrize(("seconds", "told"), [(NOW, "2026-11-18T11:06:40Z"), (1e300, "1e+300"), (None, "None")])
def test_a_moment_is_told_in_utc_and_what_is_none_as_it_is(seconds, told):
    assert as_time(seconds) == told
