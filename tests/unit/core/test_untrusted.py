"""What others say in words is shown short, and its cut leaves nothing half; what they send as JSON is looked at whole."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.errors import Failure, InvalidInput
from faas_toolkit.core.untrusted import cut_short, parse_json, require_clean_value, shortened


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


json_texts = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
    ).map(json.dumps),
    st.sampled_from(
        [
            '"\\u0000"',
            '{"\\ud800": 1}',
            '["\\ud83d\\ude00"]',
            '["\\\\u0000"]',
            "1e999",
            "[-1e400]",
            "9" * 400,
            "9" * 308,
            "[" * 64 + "]" * 64,
            "[" * 65 + "]" * 65,
            "[" * 66 + "]" * 66,
        ]
    ),
)


@given(json_texts)
def test_parsed_json_is_taken_exactly_where_its_values_are(text):
    try:
        value = json.loads(text)
        require_clean_value(value, "it")
    except (Failure, ValueError):
        with pytest.raises(InvalidInput):
            parse_json(text, "it")
    else:
        assert parse_json(text, "it") == value


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
