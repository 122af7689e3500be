"""An issuer's keys at its address: fresh as its headers say, few reads, and the last good ones while it is away."""

import json
import threading

import httpx
import pytest

from faas_toolkit.core.errors import InvalidInput, Unauthenticated, Unavailable
from faas_toolkit.diagnosis import identity_findings
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.freshness import fresh_for
from faas_toolkit.net.http import HttpClient
from faas_toolkit.pipeline.identity_jwks import JwksAddress
from faas_toolkit.pipeline.identity_setting import open_verifier
from tests.fakes.clock import FakeClock
from tests.fakes.identity import CLAIMS, NOW, client_over, issued, key_set, public_jwk, secret_jwk
from tests.unit.pipeline.test_identity_token import raw

ADDRESS = "https://id.example/jwks.json?tenant=hidden-part"


class Issuer:
    """Answers with its keys and headers, or raises; counts what it is asked."""

    def __init__(self):
        self.keys = [public_jwk("ES256")]
        self.headers = {}
        self.status = 200
        self.body = None
        self.failure = None
        self.asked = 0
        self.meanwhile = lambda: None

    def __call__(self, request):
        assert str(request.url) == ADDRESS
        self.asked += 1
        self.meanwhile()
        if self.failure:
            raise self.failure
        body = json.dumps(key_set(*self.keys)).encode() if self.body is None else self.body
        return httpx.Response(self.status, headers=self.headers, content=body)


@pytest.fixture
def issuer():
    return Issuer()


@pytest.fixture
def clock():
    return FakeClock(epoch=NOW)


@pytest.fixture
def verifier(issuer, clock):
    client = client_over(httpx.MockTransport(issuer))
    return open_verifier(ADDRESS, client=lambda: client, clock=clock)


def subject(verifier, token):
    try:
        return verifier.verify(token).subject
    except (Unauthenticated, Unavailable) as failure:
        return "leaks" if "hidden-part" in failure.as_text() else failure.kind


def test_keys_are_read_for_the_first_token_and_kept(verifier, issuer):
    assert issuer.asked == 0
    assert {subject(verifier, issued("ES256")) for _ in range(50)} == {"alice"}
    assert issuer.asked == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 300),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "max-age=1"}, 60),
        ({"cache-control": "no-store"}, 60),
        ({"cache-control": "public, max-age=600", "age": "500"}, 100),
        ({"cache-control": "max-age=86400"}, 3_600),
        ({"cache-control": "max-age=600", "age": "x"}, 600),
    ],
)
def test_they_are_read_anew_as_the_headers_say_within_a_minute_and_an_hour(verifier, issuer, clock, headers, seconds):
    issuer.headers = headers
    verifier.verify(issued("ES256"))
    clock.advance(seconds - 1)
    token = issued("ES256", exp=NOW + 7_200)
    verifier.verify(token)
    assert issuer.asked == 1
    clock.advance(1)
    verifier.verify(token)
    assert issuer.asked == 2


def test_freshness_is_what_max_age_leaves():
    assert fresh_for({"cache-control": "max-age=10", "age": "20"}) == 0
    assert fresh_for({"cache-control": "No-Cache"}) == 0


def test_a_key_that_is_new_is_read_when_a_token_names_it(verifier, issuer, clock):
    verifier.verify(issued("ES256"))
    issuer.keys = [public_jwk("ES256", "second")]
    clock.advance(30)
    assert subject(verifier, issued("ES256", "second")) == "alice"
    assert subject(verifier, issued("ES256")) == "unauthenticated"  # taken back by its issuer


def test_unknown_keys_are_looked_for_every_half_minute_at_most(verifier, issuer, clock):
    for number in range(100):
        assert subject(verifier, issued("ES256", headers={"kid": f"made up {number}"})) == "unauthenticated"
    assert issuer.asked == 1
    clock.advance(30)
    for number in range(100):
        subject(verifier, issued("ES256", headers={"kid": f"made up {number}"}))
    assert issuer.asked == 2
    assert subject(verifier, issued("ES256")) == "alice"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512"])
def test_a_token_of_another_algorithm_asks_for_nothing(verifier, issuer, algorithm):
    assert subject(verifier, raw(CLAIMS, header={"alg": algorithm, "kid": "x"})) == "unauthenticated"
    assert issuer.asked == 0


def test_where_a_token_says_its_keys_are_is_never_asked(verifier, issuer):
    said = {"jku": "https://attacker.example/jwks", "x5u": "https://attacker.example/c", "kid": "first"}
    assert subject(verifier, issued("ES256", "attacker", headers=said)) == "unauthenticated"
    assert issuer.asked == 1  # and the address was the configured one: the issuer checks


def test_the_last_good_keys_stay_in_force_for_a_day_while_the_address_is_down(verifier, issuer, clock):
    token = issued("ES256", exp=NOW + 86_400)
    verifier.verify(token)
    issuer.failure = httpx.ConnectError("down")
    clock.advance(3_600)
    assert {subject(verifier, token) for _ in range(20)} == {"alice"}
    assert issuer.asked == 2  # not with every call
    clock.advance(82_799)
    assert subject(verifier, token) == "alice"
    clock.advance(1)
    late = issued("ES256", iat=NOW + 86_000, exp=NOW + 90_000)
    assert subject(verifier, late) == "unavailable"
    issuer.failure = None
    clock.advance(30)
    assert subject(verifier, late) == "alice"


