"""A token proves who asks, or the text says which check failed and never quotes the token."""

import base64
import hashlib
import hmac
import json
import warnings

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.errors import Unauthenticated
from faas_toolkit.pipeline.identity_claims import Identity
from faas_toolkit.pipeline.identity_key import key_of_secret
from faas_toolkit.pipeline.identity_token import MAX_TOKEN_CHARS, FixedKeys, TokenVerifier
from tests.fakes.clock import FakeClock

NOW = 1_790_000_000
KEY, OLD_KEY, OTHER_KEY = (letter * 40 for letter in (b"k", b"o", b"x"))
CLAIMS = {"sub": "alice", "iat": NOW, "exp": NOW + 600}


def shared(*secrets):
    return FixedKeys(list(map(key_of_secret, secrets)))


@pytest.fixture
def clock():
    return FakeClock(epoch=NOW)


@pytest.fixture
def verifier(clock):
    return TokenVerifier(keys=shared(KEY, OLD_KEY), clock=clock)


def signed(claims=None, *, key=KEY, algorithm="HS256", headers=None, **changes):
    payload = {name: value for name, value in (CLAIMS | (claims or {}) | changes).items() if value is not ...}
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


def raw(payload, *, header=None, key=KEY):
    """A token signed by hand, for what a library would not write."""
    head = json.dumps(header or {"alg": "HS256", "typ": "JWT"}).encode()
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (head, body)]
    mac = hmac.new(key, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def refusal(verifier, token):
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token)
    text = caught.value.as_text()
    if len(token) > 20:
        assert token not in text
        assert not any(part in text for part in token.split(".") if len(part) > 8)
        assert caught.value.__cause__ is None  # a library's text may quote what it could not read
    return text


def test_a_good_token_says_who_asks(verifier):
    token = signed(roles=["sales", "support"], groups="eu west", tenant="acme")
    assert verifier.verify(token) == Identity(
        subject="alice", roles=("sales", "support"), groups=frozenset({"eu", "west"}), tenant="acme"
    )


@pytest.mark.parametrize("roles", [["a", "b"], "a b", "  a   b ", ["a", "b", "a"]])
def test_roles_are_a_list_or_a_text_with_blanks(verifier, roles):
    assert verifier.verify(signed(roles=roles)).roles == ("a", "b")


@pytest.mark.parametrize("written", ["{}", "Bearer {}", "bearer {}", " {}\n"])
def test_the_usual_ways_of_handing_a_token_over_are_taken(verifier, written):
    assert verifier.verify(written.format(signed())).subject == "alice"


def test_any_of_the_shared_secrets_is_taken_so_that_they_can_be_changed(verifier):
    assert verifier.verify(signed(key=OLD_KEY)).subject == "alice"


def test_a_signature_of_another_secret_is_refused(verifier):
    assert "signature does not fit" in refusal(verifier, signed(key=OTHER_KEY))


def test_a_changed_payload_is_refused(verifier):
    head, _, mac = signed().split(".")
    other = signed(sub="mallory").split(".")[1]
    assert "signature does not fit" in refusal(verifier, f"{head}.{other}.{mac}")


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "HS384", "HS512", "RS256", "ES256", "EdDSA", "", "hs256", None, 7, ["HS256"]]
)
def test_another_algorithm_is_refused_before_anything_is_computed(verifier, algorithm):
    text = refusal(verifier, raw(CLAIMS, header={"alg": algorithm, "typ": "JWT"}))
    assert "HS256" in text or "cannot be read" in text or "can be read" in text


def test_an_unsigned_token_is_refused(verifier):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        token = jwt.encode(CLAIMS, "", algorithm="none")
    assert "must be signed with HS256" in refusal(verifier, token)


def test_a_signature_cut_off_is_refused(verifier):
    assert "signature" in refusal(verifier, signed().rsplit(".", 1)[0] + ".")


