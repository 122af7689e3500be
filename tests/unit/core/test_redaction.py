"""Secrets are gone wherever they stand; personal data is shown in part."""

import json
from base64 import b64encode, urlsafe_b64encode
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.redaction import (
    DETECTORS,
    SECRET_MARK,
    Found,
    SecretRedactor,
    find_personal_data,
    mask_partially,
    mask_text,
)

BOTH = ("email", "phone")


def test_a_secret_is_gone_wherever_it_stands():
    redact = SecretRedactor(["open-sesame", "second secret"])
    assert redact("x=open-sesame; open-sesame, second secret") == f"x={SECRET_MARK}; {SECRET_MARK}, {SECRET_MARK}"


def test_the_longer_of_two_secrets_goes_first():
    assert SecretRedactor(["sesame", "sesame-street"])("sesame-street sesame") == f"{SECRET_MARK} {SECRET_MARK}"


@pytest.mark.parametrize("secret", ['pa"ss\\word\n1', "pass word/ü&x=1", "密码密码密码一", "a.b*c(d"])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda s: json.dumps(s)[1:-1],
        lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
        quote,
        quote_plus,
        lambda s: quote(s, safe=""),
    ],
)
def test_a_secret_is_gone_also_as_json_and_urls_spell_it(secret, spell):
    assert SecretRedactor([secret])(f"<{spell(secret)}>") == f"<{SECRET_MARK}>"


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode, lambda text: quote(b64encode(text), safe="").encode()])
@pytest.mark.parametrize(
    "secret",
    ["sesame", "open-sesame", "pass word/ü&x=1", "密码密码密码", "~~~???>>>", "a secret of forty-three characters, or more"],
)
def test_a_secret_is_gone_from_base64_at_every_alignment(secret, encode):
    redact = SecretRedactor([secret])
    for before in range(7):
        for after in range(4):
            text = encode(b"u" * before + secret.encode() + b"v" * after).decode()
            shown = redact(f"Basic {text};")
            assert shown.count(SECRET_MARK) == 1
            assert len(shown) <= len(f"Basic {text};") - len(secret.encode()) * 4 // 3 + len(SECRET_MARK) + 3
            assert shown.startswith(f"Basic {text[: before * 4 // 3]}")


def test_what_is_no_secret_in_base64_stays():
    text = b64encode(b"an ordinary text without it").decode()
    assert SecretRedactor(["open-sesame"])(text) == text


def test_short_secrets_are_left_since_they_would_spoil_ordinary_text():
    assert SecretRedactor(["a", "user", ""])("a user said") == "a user said"


def test_without_secrets_the_text_is_itself():
    text = "nothing here"
    assert SecretRedactor([])(text) is text


def test_half_characters_in_a_secret_or_text_break_nothing():
    assert SecretRedactor(["secret\ud800"])("a secret\ud800 \udfff") == f"a {SECRET_MARK} \udfff"


@given(st.text(min_size=6), st.text(), st.text())
def test_no_text_keeps_a_secret(secret, before, after):
    redacted = SecretRedactor([secret])(before + secret + after)
    assert secret not in redacted.replace(SECRET_MARK, "") or secret in (before + after) or secret in SECRET_MARK * 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("zhang.wei@example.com", "z***@example.com"),
        ("ab@example.com", "***@example.com"),
        ("a@example.com", "***@example.com"),
        ("用户@例子.中国", "***@例子.中国"),
        ("+86 138 1234 5678", "+86 *** **** **78"),
        ("(+86)13812345678", "(+86)*********78"),
        ("138-1234-5678", "***-****-**78"),
        ("０９０－１２３４－５６７８", "***－****－**７８"),
        ("(415) 555-0132", "(***) ***-**32"),
        ("mail a@example.com or call 138-1234-5678 now", "mail ***@example.com or call ***-****-**78 now"),
        ("zhang.wei＠example.com", "z***＠example.com"),
        ("?to=zhang%40example.com", "?to=z***%40example.com"),
        ("zhang&#64;example.com", "z***&#64;example.com"),
        ("nothing", "nothing"),
        ("", ""),
    ],
)
def test_what_is_masked_in_part_still_helps_to_recognise(text, masked):
    assert mask_text(text, BOTH) == masked


