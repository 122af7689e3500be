"""One ranking from several."""

import pytest

from faas_toolkit.search.fusion import fuse


def test_what_stands_first_everywhere_has_the_score_one():
    assert fuse([["a", "b"], ["a", "c"]])[0] == ("a", 1.0)


def test_two_middling_places_beat_one_first_place():
    assert [item for item, _ in fuse([["a", "b"], ["c", "b"]])] == ["b", "a", "c"]


def test_ties_go_to_what_was_met_first():
    assert [item for item, _ in fuse([["a"], ["b"]])] == ["a", "b"]


@pytest.mark.parametrize("rankings", [[], [[]], [[], []]])
def test_nothing_makes_nothing(rankings):
    assert fuse(rankings) == []
