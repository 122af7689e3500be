"""The platform `http` against a real FaaS runtime (functions-framework), a verifying receiver, and the real outbound chain."""

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.outbound import Target
from faas_toolkit.net.config import Auth, Tls
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.platforms.http import HttpPlatform, HttpTarget
from faas_toolkit.platforms.port import Invocation
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import a_call, an_attempt
from tests.fakes.servers import serving as receiving
from workbench.functions_runtime import Function, serving

FUNCTIONS = Path(__file__).parents[1] / "fakes" / "functions"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving([Function(FUNCTIONS / "behave")]) as running:
        yield running[0].url


def platform(url: str, **auth) -> HttpPlatform:
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://{urlsplit(url).netloc}"})
    return HttpPlatform(
        name="behave",
        target=HttpTarget(url=url),
        auth=Auth.model_validate(auth) if auth else None,
        tls=Tls(),
        client=HttpClient(guard=guard),
        now=SystemClock().epoch,
    )


def invoke(made: HttpPlatform, kind: str, *, seconds: float = 10.0, message_id: str = "m-1", **payload):
    invocation = Invocation(function="behave", payload={"kind": kind, **payload}, message_id=message_id, trace_id="ab" * 16)
    return made.invoke(invocation, Deadline.after(SystemClock(), seconds))


def failure(made: HttpPlatform, kind: str, **options) -> Failure:
    with pytest.raises(Failure) as caught:
        invoke(made, kind, **options)
    return caught.value


def test_a_function_gets_the_arguments_and_its_answer_comes_back(address):
    data = invoke(platform(address, bearer="quiet-value-1"), "echo", name="客户 ü 🌍").data
    assert data["got"] == {"kind": "echo", "name": "客户 ü 🌍"}
    headers = data["headers"]
    assert headers["authorization"] == "Bearer quiet-value-1"
    assert headers["idempotency-key"] == "m-1"
    assert re.fullmatch(r"00-(ab){16}-[0-9a-f]{16}-01", headers["traceparent"])
    assert headers["host"] == urlsplit(address).netloc


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        ("string", "returned as it is", 200),
        ("json_string", {"a": 1}, 200),
        ("nothing", None, 204),
        ("accepted", {"id": 7}, 202),
        ("", {"fine": True}, 200),
    ],
)
def test_what_a_function_may_return(address, kind, data, status):
    result = invoke(platform(address), kind)
    assert (result.data, result.status) == (data, status)


@pytest.mark.parametrize(
    ("kind", "expected", "said"),
    [
        ("refuse", "function_error", "amount is above the limit amount: at most 100"),
        ("raise", "function_error", "HTTP 500"),
        ("forbid", "unavailable", "`functions.behave.auth`"),
        ("missing", "unavailable", "`functions.behave.target`"),
        ("throttle", "throttled", "too often"),
        ("unavailable", "unavailable", "not serving"),
        ("redirect", "bad_response", "Redirects are not followed"),
        ("truncated", "bad_response", "valid JSON"),
        ("html", "bad_response", "web page"),
        ("nan", "bad_response", "valid JSON"),
        ("surrogate", "bad_response", "valid JSON"),
        ("large", "too_large", "1,000,000"),
    ],
)
def test_each_way_of_failing_has_its_kind(address, kind, expected, said):
    caught = failure(platform(address), kind)
    assert caught.kind == expected
    assert said in caught.as_text()
    assert "private" not in caught.as_text()


def test_when_to_come_again_is_kept(address):
    assert failure(platform(address), "throttle").retry_after == 7.0
    assert failure(platform(address), "unavailable").retry_after == 2.0


def test_a_slow_function_is_given_up_at_the_deadline_and_may_have_run(address):
    invocation = Invocation(function="behave", payload={"kind": "slow", "seconds": 3}, message_id="m", trace_id="t")
    started = time.monotonic()
    with pytest.raises(Failure) as caught:
        platform(address).invoke(invocation, Deadline.after(SystemClock(), 0.5))
    assert (caught.value.kind, caught.value.not_executed) == ("timeout_unknown", False)
    assert time.monotonic() - started < 2.5


def test_a_sign_of_life_runs_nothing(address):
    made = platform(address)
    before = invoke(made, "runs").data["runs"]
    for _ in range(3):
        assert made.check(Deadline.after(SystemClock(), 3)) == "accepts connections"
    assert invoke(made, "runs").data["runs"] == before


def test_without_a_runtime_nothing_ran():
    with receiving(lambda exchange: None) as server:
        port = server.port
    made = platform(f"http://127.0.0.1:{port}/")
    caught = failure(made, "echo")
    assert (caught.kind, caught.not_executed) == ("unavailable", True)
    with pytest.raises(Failure):
        made.check(Deadline.after(SystemClock(), 3))


def verify(exchange) -> None:
    try:
        Webhook(SECRET).verify(exchange.body, exchange.headers)
    except WebhookVerificationError:
        exchange.answer(b'{"error": "signature"}', status="401 Unauthorized")
    else:
        exchange.answer(b'{"verified": true}')


def test_a_receiver_that_verifies_signatures_accepts_ours():
    with receiving(verify) as server:
        url = f"http://127.0.0.1:{server.port}/hook"
        assert invoke(platform(url, standard_webhook=SECRET), "x", name="客户").data == {"verified": True}
        other = "whsec_" + base64.b64encode(bytes(32)).decode()
        assert failure(platform(url, standard_webhook=other), "x").kind == "unavailable"
        assert failure(platform(url), "x").kind == "unavailable"


def test_retries_of_the_outbound_chain_keep_the_message_and_sign_anew():
    def fail_twice(exchange):
        if len(server.exchanges) < 3:
            exchange.answer(status="503 Service Unavailable", headers="Retry-After: 0")
        else:
            verify(exchange)

    clock = SystemClock()
    outbound = build_outbound(cells=MemoryCells(clock), clock=clock, random=lambda: 0.0)
    with receiving(fail_twice) as server:
        made = platform(f"http://127.0.0.1:{server.port}/hook", standard_webhook=SECRET)
        invocation = Invocation(function="behave", payload={"a": 1}, message_id="m-7", trace_id="t")
        attempt = an_attempt(
            a_call(clock), Target(id="function:behave"), lambda deadline: made.invoke(invocation, deadline), effects="idempotent"
        )
        assert outbound(attempt).data == {"verified": True}
    assert [exchange.headers["webhook-id"] for exchange in server.exchanges] == ["m-7"] * 3
    assert len({exchange.headers["traceparent"] for exchange in server.exchanges}) == 3