def test_only_the_named_detectors_look():
    assert mask_text("abc@example.com 138-1234-5678", ["phone"]) == "abc@example.com ***-****-**78"
    assert mask_text("abc@example.com", []) == "abc@example.com"


def test_of_two_findings_at_one_place_the_longer_stands():
    assert [(found.detector, found.text) for found in find_personal_data("13812345678@qq.com", BOTH)] == [
        ("email", "13812345678@qq.com")
    ]


def test_the_field_s_name_helps():
    assert find_personal_data("4155550132", BOTH) == []
    assert find_personal_data("4155550132", BOTH, "phone")[0].text == "4155550132"


@given(st.text(alphabet="ab@.c om1234567890-+() 电話", max_size=80))
def test_what_is_masked_keeps_its_length_of_words_and_shows_no_more(text):
    masked = mask_text(text, BOTH)
    assert mask_text(masked, ["email"]) == masked
    for found in find_personal_data(text, BOTH):
        assert mask_partially(found) in masked
        assert mask_partially(found) != found.text


def test_a_word_list_is_no_secret_and_a_long_key_is_one():
    assert not SecretRedactor(["word, " * 100_000])
    key = "0123456789abcdef" * 1_000
    assert SecretRedactor([key])(f"a {key} b") == f"a {SECRET_MARK} b"


def test_a_secret_is_removed_from_every_text_of_a_value_and_nothing_else_changes():
    value = {"a": ["x hidden-value y", {"hidden-value": 1}], "n": 3, "none": None}
    assert SecretRedactor(["hidden-value"]).value(value) == {"a": ["x [secret] y", {"[secret]": 1}], "n": 3, "none": None}
    assert SecretRedactor([]).value(value) is value


def test_the_beginning_of_a_text_holds_no_half_secret_at_its_cut():
    redact = SecretRedactor(["a hidden value", "another one"])
    for before in range(40):
        text = "." * before + "a hidden value" * 20
        beginning = redact.beginning(text, 40)
        assert len(beginning) <= 40
        assert "a hid" not in beginning
        assert redact(text).startswith(beginning)
    assert redact.beginning("short", 40) == "short"
    long = "0123456789" * 4
    for before in range(10):
        assert "0123" not in SecretRedactor([long]).beginning("." * before + long * 2, 20)
    assert SecretRedactor([]).beginning("abc", 2) == "ab"


@pytest.mark.parametrize(
    "value",
    [
        "an ordinary text. " * 100_000,
        "hidden-value" * 100_000,
        ["hidden-value"] * 20_000,
        {f"hidden-value {number}": number for number in range(20_000)},
        list(range(100_000)),
    ],
    ids=["long", "full of secrets", "many texts", "many keys", "numbers"],
)
def test_a_large_value_gives_way_while_it_is_looked_through(value):
    turns = []
    redacted = SecretRedactor([f"hidden-value{end}" for end in ("", "-1", "-2")], lambda: turns.append(1)).value(value)
    assert len(turns) >= 3
    assert "hidden" not in str(redacted)


def test_a_text_is_redacted_without_giving_way_since_it_may_be_written_down_while_a_call_ends():
    def give_way():
        raise AssertionError

    redact = SecretRedactor(["hidden-value"], give_way)
    redact("hidden-value " * 100_000)
    redact.beginning("hidden-value " * 100_000, 4_000)


def test_a_mark_is_not_looked_through_again():
    assert SecretRedactor(["secret-one", "secret"])("secret-one secret") == "[secret] [secret]"


def test_two_keys_that_become_one_lose_no_value():
    value = {"a hidden-value": 1, "[secret]": 2, "hidden-value": 3, "a other-value": 4}
    redacted = SecretRedactor(["hidden-value", "other-value"]).value(value)
    assert redacted == {"a [secret]": 1, "[secret]": 2, "[secret] (2)": 3, "a [secret] (2)": 4}


def cut_up(text, cuts):
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(places)]


@given(st.text("abcx", max_size=40), st.lists(st.integers(0, 1_000), max_size=8))
def test_a_text_in_pieces_shows_what_the_whole_text_would_show(text, cuts):
    redact = SecretRedactor(["abcabc", "abcabcxx", "bcxabc"])
    assert "".join(redact.pieces(cut_up(text, cuts))) == redact(text)


