"""What any target of the catalog may say."""

import base64

import pytest
from pydantic import SecretStr, ValidationError

from faas_toolkit.core.outbound import LimitLine, SaturationRules
from faas_toolkit.net.config import Auth, AwsAuth, Breaker, Limit, Network, Tls
from faas_toolkit.net.target_config import TargetSection

WEBHOOK = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def problems(model, value) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return str(caught.value)


def test_secrets_do_not_show_in_any_representation():
    auth = Auth.model_validate({"bearer": "quiet-value-1", "standard_webhook": WEBHOOK})
    keys = AwsAuth.model_validate({"access_key_id": "quiet-id", "secret_access_key": "quiet-key", "session_token": "quiet-token"})
    shown = f"{auth!r} {auth} {keys!r} {keys.model_dump()} {keys.model_dump_json()}"
    assert "quiet" not in shown
    assert WEBHOOK not in shown
    assert auth.bearer == SecretStr("quiet-value-1")


@pytest.mark.parametrize(
    ("value", "taught"),
    [
        ({}, "leave auth out"),
        ({"bearer": ""}, "setting"),
        ({"bearer": "one\ntwo"}, "line breaks"),
        ({"bearer": "schlüssel"}, "ASCII"),
        ({"bearer": "a1", "header": {"name": "X-Key", "value": "a2"}}, "choose one of bearer and header"),
        ({"header": {"name": "X Key", "value": "a2"}}, "X-Api-Key"),
        ({"header": {"name": "Host", "value": "a2"}}, "belongs to the transport"),
        ({"basic": {"username": "a:b", "password": "a2"}}, "pattern"),
        ({"standard_webhook": "whsec_!!!"}, "base64"),
        ({"standard_webhook": "whsec_" + base64.b64encode(b"short").decode()}, "24 to 64 bytes"),
        ({"token": "a1"}, "Extra inputs"),
    ],
)
def test_a_wrong_auth_is_taught(value, taught):
    assert taught in problems(Auth, value)


def test_no_problem_repeats_the_secret():
    text = problems(Auth, {"bearer": "hidden-one\n", "standard_webhook": "whsec_hidden-two"})
    assert "hidden-one" not in text
    assert "hidden-two" not in text


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"requests": 60, "per": "60s", "adapt_to": 90}, LimitLine("requests", 60, 60.0, 90)),
        ({"tokens": "100k", "per": "1m"}, LimitLine("tokens", 100_000, 60.0)),
        ({"concurrency": 8}, LimitLine("concurrency", 8)),
        ({"cost": "0.5", "currency": "CNY", "per": "1d"}, LimitLine("cost", 500_000, 86_400.0, currency="CNY")),
    ],
)
def test_a_limit_becomes_a_line_of_the_gate(value, line):
    assert Limit.model_validate(value).to_line() == line


@pytest.mark.parametrize(
    ("value", "taught"),
    [
        ({"per": "60s"}, "name one of"),
        ({"requests": 1, "tokens": 2, "per": "60s"}, "name one of"),
        ({"requests": 60}, "need per"),
        ({"requests": 60, "per": 0}, "greater than 0"),
        ({"concurrency": 8, "per": "60s"}, "takes none"),
        ({"requests": 60, "per": "60s", "adapt_to": 50}, "at least 60"),
        ({"requests": "many", "per": "60s"}, "200, 100k or 2M"),
        ({"cost": 5, "per": "1d"}, "cost needs its currency"),
        ({"requests": 5, "per": "1d", "currency": "CNY"}, "nothing else has one"),
        ({"cost": 5, "currency": "CNY"}, "need per"),
        ({"concurrency": 5, "adapt_to": 9}, "adapt_to grows"),
    ],
)
def test_a_wrong_limit_is_taught(value, taught):
    assert taught in problems(Limit, value)


def test_a_target_carries_its_limits_breaker_and_timeout():
    section = TargetSection.model_validate(
        {"timeout": "7s", "limits": [{"requests": 1, "per": "1s"}], "breaker": {"open_for": "1m", "minimum": 2}}
    )
    target = section.to_target("function:f", attempts=1)
    assert (target.id, target.timeout, target.attempts) == ("function:f", 7.0, 1)
    assert target.limits == (LimitLine("requests", 1, 1.0),)
    assert target.breaker is not None
    assert (target.breaker.open_for, target.breaker.minimum, target.breaker.window) == (60.0, 2, 30.0)


def test_lines_that_count_the_same_are_one_as_tight_as_all_of_them():
    said = [{"requests": 60, "per": "60s", "adapt_to": 90}, {"requests": 70, "per": 60}, {"requests": 5, "per": "1s"}]
    lines = TargetSection.model_validate({"limits": said}).to_target("x").limits
    assert lines == (LimitLine("requests", 60, 60.0, adapt_to=70), LimitLine("requests", 5, 1.0))
    said = [{"concurrency": 3}, {"concurrency": 2}, {"requests": 9, "per": "1s", "adapt_to": 12}]
    lines = TargetSection.model_validate({"limits": said}).to_target("x").limits
    assert lines == (LimitLine("concurrency", 2), LimitLine("requests", 9, 1.0, adapt_to=12))


def test_a_breaker_says_what_is_slow_and_what_is_saturated():
    section = TargetSection.model_validate(
        {
            "limits": [{"concurrency": 8}],
            "breaker": {"slow": "5s", "slow_rate": 0.25, "saturated": {"wait": "2s", "in_flight": 0.9, "for": "20s"}},
        }
    )
    rules = section.to_target("x").breaker
    assert (rules.slow, rules.slow_rate) == (5.0, 0.25)
    assert rules.saturation == SaturationRules(wait=2.0, in_flight=0.9, period=20.0)
    plain = TargetSection().to_target("x").breaker
    assert (plain.slow, plain.saturation) == (None, None)


@pytest.mark.parametrize(
    ("breaker", "limits", "taught"),
    [
        ({"slow": "20s"}, [], "at least the timeout"),
        ({"saturated": {"wait": "1s"}}, [], "the wait for limits"),
        ({"saturated": {"in_flight": 1}}, [{"requests": 1, "per": "1s"}], "a share of concurrency"),
        ({"saturated": {"for": "5s"}}, [{"concurrency": 1}], "wait or in_flight"),
        ({"slow_rate": 0.5}, [], "from when an answer is slow"),
    ],
)
def test_a_breaker_that_could_never_trip_is_taught(breaker, limits, taught):
    assert taught in problems(TargetSection, {"breaker": breaker, "limits": limits})


def test_a_breaker_can_be_switched_off():
    assert TargetSection.model_validate({"breaker": False}).to_target("x").breaker is None
    assert TargetSection().breaker == Breaker()


@pytest.mark.parametrize("value", [{"minimum": "1.1"}, {"minimum": 1.2}, {"ca": "not a certificate"}, {"verify": False}])
def test_tls_cannot_be_weakened_below_1_2_or_left_unverified(value):
    assert problems(Tls, value)


@pytest.mark.parametrize(
    "entry", ["10.2.0.0/16", "10.2.3.4", "fd12::/48", "api.example.com:8443", "http://models.internal:8000", "[fd12::1]:443"]
)
def test_what_network_allow_takes(entry):
    assert Network.model_validate({"allow": [entry]}).allow == (entry,)


@pytest.mark.parametrize(
    "entry", ["", "example.com", "https://example.com:1", "a:0", "a:70000", "http://a", "10.0.0.0/99", "http://u@a:1"]
)
def test_what_network_allow_refuses(entry):
    assert "10.2.0.0/16" in problems(Network, {"allow": [entry]})
