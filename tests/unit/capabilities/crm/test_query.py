"""What a caller typed becomes the keys it may be."""

import pytest

from faas_toolkit.capabilities.crm.query import (
    Query,
    email_domain,
    name_key,
    name_keys_of_query,
    phone_digits,
    registrable_domain,
    same_phone,
    sounds_of_query,
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("person:42", (("person", "42"),)),
        (" Person: 42 ", (("person", "42"),)),
        ("person:42, company:7;deal:1", (("person", "42"), ("company", "7"), ("deal", "1"))),
        ("person:42 person:42", (("person", "42"),)),
        ("planet:42", ()),
        ("who is person:42?", ()),
        ("person:", ()),
    ],
)
def test_a_query_of_nothing_but_ids_is_taken_as_ids(text, ids):
    assert Query(text).ids == ids


@pytest.mark.parametrize(
    ("text", "emails"),
    [
        ("Maria.Silva@Acme.Example", ("maria.silva@acme.example",)),
        ("mail of Maria <m+x@a.example>, please", ("m+x@a.example",)),
        ("a@b.example or c@d.example", ("a@b.example", "c@d.example")),
        ("@acme", ()),
        ("maria at acme.example", ()),
    ],
)
def test_every_address_in_a_query_is_seen(text, emails):
    assert Query(text).emails == emails


@pytest.mark.parametrize(
    "text", ["+44 20 7946 0123", "(020) 7946-0123", "+86-138-0000-1234", "０２０ ７９４６ ０１２３", "123456"]
)
def test_a_phone_number_is_recognised_however_it_is_written(text):
    assert Query(text).phone


@pytest.mark.parametrize("text", ["2026-11-24", "24", "12345", "order 4711 0815", "1.5", "", "+", "2026.11.24"])
def test_other_numbers_are_no_phone_numbers(text):
    assert Query(text).phone == ""


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("442079460123", "02079460123", True),
        ("442079460123", "2079460123", True),
        ("442079460123", "442079460124", False),
        ("460123", "442079460123", True),
        ("60123", "442079460123", False),
        ("", "442079460123", False),
    ],
)
def test_a_number_is_the_same_with_and_without_its_country_code(left, right, same):
    assert same_phone(left, right) is same


def test_an_extension_is_no_part_of_a_number():
    assert phone_digits("+44 20 7946 0123 ext. 5") == phone_digits("+44 20 7946 0123 #5") == "442079460123"


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("mail.acme.com.br", "acme.com.br"),
        ("acme.example", "acme.example"),
        ("www.a.b.acme.example", "acme.example"),
        ("x.acme.co.uk", "acme.co.uk"),
        ("com.br", "com.br"),
    ],
)
def test_the_domain_is_what_somebody_registered(host, domain):
    assert registrable_domain(host) == domain
    assert email_domain(f"me@{host}") == domain


@pytest.mark.parametrize("text", ["acme.example", "https://www.acme.example/contact?x=1", "WWW.ACME.EXAMPLE."])
def test_a_web_address_is_taken_as_its_domain(text):
    assert Query(text).domain == "acme.example"


@pytest.mark.parametrize("text", ["acme", "acme example", "v1.2", "a..b", "https://", "1.5"])
def test_other_texts_are_no_domains(text):
    assert Query(text).domain == ""


@pytest.mark.parametrize("name", ["Maria da Silva", "Silva, Maria da", "SILVA DA MARIA", "silva   maria   da"])
def test_a_name_is_the_same_in_any_order_of_its_parts(name):
    assert name_key(name) == "da maria silva"


def test_a_name_without_spaces_is_found_with_its_parts_exchanged():
    assert name_key("田中 太郎") == "田中太郎"
    assert "田中太郎" in name_keys_of_query(Query("太郎 田中"))


@pytest.mark.parametrize(
    "text", ["zhang weiming", "zhang wei ming", "weiming zhang", "wei ming zhang", "ZhangWeiming", "Zhāng Wěimíng"]
)
def test_pinyin_is_the_same_however_it_is_spaced_and_ordered(text):
    assert "zhangweiming" in sounds_of_query(Query(text))


def test_a_long_or_foreign_text_spells_no_chinese_name():
    assert sounds_of_query(Query("张伟")) == ()
    assert sounds_of_query(Query("one two three four five six")) == ()
    assert sounds_of_query(Query("")) == ()