def test_secrets_that_overlap_in_a_chain_are_cut_nowhere():
    redact = SecretRedactor(["xxxaaaa", "aaaabc", "bcdefgh"])
    assert "".join(redact.pieces(["xxxaaaabcde", "."])) == redact("xxxaaaabcde.") == f"{SECRET_MARK}bcde."


def test_pieces_that_cannot_belong_to_a_secret_do_not_wait():
    def pieces():
        yield "hello "
        raise AssertionError("asked for more before the first was handed on")

    assert next(SecretRedactor(["open-sesame"]).pieces(pieces())) == "hello "


def test_only_the_possible_beginning_of_a_secret_waits():
    pieces = SecretRedactor(["open-sesame"]).pieces(iter(["say open", "-sesame now", " open"]))
    assert list(pieces) == ["say ", f"{SECRET_MARK} now", " ", "open"]


# --- several detectors in one place


ALL = tuple(DETECTORS)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("13812345678@qq.com", "1***@qq.com"),
        ("tel: 378282246310005", "tel: ***********0005"),
        ("https://ana:geheim1@example.com/x", "https://ana:***@example.com/x"),
        ("DE89 3704 0044 0532 0130 00", "DE** **** **** **** **30 00"),
        ("4111 1111 1111 1111", "**** **** **** 1111"),
        ("11010519491231002X", "**************002X"),
        ("123-45-6789", "***-**-6789"),
        ("My Number: 1234-5678-9018", "My Number: ****-****-**18"),
        ("password: geheim123!", "password: ***"),
    ],
)
def test_of_all_detectors_the_longest_and_surest_finding_is_shown_in_part(text, masked):
    assert mask_text(text, ALL) == masked
    assert mask_text(masked, ALL) == masked


def test_findings_that_reach_beyond_each_other_become_one_that_is_hidden_whole():
    (found,) = find_personal_data(
        "0612345678@x 06123", [], known=[Found("phone", 0, 10, "0612345678"), Found("secret", 5, 12, "45678@x")]
    )
    assert (found.detector, found.start, found.end, found.whole) == ("secret", 0, 12, False)
    assert found.text == "0612345678@x"
    assert mask_partially(found) == "***"


def test_a_password_in_what_looks_like_an_address_is_found_as_a_password_only():
    text = "https://ana:geheim1@example.com"
    assert [(found.detector, found.text) for found in find_personal_data(text, ALL)] == [("secret", "geheim1")]
    assert [found.detector for found in find_personal_data(text, BOTH)] == ["email"]


@given(st.text(alphabet="ab@.:/c om1234567890-+() 电话DEXkey=", max_size=80))
def test_no_text_breaks_the_choice_between_findings(text):
    masked = mask_text(text, ALL)
    assert mask_text(masked, [name for name in ALL if name != "secret"]).count("@") == masked.count("@")


@pytest.mark.parametrize("value", ["13812345678", "4111 1111 1111 1111", "123-45-6789", "11010519491231002X", "ana@example.com"])
@pytest.mark.parametrize("escape", ["\\n", "\\t", "\\r\\n", "\n", "\\u7535\\u8bdd", "%3A", "%0A", "%20", "%22"])
def test_what_stands_behind_a_line_break_as_json_spells_it_is_found(value, escape):
    (found,) = find_personal_data(f"first line{escape}{value}{escape}next line", ALL)
    assert found.text == value


def test_a_password_in_an_address_is_found_as_json_spells_it():
    assert mask_text(r'{"url":"postgres:\/\/app:geheim1@db.example.com\/x"}', ALL) == (
        r'{"url":"postgres:\/\/app:***@db.example.com\/x"}'
    )


def test_labels_are_read_in_json_inside_json():
    text = json.dumps(json.dumps({"whatsapp": "467733064", "password": "geheim123!"}))
    assert [found.text for found in find_personal_data(text, ALL)] == ["467733064", "geheim123!"]


def test_a_value_is_found_in_a_text_of_several_lines_in_json():
    text = json.dumps({"a": 'x\n13812345678\t"ana@example.com"'})
    assert mask_text(text, ALL) == json.dumps({"a": 'x\n*********78\t"a***@example.com"'})
