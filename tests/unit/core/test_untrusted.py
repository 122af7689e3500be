"""What others say in words is shown short, and its cut leaves nothing half."""

import pytest

from faas_toolkit.core.untrusted import shortened


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
