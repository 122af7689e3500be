import base64

import pytest

from faas_toolkit.dify.settings import SettingInvalid, parse_settings

KEY, OLD = (base64.b64encode(letter * 32).decode() for letter in (b"k", b"o"))


def test_nothing_filled_in_means_the_defaults():
    settings = parse_settings({})
    assert (settings.catalog, settings.secrets, settings.encryption_key, settings.identity_keys) == ("", (), (), "")
    assert settings.default_role == "member"


def test_empty_and_unknown_fields_change_nothing_so_the_runtime_is_shared():
    assert parse_settings({"catalog": "", "secrets": None, "later_field": {"a": 1}}) is parse_settings({})


@pytest.mark.parametrize("text", ['{"b": "two", "a": "one"}', "{b: two, a: one}"])
def test_secrets_are_taken_as_json_and_as_flow_yaml(text):
    assert parse_settings({"secrets": text}).secrets == (("a", "one"), ("b", "two"))


def test_an_unquoted_number_is_a_secret_with_just_these_digits():
    assert parse_settings({"secrets": "{pin: 0123}"}).secrets == (("pin", "0123"),)


def test_secrets_and_keys_do_not_show_in_a_representation():
    settings = parse_settings({"secrets": '{"a": "hidden value"}', "encryption_key": KEY, "identity_keys": "hidden too"})
    assert "hidden" not in repr(settings)
    assert "kkk" not in repr(settings)


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        (KEY, [("key", b"k" * 32)]),
        (f"2026:{KEY}", [("2026", b"k" * 32)]),
        (f" new : {KEY} ,\told:{OLD}", [("new", b"k" * 32), ("old", b"o" * 32)]),
        (f"stored,old:{OLD}", [("stored", b""), ("old", b"o" * 32)]),
        ("stored", [("stored", b"")]),
    ],
)
def test_encryption_keys_stand_in_their_order_under_their_ids(written, keys):
    assert [(named.id, named.key) for named in parse_settings({"encryption_key": written}).encryption_key] == keys


@pytest.mark.parametrize(
    ("credentials", "taught"),
    [
        ({"secrets": "not json"}, "one JSON object"),
        ({"secrets": "[1]"}, "one JSON object"),
        ({"secrets": '{"a": [1]}'}, "object of texts"),
        ({"secrets": '{"a": "1", "a": "2"}'}, "each name once"),
        ({"secrets": "{a: b"}, "neither JSON nor flow YAML"),
        ({"encryption_key": "short"}, "32 bytes"),
        ({"encryption_key": "no base64 !!"}, "openssl rand"),
        ({"encryption_key": f"new:{KEY},old:short"}, "'old' is not"),
        ({"encryption_key": f"{KEY},old:{OLD}"}, "one of them has no id"),
        ({"encryption_key": f"new:{KEY},"}, "one of them has no id"),
        ({"encryption_key": f"k:{KEY},k:{OLD}"}, "'k' twice"),
        ({"encryption_key": "stored,stored"}, "'stored' twice"),
        ({"encryption_key": f"new:{KEY},old:{KEY}"}, "one key under two ids, 'new' and 'old'"),
        ({"encryption_key": f":{KEY}"}, "letters, digits"),
        ({"encryption_key": f"a b:{KEY}"}, "letters, digits"),
        ({"encryption_key": f"{'i' * 33}:{KEY}"}, "letters, digits"),
        ({"encryption_key": f"stored:{KEY}"}, "not `stored`"),
        ({"catalog": 7}, "'catalog' must be a text"),
        ({"catalog": "x" * 1_000_001}, "1,000,000"),
        ({"catalog": "a\0b"}, "null character"),
        ({"default_role": "a\ud800"}, "surrogate"),
    ],
)
def test_what_cannot_be_used_names_its_field_and_what_would_be_right(credentials, taught):
    with pytest.raises(SettingInvalid) as failure:
        parse_settings(credentials)
    assert taught in failure.value.as_text()
    assert next(iter(credentials)) in failure.value.as_text()


def test_a_broken_secrets_field_is_not_quoted():
    with pytest.raises(SettingInvalid) as failure:
        parse_settings({"secrets": '{"a": "hidden value", '})
    assert "hidden" not in failure.value.as_text()
    assert failure.value.__cause__ is None


@pytest.mark.parametrize("written", [f"a b:{KEY}", f"k:{KEY},k:{OLD}", f"new:{KEY},old:{KEY}", f"{KEY},{OLD}", f"new:{KEY}x"])
def test_a_broken_list_of_keys_quotes_no_key(written):
    with pytest.raises(SettingInvalid) as failure:
        parse_settings({"encryption_key": written})
    assert KEY not in failure.value.as_text()
    assert OLD not in failure.value.as_text()
    assert failure.value.__cause__ is None