@pytest.mark.parametrize("header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False, "crit": ["b64"]}, {"b64": True}])
def test_demanded_extensions_are_refused(verifier, header):
    refusal(verifier, raw(CLAIMS, header={"alg": "HS256"} | header))


def test_an_unknown_key_id_is_no_reason_to_refuse(verifier):
    assert verifier.verify(signed(headers={"kid": "2026-11"})).subject == "alice"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": ...}, "no expiry"),
        ({"exp": None}, "no expiry"),
        ({"exp": NOW - 31}, "has expired"),
        ({"exp": 0}, "has expired"),
        ({"exp": "tomorrow"}, "`exp` is not a time"),
        ({"exp": True}, "`exp` is not a time"),
        ({"exp": -1}, "`exp` is not a time"),
        ({"exp": 1e300}, "`exp` is not a time"),
        ({"exp": [NOW + 5]}, "`exp` is not a time"),
        ({"exp": NOW + 86_400 + 31, "iat": NOW}, "longer than one day"),
        ({"exp": NOW + 86_400 + 31, "iat": ...}, "longer than one day"),
        ({"exp": NOW + 60, "iat": NOW - 86_400}, "longer than one day"),
        ({"iat": NOW + 31}, "not valid yet"),
        ({"iat": "now"}, "`iat` is not a time"),
        ({"nbf": NOW + 31}, "not valid yet"),
        ({"nbf": "now"}, "`nbf` is not a time"),
        ({"sub": ...}, "no subject"),
        ({"sub": None}, "no subject"),
        ({"sub": ""}, "`sub` must be"),
        ({"sub": "  "}, "`sub` must be"),
        ({"sub": 42}, "`sub` must be"),
        ({"sub": "a" * 201}, "`sub` must be"),
        ({"sub": "a\u0000b"}, "`sub` must be"),
        ({"sub": "a\nb"}, "`sub` must be"),
        ({"sub": "dify:alice"}, "reserved"),
        ({"sub": "workspace"}, "reserved"),
        ({"roles": 7}, "`roles` must be"),
        ({"roles": {"a": 1}}, "`roles` must be"),
        ({"roles": [1]}, "`roles` must be"),
        ({"roles": [""]}, "`roles` must be"),
        ({"roles": ["a" * 201]}, "`roles` must be"),
        ({"roles": [f"r{n}" for n in range(101)]}, "`roles` must be"),
        ({"groups": 7}, "`groups` must be"),
        ({"tenant": 7}, "`tenant` must be"),
        ({"tenant": ""}, "`tenant` must be"),
        ({"aud": "another"}, "meant for somebody else"),
        ({"aud": ["a", "b"]}, "meant for somebody else"),
        ({"aud": 7}, "meant for somebody else"),
    ],
)
def test_each_check_says_that_it_failed(verifier, claims, expected):
    payload = {name: value for name, value in (CLAIMS | claims).items() if value is not ...}
    assert expected in refusal(verifier, raw(payload))


@pytest.mark.parametrize(
    "body", [b'{"sub":"a","exp":NaN}', b'{"sub":"a","exp":Infinity}', b'{"sub":"a","exp":1' + b"0" * 4_000 + b"}"]
)
def test_times_that_are_no_numbers_are_refused(verifier, body):
    assert "`exp` is not a time" in refusal(verifier, raw(body))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b'"text"',
        b"null",
        b"",
        b"{",
        b"\xff\xfe",
        b'{"sub":"\\ud800"',
        b"[" * 5_000,
        b'{"exp":1' + b"0" * 4_400 + b"}",
    ],
)
def test_a_payload_that_is_no_object_is_refused(verifier, body):
    assert "can be read" in refusal(verifier, raw(body))


def test_half_a_character_in_the_subject_is_refused(verifier):
    assert "`sub` must be" in refusal(verifier, raw(b'{"sub":"\\ud800","exp":%d}' % (NOW + 60)))


def test_clocks_may_differ_by_half_a_minute(verifier, clock):
    token = signed(iat=NOW + 29, nbf=NOW + 29, exp=NOW + 60)
    assert verifier.verify(token).subject == "alice"
    clock.advance(89)
    assert verifier.verify(token).subject == "alice"
    clock.advance(1)
    assert "expired" in refusal(verifier, token)


def test_a_token_without_iat_lives_by_its_expiry_alone(verifier):
    assert verifier.verify(signed(iat=..., exp=NOW + 86_400)).subject == "alice"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "not a token",
        "a" * 100,
        "=.=.=",
        "\ud800",
        "令牌",
        "\0.\0.\0",
        "{}",
        "e30.e30.",
        "a" * (MAX_TOKEN_CHARS + 1),
        "." * 8_000,
    ],
)
def test_garbage_is_refused(verifier, token):
    with pytest.raises(Unauthenticated):
        verifier.verify(token)


def test_a_token_of_one_megabyte_is_refused_without_being_read(verifier):
    assert "at most 8,192" in refusal(verifier, signed(note="x" * 1_000_000))


@given(st.text(max_size=200))
def test_no_text_is_taken_for_a_token(text):
    verifier = TokenVerifier(keys=shared(KEY), clock=FakeClock(epoch=NOW))
    with pytest.raises(Unauthenticated):
        verifier.verify(text)


@given(
    st.dictionaries(
        st.sampled_from(["sub", "exp", "iat", "nbf", "roles", "groups", "tenant", "aud", "iss"]),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        ),
    )
)
def test_well_signed_claims_of_any_shape_are_taken_or_refused(claims):
    verifier = TokenVerifier(keys=shared(KEY), clock=FakeClock(epoch=NOW))
    try:
        identity = verifier.verify(raw(CLAIMS | claims))
    except Unauthenticated:
        return
    assert identity.subject.strip()
    assert not identity.subject.startswith("dify:")


def test_the_audience_is_ours_where_none_was_configured(verifier):
    assert verifier.verify(signed(aud=["other", "faas_toolkit"])).subject == "alice"
    assert verifier.verify(signed(aud="faas_toolkit")).subject == "alice"


def test_a_configured_issuer_and_audience_must_be_named(clock):
    verifier = TokenVerifier(keys=shared(KEY), clock=clock, issuer="https://id.example", audiences=("crm",))
    assert verifier.verify(signed(iss="https://id.example", aud="crm")).subject == "alice"
    assert "issuer" in refusal(verifier, signed(aud="crm"))
    assert "issuer" in refusal(verifier, signed(iss="https://id.example.evil.example", aud="crm"))
    assert "aud" in refusal(verifier, signed(iss="https://id.example"))
    assert "aud" in refusal(verifier, signed(iss="https://id.example", aud="faas_toolkit"))
