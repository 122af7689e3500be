"""What is signed here, the library of the specification verifies."""

import base64

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.net.signing import standard_webhooks

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.mark.parametrize("body", [b"{}", '{"名": "ü 🌍"}'.encode(), b'{"a": "' + b"x" * 1_000_000 + b'"}'])
@pytest.mark.parametrize("size", [24, 32, 64])
def test_the_library_accepts_the_signature(body, size):
    secret = "whsec_" + base64.b64encode(bytes(size)).decode()
    headers = standard_webhooks.sign(secret, message_id="msg_1", timestamp=int(SystemClock().epoch()), body=body)
    Webhook(secret).verify(body, headers)


def test_our_headers_equal_the_librarys():
    now = 1_790_000_000
    import datetime as dt

    theirs = Webhook(SECRET).sign("msg_1", dt.datetime.fromtimestamp(now, dt.UTC), "{}")
    assert standard_webhooks.sign(SECRET, message_id="msg_1", timestamp=now, body=b"{}")["webhook-signature"] == theirs


@pytest.mark.parametrize("changed", ["body", "id", "time", "secret"])
def test_the_library_refuses_anything_changed(changed):
    now = int(SystemClock().epoch())
    headers = standard_webhooks.sign(SECRET, message_id="msg_1", timestamp=now, body=b"{}")
    body, secret = b"{}", SECRET
    if changed == "body":
        body = b'{"a": 1}'
    elif changed == "id":
        headers["webhook-id"] = "msg_2"
    elif changed == "time":
        headers["webhook-timestamp"] = str(now - 1)
    else:
        secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!", "whsec_" + base64.b64encode(bytes(23)).decode(), "x" * 500])
def test_a_wrong_secret_is_refused_without_repeating_it(secret):
    with pytest.raises(ValueError) as caught:
        standard_webhooks.signing_key(secret)
    assert "whsec_" in str(caught.value) or "webhook secret" in str(caught.value)
    assert len(secret) < 7 or secret not in str(caught.value)
