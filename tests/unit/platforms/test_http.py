"""What a function behind an address is sent."""

import base64
import json
import re

import httpx
import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.net.config import Auth, Tls
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.platforms.http import HttpPlatform, HttpTarget, traceparent
from faas_toolkit.platforms.port import Invocation

URL = "https://functions.example/score?v=1"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def platform(auth=None, answer=None):
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer or httpx.Response(200, json={"score": 0.5}, headers={"x-request-id": "r1"})

    guard = EgressGuard(environment={}, resolve=lambda host, port: ["93.184.216.34"])
    made = HttpPlatform(
        name="score",
        target=HttpTarget(url=URL),
        auth=Auth.model_validate(auth) if auth else None,
        tls=Tls(),
        client=HttpClient(guard=guard, transport=httpx.MockTransport(serve)),
        now=SystemClock().epoch,
    )
    return made, seen


def invocation(payload=None, **changed) -> Invocation:
    return Invocation(
        **{"function": "score", "payload": payload or {"名": "ü"}, "message_id": "m-1", "trace_id": "ab" * 16, **changed}
    )


def in_time() -> Deadline:
    return Deadline.after(SystemClock(), 5)


def test_the_payload_is_posted_as_json_and_the_answer_read():
    made, seen = platform()
    result = made.invoke(invocation(), in_time())
    assert (result.data, result.status, result.request_id) == ({"score": 0.5}, 200, "r1")
    request = seen[0]
    assert (request.method, str(request.url)) == ("POST", URL)
    assert json.loads(request.content) == {"名": "ü"}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "m-1"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "quiet-1"}, "authorization", "Bearer quiet-1"),
        (
            {"basic": {"username": "u", "password": "pä:ss"}},
            "authorization",
            "Basic " + base64.b64encode("u:pä:ss".encode()).decode(),
        ),
        ({"header": {"name": "X-Functions-Key", "value": "quiet-2"}}, "x-functions-key", "quiet-2"),
    ],
)
def test_credentials_travel_in_their_header(auth, header, value):
    made, seen = platform(auth)
    made.invoke(invocation(), in_time())
    assert seen[0].headers[header] == value


def test_each_attempt_is_signed_anew_under_the_same_message_id():
    made, seen = platform({"standard_webhook": SECRET, "bearer": "quiet-1"})
    for _ in range(2):
        made.invoke(invocation(), in_time())
    for request in seen:
        Webhook(SECRET).verify(request.content, dict(request.headers))
        assert request.headers["authorization"] == "Bearer quiet-1"
    assert [request.headers["webhook-id"] for request in seen] == ["m-1", "m-1"]


@pytest.mark.parametrize("trace_id", ["", "ab" * 16, "0" * 32, "AB" * 16, "req-1", "\ud800"])
def test_traceparent_is_always_valid_and_new_in_its_span(trace_id):
    first, second = traceparent(trace_id), traceparent(trace_id)
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01", first)
    assert first[:35] == second[:35]
    assert first != second


def test_a_trace_id_of_the_right_form_is_kept():
    assert traceparent("ab" * 16).split("-")[1] == "ab" * 16


@pytest.mark.parametrize("payload", [{"a": float("nan")}, {"a": "\ud800"}, {"a": object()}, {"a": {1, 2}}])
def test_what_json_cannot_say_is_not_sent(payload):
    made, seen = platform()
    with pytest.raises(InvalidInput):
        made.invoke(invocation(payload), in_time())
    assert seen == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example",
        "ftp://example.com/",
        "https://",
        "https://[::1",
        "https://exa mple.com/",
        "https://u:p@example.com/",
        "https://example.com/#part",
        "https://example.com/\n",
        "https://例.com/",
        "https://example.com:99999/",
        "https://example.com/" + "x" * 2_000,
    ],
)
def test_an_address_that_is_none_is_refused_when_the_catalog_is_read(url):
    with pytest.raises(ValidationError):
        HttpTarget(url=url)
