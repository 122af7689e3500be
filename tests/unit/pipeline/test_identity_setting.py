"""One text field takes five forms, and says what is wrong with it without quoting it."""

import json
import re

import pytest

from faas_toolkit.catalog.load import check_text
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.pipeline.identity_claims import ClaimNames
from faas_toolkit.pipeline.identity_setting import open_verifier, parse_identity_keys
from faas_toolkit.wiring import OPERATIONS
from tests.fakes.clock import FakeClock
from tests.fakes.identity import NOW, issued, key_set, public_jwk, public_pem, secret_jwk
from tests.rules.tree import ROOT
from tests.unit.pipeline.test_identity_token import raw, refusal

SECRET = "k" * 32


def opened(setting):
    text = setting if isinstance(setting, str) else json.dumps(setting)
    return open_verifier(text, client=lambda: pytest.fail("nothing is to be fetched"), clock=FakeClock(epoch=NOW))


def refused(setting):
    with pytest.raises(InvalidInput) as caught:
        parse_identity_keys(setting if isinstance(setting, str) else json.dumps(setting))
    assert caught.value.message.startswith("Setting 'identity_keys'")
    assert caught.value.__cause__ is None
    return caught.value.as_text()


def secrets_of(setting):
    return tuple(key.material for key in parse_identity_keys(setting).keys)


def test_the_setting_holds_one_secret_or_several():
    assert secrets_of("k" * 32) == (b"k" * 32,)
    assert secrets_of(f" {'k' * 32} , {'o' * 32},{'k' * 32}, ") == (b"k" * 32, b"o" * 32)
    assert parse_identity_keys("") is parse_identity_keys(" , ") is None


def test_length_counts_in_bytes():
    assert secrets_of("密" * 11) == (("密" * 11).encode(),)


@pytest.mark.parametrize("setting", ["short", "k" * 31, f"{'k' * 32},short"])
def test_a_short_secret_is_refused_and_not_shown(setting):
    text = refused(setting)
    assert "openssl rand -hex 32" in text
    assert setting not in text


@pytest.mark.parametrize(
    ("setting", "token"),
    [
        ("k" * 32, lambda: raw({"sub": "alice", "exp": NOW + 60}, key=b"k" * 32)),
        ({"secrets": "k" * 32}, lambda: raw({"sub": "alice", "exp": NOW + 60}, key=b"k" * 32)),
        ({"secrets": ["o" * 32, "k" * 32]}, lambda: raw({"sub": "alice", "exp": NOW + 60}, key=b"k" * 32)),
        (key_set(secret_jwk(b"k" * 32)), lambda: raw({"sub": "alice", "exp": NOW + 60}, key=b"k" * 32)),
        (public_pem("RS256"), lambda: issued("RS256")),
        ({"pem": public_pem("EdDSA")}, lambda: issued("EdDSA")),
        ({"pem": [public_pem("EdDSA"), public_pem("ES256")]}, lambda: issued("ES256")),
        (key_set(public_jwk("ES256")), lambda: issued("ES256")),
        ({**key_set(public_jwk("ES256")), "published": "2026"}, lambda: issued("ES256")),
        ({"jwks": key_set(public_jwk("ES256"))}, lambda: issued("ES256")),
    ],
)
def test_each_form_checks_a_token(setting, token):
    assert opened(setting).verify(token()).subject == "alice"


def test_an_address_is_taken_by_itself_and_in_an_object_and_nothing_is_fetched_before_a_token_comes():
    for setting in ("https://id.example/jwks", {"jwks": "https://id.example/jwks"}):
        assert opened(setting) is not None
    assert parse_identity_keys("https://id.example/jwks").address == "https://id.example/jwks"


def test_issuer_and_audience_are_what_the_setting_says():
    verifier = opened({"pem": public_pem("ES256"), "issuer": "https://id.example", "audience": ["crm", "api://crm"]})
    for audience in ("crm", ["x", "api://crm"]):
        assert verifier.verify(issued("ES256", iss="https://id.example", aud=audience)).subject == "alice"
    assert "issuer" in refusal(verifier, issued("ES256", iss="https://id.example/", aud="crm"))
    assert "'crm' or 'api://crm'" in refusal(verifier, issued("ES256", iss="https://id.example"))
    shared = opened({"secrets": SECRET, "audience": "crm"})
    assert "aud" in refusal(shared, raw({"sub": "alice", "exp": NOW + 60}, key=SECRET.encode()))


