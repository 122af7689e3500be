"""Vectors as bytes, and the nearest of them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faas_toolkit.search.vectors import dimension, nearest, pack

NUMBERS = st.integers(-40, 40).map(lambda number: number / 4)


def test_vectors_are_kept_at_length_one():
    assert nearest(pack([[3, 4]]), [(7, pack([[6, 8], [-3, -4], [4, -3]]), 3)], 3) == [
        (7, 0, pytest.approx(1)),
        (7, 2, pytest.approx(0, abs=1e-6)),
        (7, 1, pytest.approx(-1)),
    ]
    assert dimension(pack([[1, 2, 3]])) == 3


@pytest.mark.parametrize(
    "wrong", [[], [[]], [[1], [1, 2]], [[math.nan]], [[math.inf]], [["a"]], [[None]], [[10**400]], [[1e300]], [[[]]], [{}]]
)
def test_what_is_no_table_of_numbers_is_refused(wrong):
    with pytest.raises(ValueError, match=r"vectors|could not convert|inhomogeneous"):
        pack(wrong)


def test_a_vector_of_zeros_is_like_nothing():
    assert nearest(pack([[1, 0]]), [(1, pack([[0, 0]]), 1)], 1) == [(1, 0, 0.0)]


def test_vectors_of_another_length_are_passed_over():
    others = [(1, pack([[1, 0]]), 1), (2, b"", 0), (4, pack([[1, 0]] * 3), 3)]  # the last one has as many numbers as two of ours
    assert nearest(pack([[1, 0, 0]]), [*others, (3, pack([[1, 0, 0]]), 1)], 5) == [(3, 0, pytest.approx(1))]


@settings(max_examples=60, deadline=None)
@given(
    query=st.lists(NUMBERS, min_size=3, max_size=3),
    blocks=st.lists(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=4), max_size=4),
    limit=st.integers(1, 6),
)
def test_the_nearest_are_those_that_python_finds(query, blocks, limit):
    found = nearest(pack([query]), [(number, pack(block), len(block)) for number, block in enumerate(blocks)], limit)
    every = sorted((cosine(query, vector) for block in blocks for vector in block), reverse=True)
    assert [score for _, _, score in found] == pytest.approx(every[:limit], abs=1e-5)


def cosine(left, right):
    lengths = math.hypot(*left) * math.hypot(*right)
    return math.sumprod(left, right) / lengths if lengths > 1e-30 else 0.0
