import base64
import random
import string

import pytest

from faas_toolkit.catalog.literal_secrets import find_literal_secrets

ALPHABET = string.ascii_letters + string.digits


def made(length: int, seed: int = 1, alphabet: str = ALPHABET) -> str:
    """Built at run time: nothing in this file may look like a token."""
    return "".join(random.Random(seed).choices(alphabet, k=length))


TOKENS = [
    "whsec" + "_" + base64.b64encode(random.Random(2).randbytes(24)).decode(),
    "s" + "k-" + made(40),
    "s" + "k-" + "proj-" + made(40),
    "gh" + "p_" + made(36),
    "gl" + "pat-" + made(20),
    "xo" + "xb-" + made(24, alphabet=string.digits),
    "AI" + "za" + made(35),
    "AK" + "IA" + made(16, alphabet=string.ascii_uppercase + string.digits),
    "h" + "f_" + made(34),
    "ey" + "J" + made(20) + "." + "ey" + "J" + made(40) + "." + made(43),
    "-----BEGIN " + "RSA PRIVATE KEY-----\n" + made(64),
    "postgres" + "ql://reader:" + made(12) + "@db.example:5432/crm",
]


@pytest.mark.parametrize("token", TOKENS, ids=range(len(TOKENS)))
@pytest.mark.parametrize("place", ["describe", "url"])
def test_a_known_kind_of_token_is_refused_anywhere(token, place):
    ((finding, text),) = find_literal_secrets({"functions": {"score": {place: f"key: {token}"}}})
    assert finding.path == ("functions", "score", place)
    assert token not in finding.message + finding.hint
    assert 'Write "${secret:score}"' in finding.hint
    assert text == f"key: {token}"


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": "hunter2"},
        {"basic": {"username": "u", "password": "p"}},
        {"header": {"name": "X-Key", "value": "abc"}},
        {"secret_access_key": "abc"},
    ],
)
def test_any_literal_where_only_a_secret_can_stand_is_refused(auth):
    assert len(list(find_literal_secrets({"functions": {"f": {"auth": auth}}}))) == 1


@pytest.mark.parametrize(
    "auth",
    [
        {"bearer": "${secret:a}"},
        {"header": {"name": "Authorization", "value": "Bearer ${secret:a}"}},
        {"basic": {"username": "reader", "password": "${secret:a}"}},
        {"access_key_id": "${secret:a}", "secret_access_key": "${secret:b}"},
    ],
)
def test_references_are_right(auth):
    assert not list(find_literal_secrets({"functions": {"f": {"auth": auth}}}))


def test_a_dense_random_text_is_refused_where_nothing_ordinary_looks_like_it():
    assert sum(1 for seed in range(200) if list(find_literal_secrets({"x": made(40, seed)}))) > 180


ORDINARY = [
    "https://models.example/v1/functions/score-customer?qualifier=prod&version=12",
    "arn:aws:lambda:eu-west-1:123456789012:function:ScoreCustomerProd",
    "0d0c1f6e-8a5b-4f9a-9c0e-0123456789ab",
    "d41d8cd98f00b204e9800998ecf8427e",
    "scoreHowLikelyACustomerIsToLeaveWithinTheNext90Days",
    "SCORE_CUSTOMER_FUNCTION_NAME_OF_THE_PRODUCTION_ACCOUNT_1",
    "text-embedding-3-small",
    "postgresql://db.example:5432/crm",
    "https://reader@git.example/x",
    "(?i)ignore all (previous|prior) instructions",
    "Beschreibt, wie wahrscheinlich ein Kunde kündigt (0 bis 1), Stand 2026-11-01.",
    "一个客户离开的可能性有多大",
    "projects/my-project-123/locations/europe-west1/functions/score",
    "report_customers_by_region_and_quarter_2026_Q3_final_Version2",
    "2026-11-01T10:00:00+08:00",
    "A" * 64,
    "task-force risk-register sk-ip",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_are_left_alone(text):
    assert not list(find_literal_secrets({"functions": {"f": {"target": {"url": text, "name": text}, "describe": text}}}))


def test_a_schema_may_have_a_property_called_token():
    schema = {"type": "object", "properties": {"token": {"type": "string", "default": "abc"}, "auth": {"bearer": "example"}}}
    assert not list(find_literal_secrets({"functions": {"f": {"arguments": schema}}}))