def test_without_any_keys_the_address_is_asked_every_half_minute_and_callers_are_told(verifier, issuer, clock):
    issuer.failure = httpx.ConnectError("down")
    assert [subject(verifier, issued("ES256")) for _ in range(5)] == ["unavailable"] * 5
    assert issuer.asked == 1
    issuer.failure = None
    clock.advance(30)
    assert subject(verifier, issued("ES256")) == "alice"


BROKEN = [
    b"",
    b"<html>",
    b"[]",
    b'{"keys": []}',
    b'{"keys": [{"kty": "RSA"}]}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"keys": [' + b"{}," * 60 + b"{}]}",
    b" " * 300_000,
    json.dumps(key_set(secret_jwk(b"k" * 40))).encode(),
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_an_answer_that_is_no_key_set_takes_nothing_away(verifier, issuer, clock, body):
    verifier.verify(issued("ES256"))
    issuer.body = body
    clock.advance(400)
    assert subject(verifier, issued("ES256")) == "alice"
    assert issuer.asked == 2
    with pytest.raises(InvalidInput) as caught:
        verifier.check()
    assert "identity_keys" in caught.value.message
    assert "hidden-part" not in caught.value.as_text()


@pytest.mark.parametrize("status", [301, 302, 307, 401, 404, 500, 503])
def test_another_status_is_told_and_a_redirect_is_not_followed(verifier, issuer, status):
    issuer.status, issuer.headers = status, {"location": "http://169.254.169.254/"}
    with pytest.raises(InvalidInput, match=f"HTTP {status}"):
        verifier.check()
    assert issuer.asked == 1


def test_who_saves_again_after_a_repair_is_not_told_what_was_before(verifier, issuer):
    issuer.failure = httpx.ConnectError("down")
    with pytest.raises(InvalidInput):
        verifier.check()
    issuer.failure = None
    verifier.check()
    assert subject(verifier, issued("ES256")) == "alice"


def test_checking_reads_the_keys_and_the_first_token_finds_them(verifier, issuer):
    verifier.check()
    assert subject(verifier, issued("ES256")) == "alice"
    assert issuer.asked == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433"])
def test_the_address_passes_the_egress_guard(clock, host):
    client = HttpClient(
        guard=EgressGuard(environment={}), transport=httpx.MockTransport(lambda request: pytest.fail("was asked"))
    )
    verifier = open_verifier(f"https://{host}/jwks", client=lambda: client, clock=clock)
    with pytest.raises(InvalidInput, match="leads to"):
        verifier.check()


def shown(verifier):
    (finding,) = identity_findings(verifier)
    assert "hidden-part" not in finding.text + finding.repair
    return finding.status, finding.text


def test_diagnose_tells_how_the_keys_are_doing_and_asks_nobody(verifier, issuer, clock):
    assert shown(verifier) == ("ok", "None read from the address yet.")
    assert issuer.asked == 0
    issuer.failure = httpx.ConnectError("down")
    subject(verifier, issued("ES256"))
    assert shown(verifier)[0] == "failed"
    issuer.failure = None
    clock.advance(30)
    verifier.verify(issued("ES256"))
    clock.advance(120)
    assert shown(verifier) == ("ok", "1 of ES256, read from the address 2 min ago.")
    issuer.failure = httpx.ConnectError("down")
    clock.advance(400)
    subject(verifier, issued("ES256"))
    status, text = shown(verifier)
    assert status == "warning"
    assert "cannot be reached" in text
    clock.advance(90_000)
    assert shown(verifier)[0] == "failed"
    assert shown(None) == ("ok", "None, so nobody can prove who they are.")
    assert shown(open_verifier("k" * 40, client=None, clock=clock)) == ("ok", "1 of HS256 in the setting.")


def test_one_call_reads_while_others_go_on_with_the_last_good_keys(verifier, issuer, clock):
    verifier.verify(issued("ES256"))
    clock.advance(400)
    seen = []
    issuer.meanwhile = lambda: seen.append(subject(verifier, issued("ES256")))  # a call that comes while the first one reads
    assert subject(verifier, issued("ES256")) == "alice"
    assert (seen, issuer.asked) == (["alice"], 2)


def test_calls_without_keys_wait_for_the_one_that_reads(issuer, clock):
    keys = JwksAddress(url=ADDRESS, client=lambda: client_over(httpx.MockTransport(issuer)), clock=clock)
    found, others = [], [threading.Thread(target=lambda: found.append(len(keys.candidates("first")))) for _ in range(5)]

    def meanwhile():
        for other in others:
            other.start()
        while sum(other.is_alive() for other in others) < len(others):
            pass

    issuer.meanwhile = meanwhile
    assert len(keys.candidates("first")) == 1
    for other in others:
        other.join(5)
    assert (found, issuer.asked) == ([1] * 5, 1)
