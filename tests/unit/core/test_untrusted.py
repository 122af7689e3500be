"""What others say in words is shown short, and its cut leaves nothing half."""

import pytest

from faas_toolkit.core.untrusted import cut_short, shortened


def test_what_is_short_is_shown_whole_on_one_line():
    assert shortened(" no\n such \t mailbox\0 ", 40) == "no such mailbox�"
    assert shortened({"code": 7}, 40) == "{'code': 7}"
    assert shortened("", 40) == ""


@pytest.mark.parametrize(
    "tail", ["zhang.wei@example.com", "ｚｈａｎｇ＠ｅｘａｍｐｌｅ", "+86 138 1234 5678", "(010) 1234-5678", "sk-0a9b8c7d6e5f"]
)
@pytest.mark.parametrize("words", ["write to ", "请写信给"])
def test_a_cut_leaves_no_half_address_number_or_key(words, tail):
    assert {shortened(words + tail, len(words) + left) for left in range(1, len(tail))} == {words.rstrip() + " …"}


def test_a_text_without_spaces_is_cut_where_its_script_allows_it():
    assert shortened("没有空格的长句子" * 10, 20) == ("没有空格的长句子" * 3)[:20] + " …"


@pytest.mark.parametrize(
    "tail", ["zhang.wei@example.com", "ｚｈａｎｇ＠ｅｘａｍｐｌｅ", "+86 138 1234 5678", "4111 1111 1111 1111", "493-86-0916"]
)
@pytest.mark.parametrize("words", ["write to ", "请写信给"])
def test_what_is_cut_before_it_is_masked_holds_no_half_value(words, tail):
    for left in range(1, len(tail)):
        shown = cut_short(f"{words}{tail} and more", len(words) + left)
        assert shown == words.rstrip() + "…"
        assert len(shown) <= len(words) + left


def test_what_fits_is_not_cut_and_an_endless_word_is():
    assert cut_short("fits", 4) == "fits"
    assert cut_short("x" * 1_000, 500) == "x" * 499 + "…"
    assert cut_short("", 0) == ""
