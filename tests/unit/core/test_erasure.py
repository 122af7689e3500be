"""Who is meant by what: recognised as they are written, and nobody else taken for them."""

import unicodedata

import pytest

from faas_toolkit.core.erasure import Person

MARIA = Person(
    given="person:1",
    records=("person:1",),
    emails=("Maria.Silva@acme.example",),
    phones=("+44 20 7946 0123", "555 0100"),
    names=("Maria da Silva", "张伟", "Jo"),
)
NAMESAKE = Person(
    given="m@x.example",
    names=("Maria da Silva",),
    phones=("+44 20 7946 0123",),
    shared=frozenset({"Maria da Silva", "+44 20 7946 0123"}),
)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Ask maria.silva@ACME.example today", "Ask [erased] today"),
        ("MARIA  DA\nSILVA came", "[erased] came"),
        ("客户张伟说", "客户[erased]说"),
        ("call +44 (0)20 7946-0123 or 020 7946 0123", "call [erased] or [erased]"),
        ("call 442079460123!", "call [erased]!"),
        ("555-0100; (555) 0100", "[erased]; ([erased]"),
        ("see person:1.", "see [erased]."),
        ("Dr.Maria da Silva, maria.silva@acme.example.", "Dr.[erased], [erased]."),
        ("0044 20 7946 0123 and 0044207946-0123", "[erased] and [erased]"),
        ("+1 555 0100", "[erased]"),
        ("+44\u00a020\u20117946\u20130123；好", "[erased]；好"),
        ("（＋４４）20 7946 0123", "（[erased]"),
        ("Ｍａｒｉａ da Sil\u00adva, ｍaria.silva＠acme.example。", "[erased], [erased]。"),
        ("客户张\u200b伟说", "客户[erased]说"),
        ("call 020 79\n46 0123", "call [erased]"),
        ("maria\nda\n\nsilva", "[erased]"),
    ],
)
def test_a_person_is_taken_out_however_they_are_written(text, left):
    assert MARIA.taken_out_of(text) == left
    assert MARIA.is_named_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "person:12",
        "Annamaria da Silva",
        "Maria da Silvas",
        "xmaria.silva@acme.example",
        "maria.silva@acme.examples",
        "4420794601234",
        "1555 01009",
        "John Johnson met Jo",
        "Maria Silva",
        "Maria da Silva-Costa",
        "Ana-Maria da Silva",
        "x.maria.silva@acme.example",
        "maria.silva@acme.example.net",
        "+1 212 555 0100",
        "212-555-0100",
    ],
)
def test_nobody_else_is_taken_for_them(text):
    assert MARIA.taken_out_of(text) == text
    assert not MARIA.is_named_in(text)


def test_a_shared_name_or_number_means_them_only_where_something_hangs_on_them():
    text = "Maria da Silva, +44 20 7946 0123"
    assert not NAMESAKE.is_named_in(text)
    assert NAMESAKE.taken_out_of(text) == text
    assert NAMESAKE.taken_out_of(text, linked=True) == "[erased], [erased]"
    assert not NAMESAKE.is_meant_by("Maria da Silva")


@pytest.mark.parametrize("value", ["person:1", " MARIA.SILVA@acme.example ", "maria da silva", "02079460123", "张伟"])
def test_a_whole_value_is_the_person(value):
    assert MARIA.is_meant_by(value)


@pytest.mark.parametrize("value", ["", "person:12", "mail maria.silva@acme.example", "7946 0123", "Silva"])
def test_a_value_that_only_holds_them_is_not(value):
    assert not MARIA.is_meant_by(value)


@pytest.mark.parametrize("given", ["(", "a|b*[", "\\", "\ud800\ud800", ".*.*", "+" * 320])
def test_whatever_is_given_is_taken_literally(given):
    person = Person(given=given, emails=(f"{given}@x.example",), names=(given * 4,), phones=(given, "+", "0000000000"))
    assert person.taken_out_of("abcd (efgh) 12345678 \\d") == "abcd (efgh) 12345678 \\d"
    assert person.is_meant_by(given)
    assert person.taken_out_of(f"to {given}@x.example!") == "to [erased]!"


@pytest.mark.parametrize("name", ["José Núñez", "김철수님", "Anna-Lena Straße", "がくと たなか"])
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
def test_a_name_is_found_in_every_form_of_its_letters(name, form):
    person = Person(given="x", names=(unicodedata.normalize("NFC", name),))
    text = f"“{unicodedata.normalize(form, name)}”, é."
    assert person.taken_out_of(text) == "“[erased]”, é."
    assert person.is_meant_by(unicodedata.normalize(form, name.upper()))


def test_an_accent_makes_another_name():
    assert not Person(given="x", names=("Jose",)).is_named_in(unicodedata.normalize("NFD", "José"))


def test_a_shared_name_or_number_is_known_in_every_form():
    assert NAMESAKE.is_shared("MARIA DA SILVA")
    assert NAMESAKE.is_shared("020 7946-0123")
    assert not NAMESAKE.is_shared("020 7946-0124")