@pytest.mark.parametrize(
    ("claims", "token", "expected"),
    [
        ({"roles": "realm_access.roles"}, {"realm_access": {"roles": ["seller"]}}, ("alice", ("seller",), set(), None)),
        (
            {"subject": "oid", "groups": "wids", "tenant": "tid"},
            {"oid": "o-1", "wids": ["g1"], "tid": "t-1", "roles": ["seller"]},
            ("o-1", ("seller",), {"g1"}, "t-1"),
        ),
        (
            {"roles": "https://acme.example/roles"},
            {"https://acme.example/roles": ["seller"]},
            ("alice", ("seller",), set(), None),
        ),
        ({"roles": "cognito:groups"}, {"cognito:groups": "seller buyer"}, ("alice", ("seller", "buyer"), set(), None)),
        ({"roles": "realm_access.roles"}, {"roles": ["admin"]}, ("alice", (), set(), None)),
        ({"roles": "realm_access.roles"}, {"realm_access": "admin"}, ("alice", (), set(), None)),
        ({"roles": "realm_access.roles"}, {"realm_access.roles": ["admin"]}, ("alice", (), set(), None)),
    ],
)
def test_claims_are_found_under_the_names_of_the_issuer(claims, token, expected):
    identity = opened({"pem": public_pem("ES256"), "claims": claims}).verify(issued("ES256", **token))
    assert (identity.subject, identity.roles, set(identity.groups), identity.tenant) == expected


@pytest.mark.parametrize("subject", [..., None, "dify:alice", "client:x", "workspace", 7, ""])
def test_a_subject_under_another_name_is_held_to_the_same_rules(subject):
    refusal(opened({"pem": public_pem("ES256"), "claims": {"subject": "oid"}}), issued("ES256", oid=subject))


@pytest.mark.parametrize(
    ("setting", "taught"),
    [
        ("{", "not JSON"),
        ("{'secrets': 'x'}", "not JSON"),
        ("[]", "one JSON object"),
        ("{}", "exactly one"),
        ('{"secrets": NaN}', "JSON"),
        ("[" * 5_000, "JSON"),
        ({"jwks": "https://id.example/j", "secrets": SECRET}, "exactly one"),
        ({"issuer": "https://id.example"}, "exactly one"),
        ({"jwks": "https://id.example/j", "isuer": "x"}, "Did you mean 'issuer'?"),
        ({"jwks": "https://id.example/j", "keys": []}, "there is no key 'keys'"),
        ({"jwks": "http://id.example/j"}, "https://"),
        ("http://id.example/jwks", "https://"),
        ("https://", "https://"),
        ("https://[", "https://"),
        ("https://0177.0.0.1/", "https://"),
        ("https://id.example\\@evil.example/", "https://"),
        ("https://id.example/" + "x" * 3_000, "https://"),
        ("https://alice:secret@id.example/jwks", "no user name"),
        ("HTTP://id.example/jwks", "https://"),
        ({"jwks": "file:///etc/passwd"}, "https://"),
        ({"jwks": 7}, "`jwks` must be a text"),
        ({"jwks": {"keys": []}}, "no key set"),
        ({"keys": []}, "no key set"),
        ({"secrets": []}, "list of 1 to 20"),
        ({"secrets": [SECRET, 7]}, "`secrets` must be a text"),
        ({"secrets": "short"}, "fewer than 32 bytes"),
        ({"secrets": [f"{number:032}" for number in range(21)]}, "list of 1 to 20"),
        (",".join(f"{number:032}" for number in range(21)), "at most 20"),
        ({"secrets": public_pem("RS256")}, "public key"),
        ("k" * 32 + "," + public_pem("RS256"), "public key"),
        ("k" * 32 + ",https://id.example/some/long/path/jwks.json", "public key"),
        ({"pem": ""}, "`pem` must be a text"),
        ({"pem": "k" * 40}, "PEM"),
        ({"secrets": SECRET, "issuer": ""}, "`issuer` must be"),
        ({"secrets": SECRET, "issuer": None}, "`issuer` must be"),
        ({"secrets": SECRET, "audience": [""]}, "`audience` must be"),
        ({"secrets": SECRET, "audience": []}, "`audience` must be"),
        ({"jwks": "https://id.example/j", "tls": {"minimum": "1.0"}}, "`tls` must be"),
        ({"jwks": "https://id.example/j", "tls": {"ca": "MII"}}, "`tls` must be"),
        ({"jwks": "https://id.example/j", "tls": 7}, "`tls` must be"),
        ({"secrets": SECRET, "claims": []}, "`claims` must be an object"),
        ({"secrets": SECRET, "claims": {"rolez": "x"}}, "Did you mean 'roles'?"),
        ({"secrets": SECRET, "claims": {"roles": ["a"]}}, "`claims.roles` must be"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_quoted(setting, taught):
    text = refused(setting)
    assert taught in text
    assert SECRET not in text
    assert "MII" not in text
    assert "secret@" not in text


def test_a_setting_is_not_shown_in_a_representation():
    assert SECRET not in repr(parse_identity_keys(SECRET))
    assert ClaimNames() == parse_identity_keys(SECRET).claims


def test_what_the_page_shows_is_taken():
    page = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")
    shown = [line for line in page.splitlines() if line.startswith('{"jwks"')]
    claims = re.findall(r"`(\{\"(?:roles|subject).*?\})`", page)
    assert (len(shown), len(claims)) == (1, 6)
    assert parse_identity_keys(shown[0]).audiences == ("faas_toolkit",)
    for each in claims:
        parse_identity_keys(json.dumps({"secrets": SECRET, "claims": json.loads(each)}))
    catalog = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    assert check_text("version: 1\n" + catalog, secrets={}, operations=OPERATIONS) == ()
