"""Signature Version 4 is byte for byte what botocore makes."""

import datetime as dt

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from faas_toolkit.net.signing import sigv4

NOW = 1_790_000_000.25
KEY, SECRET = "EXAMPLEKEYID", "example/secret+key=="
ARN = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Ascore-customer"
LAMBDA = "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions"

CASES = {
    "name": (f"{LAMBDA}/score/invocations", b"{}", None, {}),
    "arn": (f"{LAMBDA}/{ARN}/invocations", b'{"a": 1}', None, {}),
    "arn with alias": (f"{LAMBDA}/{ARN}%3Aprod/invocations", b'{"a": 1}', None, {}),
    "qualifier": (f"{LAMBDA}/score/invocations?Qualifier=%24LATEST", b"{}", None, {}),
    "arn and qualifier": (f"{LAMBDA}/{ARN}/invocations?Qualifier=prod-1", b"{}", None, {}),
    "session token": (f"{LAMBDA}/score/invocations", b"{}", "example//token+of==session", {}),
    "session token and arn": (f"{LAMBDA}/{ARN}/invocations?Qualifier=7", b"{}", "token", {}),
    "empty body": (f"{LAMBDA}/score/invocations", b"", None, {}),
    "unicode body": (f"{LAMBDA}/score/invocations", '{"名": "客户 ü 🌍"}'.encode(), None, {}),
    "binary body": (f"{LAMBDA}/score/invocations", bytes(range(256)), None, {}),
    "large body": (f"{LAMBDA}/score/invocations", b"x" * 1_000_000, None, {}),
    "headers": (
        f"{LAMBDA}/score/invocations",
        b"{}",
        None,
        {"Content-Type": "application/json", "X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail"},
    ),
    "header with spaces": (f"{LAMBDA}/score/invocations", b"{}", None, {"X-Amz-Meta": "  a   b  c  "}),
    "repeated query": ("https://api.example.com/?b=2&a=3&a=1&b=1", b"", None, {}),
    "escaped query": ("https://api.example.com/?q=a%20b%2Fc%3Dd%26e&z=%E5%90%8D", b"", None, {}),
    "empty query values": ("https://api.example.com/?b=&a&c=", b"", None, {}),
    "keys that begin alike": ("https://api.example.com/?ab=1&a=2&a-=3&A=4", b"", None, {}),
    "tilde and dashes": ("https://api.example.com/a~b-c_d.e/?t=~-_.", b"", None, {}),
    "escaped unicode path": ("https://api.example.com/%E5%90%8D/%20x", b"", None, {}),
    "root": ("https://api.example.com", b"", None, {}),
    "port": ("https://api.example.com:8443/x", b"{}", None, {}),
    "loopback with port": ("http://127.0.0.1:4566/2015-03-31/functions/f/invocations", b"{}", None, {}),
    "plus in a query": ("https://api.example.com/?a=1%2B1", b"", None, {}),
    "slash at the end": ("https://api.example.com/a/b/", b"", None, {}),
}


def botocore_headers(monkeypatch, url, body, token, headers, region, service, method) -> dict[str, str]:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda **_: dt.datetime.fromtimestamp(NOW, dt.UTC))
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(BotocoreCredentials(KEY, SECRET, token), service, region).add_auth(request)
    return dict(request.headers.items())


@pytest.mark.parametrize(("region", "service", "method"), [("eu-west-1", "lambda", "POST"), ("cn-north-1", "execute-api", "GET")])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_headers_equal_botocores(monkeypatch, case, region, service, method):
    url, body, token, headers = case
    theirs = botocore_headers(monkeypatch, url, body, token, headers, region, service, method)
    credentials = sigv4.Credentials(access_key_id=KEY, secret_access_key=SECRET, session_token=token)
    ours = sigv4.sign(
        credentials, method=method, url=url, headers=dict(headers), body=body, region=region, service=service, now=NOW
    )
    assert ours == theirs


def test_each_attempt_is_signed_with_its_own_time():
    credentials = sigv4.Credentials(access_key_id=KEY, secret_access_key=SECRET)
    common = {
        "method": "POST",
        "url": f"{LAMBDA}/f/invocations",
        "headers": {},
        "body": b"{}",
        "region": "eu-west-1",
        "service": "lambda",
    }
    first = sigv4.sign(credentials, **common, now=NOW)
    second = sigv4.sign(credentials, **common, now=NOW + 1)
    assert first["X-Amz-Date"] != second["X-Amz-Date"]
    assert first["Authorization"] != second["Authorization"]


def test_keys_do_not_show():
    shown = repr(sigv4.Credentials(access_key_id=KEY, secret_access_key=SECRET, session_token="quiet-token"))
    assert SECRET not in shown
    assert "quiet" not in shown
