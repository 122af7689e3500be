"""Who may call: the setting, and the key that a request shows."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.call import ApiClient
from faas_toolkit.core.errors import Failure, InvalidInput, Unauthenticated, Unavailable
from faas_toolkit.gateway.clients import identify, parse_clients

KEY, OTHER = "a" * 24, "b" * 24
SETTING = json.dumps({"agent": {"key": KEY, "role": "member"}, "report": {"key": OTHER, "role": "reader"}})


@pytest.mark.parametrize(("key", "name", "role"), [(KEY, "agent", "member"), (OTHER, "report", "reader")])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_is_its_client_s(scheme, key, name, role):
    assert identify(f"{scheme} {key}", parse_clients(SETTING)) == ApiClient(name=name, role=role)


@pytest.mark.parametrize(
    "shown", ["", KEY, "Bearer", "Bearer ", f"Basic {KEY}", f"Bearer {KEY}x", "Bearer \ud800", f"Bearer {KEY[:-1]}"]
)
def test_anything_else_is_nobody_s(shown):
    with pytest.raises(Unauthenticated) as refused:
        identify(shown, parse_clients(SETTING))
    assert KEY not in refused.value.as_text()
    assert "Authorization: Bearer" in refused.value.as_text()


@given(st.text(max_size=60))
def test_no_made_up_header_is_let_in(shown):
    with pytest.raises(Unauthenticated):
        identify(shown, parse_clients(SETTING))


def test_a_name_or_a_role_of_another_language_is_fine():
    found = parse_clients(json.dumps({"客服 机器人": {"key": KEY, "role": "成员"}}, ensure_ascii=False))
    assert found[0].client == ApiClient(name="客服 机器人", role="成员")


@pytest.mark.parametrize("nothing", [None, ""])
def test_nobody_configured_says_how(nothing):
    with pytest.raises(Unavailable, match="No client may call"):
        parse_clients(nothing)


@pytest.mark.parametrize(
    "setting",
    [
        5,
        "agent",
        "[]",
        "{}",
        '{"agent": "key"}',
        json.dumps({"agent": {"key": KEY}}),
        json.dumps({"agent": {"key": KEY, "role": ""}}),
        json.dumps({"agent": {"key": KEY, "role": 5}}),
        json.dumps({"agent": {"key": KEY, "role": "r", "more": 1}}),
        json.dumps({"agent": {"key": "short", "role": "r"}}),
        json.dumps({"agent": {"key": "with blanks " * 3, "role": "r"}}),
        json.dumps({"agent": {"key": "é" * 24, "role": "r"}}),
        json.dumps({" ": {"key": KEY, "role": "r"}}),
        json.dumps({"a\nb": {"key": KEY, "role": "r"}}),
        json.dumps({"one": {"key": KEY, "role": "r"}, "two": {"key": KEY, "role": "s"}}),
        json.dumps({str(n): {"key": f"{n:024}", "role": "r"} for n in range(201)}),
    ],
)
def test_a_wrong_setting_is_named_and_shows_no_key(setting):
    with pytest.raises(InvalidInput) as refused:
        parse_clients(setting)
    assert "clients" in refused.value.message
    assert KEY not in refused.value.as_text()
    assert "short" not in refused.value.message


@given(st.text(max_size=200))
def test_any_text_as_the_setting_is_refused_in_words(setting):
    try:
        parse_clients(setting)
    except Failure as failure:
        failure.as_text().encode()


def test_a_key_is_not_in_what_is_kept():
    assert KEY not in repr(parse_clients(SETTING))
