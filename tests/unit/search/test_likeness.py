"""How alike two names are."""

import pytest

from faas_toolkit.search.likeness import alike_in_sound, alike_in_writing


def test_the_same_words_in_any_order_are_wholly_alike():
    assert alike_in_writing(["silva", "maria"], "maria silva") == 1.0


@pytest.mark.parametrize(
    "typed", [["maira", "silva"], ["maria", "slva"], ["mariasilva"], ["amria", "silva"], ["maria", "silvaa"]]
)
def test_a_slip_leaves_them_more_alike_than_another_name_with_a_word_in_common(typed):
    assert alike_in_writing(typed, "maria silva") > 0.85 > alike_in_writing(typed, "maria conceicao")


def test_words_beside_the_name_cost_little():
    assert alike_in_writing(["maria", "silva", "of", "acme"], "maria silva") > 0.8


def test_names_with_nothing_in_common_are_not_alike():
    assert alike_in_writing(["bob"], "maria") == 0.0
    assert alike_in_writing([], "maria") == alike_in_writing(["maria"], "") == 0.0


def test_of_several_spellings_the_best_counts():
    assert alike_in_sound(["weizhang", "zhangwei"], "zhangwei") == 1.0
    assert alike_in_sound([], "zhangwei") == 0.0
