"""Text becomes terms that compare equal however it was typed."""

import subprocess
import sys

import pytest

from faas_toolkit.search.analysis import fold, is_chinese, question_terms, required_terms, terms, trigrams, words
from faas_toolkit.search.pinyin import readings, sound, syllables


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("JOÃO", "joao"),
        ("Müller-Straße", "muller-strasse"),
        ("ＡＢＣ１２", "abc12"),
        ("Łódź Ørsted", "lodz orsted"),
        ("ガス", "ガス"),
        ("ｶﾞｽ", "ガス"),
        ("e\u0301", "e"),
    ],
)
def test_folding_keeps_the_letters_and_loses_how_they_were_typed(typed, folded):
    assert fold(typed) == folded


def test_a_voiced_kana_stays_another_letter_than_the_plain_one():
    assert fold("ガ") != fold("カ")


def test_text_without_spaces_is_indexed_by_characters_and_pairs():
    assert terms("张伟明") == ["张", "伟", "明", "张伟", "伟明"]


def test_a_query_asks_for_the_pairs_that_imply_the_characters():
    assert required_terms("张伟明") == ["张伟", "伟明"]
    assert required_terms("伟") == ["伟"]


def test_words_of_many_scripts_stay_whole():
    assert words("João d'Ávila नमस्ते שָׁלוֹם naïve_test") == ["joao", "d", "avila", "नमस्ते", "שָׁלוֹם", "naive", "test"]


@pytest.mark.parametrize("text", ["", "   ", '" * ( ) NEAR', "🙂🙂", "\u202e\u200f", "'; DROP TABLE--"])
def test_terms_never_hold_what_a_query_language_could_take_as_its_own(text):
    assert all(term.isalnum() for term in terms(text))


def test_a_huge_word_is_cut():
    assert [len(term) for term in terms("a" * 2_000)] == [64]


def test_trigrams_mark_where_a_word_begins_and_ends():
    assert trigrams("Ana Lu") == ["^an", "ana", "na$", "^lu", "lu$"]


def test_a_name_with_kana_is_not_read_as_chinese():
    assert is_chinese("田中")
    assert not is_chinese("田中ひろし")
    assert syllables("田中ひろし") == ()


def test_a_surname_has_its_own_reading_beside_the_everyday_one():
    assert readings("曾国藩") == (("zeng", "guo", "fan"), ("ceng", "guo", "fan"))
    assert readings("张伟") == (("zhang", "wei"),)
    assert readings("Maria") == ()


@pytest.mark.parametrize("typed", ["Lǚ Bù", "lv bu", "lu-bu", "Lü Bu", "LUBU"])
def test_typed_pinyin_sounds_like_the_computed_one(typed):
    assert sound(typed) == "".join(syllables("吕布"))


def test_pypinyin_is_loaded_only_when_chinese_appears():
    program = (
        "import sys\n"
        "from faas_toolkit.search.pinyin import readings\n"
        "readings('Maria Silva'); readings('ひろし')\n"
        "assert 'pypinyin' not in sys.modules\n"
        "readings('张伟')\n"
        "assert 'pypinyin' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_question_is_searched_by_the_words_that_say_something():
    assert question_terms("How long can goods be returned?") == ["long", "goods", "returned"]
    assert question_terms("退货 of the 退货") == ["退", "货", "退货"]


def test_a_question_of_nothing_but_small_words_is_searched_by_them():
    assert question_terms("To be or not to be") == ["to", "be", "or", "not"]
    assert question_terms("?!") == []
