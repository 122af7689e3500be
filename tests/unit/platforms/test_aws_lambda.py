"""What the Invoke API may answer, beyond what a local AWS plays."""

import json

import httpx
import pytest
from awslambdaric.bootstrap import make_error
from pydantic import ValidationError

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure, FunctionError
from faas_toolkit.net.config import AwsAuth, Tls
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.signing import sigv4
from faas_toolkit.platforms.aws_lambda import AwsLambda, LambdaTarget
from faas_toolkit.platforms.port import Invocation

NOW = 1_790_000_000.0
PUBLIC = "https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions"
AUTH = {"access_key_id": "EXAMPLEKEYID", "secret_access_key": "example/secret", "session_token": "example//token"}


def platform(answer: httpx.Response, **target):
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer

    guard = EgressGuard(environment={}, resolve=lambda host, port: ["93.184.216.34"])
    made = AwsLambda(
        name="score",
        target=LambdaTarget.model_validate({"region": "eu-west-1", "name": "score-customer", **target}),
        auth=AwsAuth.model_validate(AUTH),
        tls=Tls(),
        client=HttpClient(guard=guard, transport=httpx.MockTransport(serve)),
        now=lambda: NOW,
    )
    return made, seen


def invoke(made: AwsLambda, payload: object = None):
    invocation = Invocation(function="score", payload={} if payload is None else payload, message_id="m", trace_id="t")
    return made.invoke(invocation, Deadline.after(SystemClock(), 5))


def failure(answer: httpx.Response) -> Failure:
    with pytest.raises(Failure) as caught:
        invoke(platform(answer)[0])
    return caught.value


def refused(status: int, code: str, body: object = None, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json=body or {"Message": "x"}, headers={"x-amzn-ErrorType": code, **named})


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ({}, f"{PUBLIC}/score-customer/invocations"),
        (
            {"qualifier": "$LATEST"},
            f"{PUBLIC}/score-customer/invocations?Qualifier=%24LATEST",
        ),
        ({"region": "cn-north-1"}, "https://lambda.cn-north-1.amazonaws.com.cn/2015-03-31/functions/score-customer/invocations"),
        (
            {"name": "arn:aws:lambda:eu-west-1:123456789012:function:f:prod"},
            f"{PUBLIC}/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3Aprod/invocations",
        ),
        (
            {"endpoint": "https://vpce-1.lambda.eu-west-1.vpce.amazonaws.com/"},
            "https://vpce-1.lambda.eu-west-1.vpce.amazonaws.com/2015-03-31/functions/score-customer/invocations",
        ),
    ],
)
def test_what_is_sent_is_what_was_signed(target, url):
    made, seen = platform(httpx.Response(200, json=1), **target)
    invoke(made, {"名": "ü"})
    request = seen[0]
    assert request.url.raw_path.decode() == url.split(".com", 1)[1].removeprefix(".cn")
    assert str(request.url) == url
    credentials = sigv4.Credentials(**AUTH)
    signed = sigv4.sign(
        credentials,
        method="POST",
        url=url,
        headers={"Content-Type": "application/json", "X-Amz-Invocation-Type": "RequestResponse"},
        body=request.content,
        region=target.get("region", "eu-west-1"),
        service="lambda",
        now=NOW,
    )
    assert {name: request.headers[name] for name in signed} == signed
    assert json.loads(request.content) == {"名": "ü"}


def test_an_error_as_awss_own_runtime_writes_it_keeps_type_and_message_and_loses_the_stack():
    body = make_error("amount is above the limit", "ValueError", [["/var/task/main.py", 3, "handler", "raise"]], "r1")
    caught = failure(httpx.Response(200, json=body, headers={"x-amz-function-error": "Unhandled"}))
    assert isinstance(caught, FunctionError)
    assert caught.message.endswith("raised ValueError: amount is above the limit")
    assert "/var/task" not in caught.as_text()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"errorMessage": "2026-11-24T00:00:00Z r1 Task timed out after 3.00 seconds"}', "timeout_unknown"),
        (
            b'{"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: r1 Error: Task timed out"}',
            "timeout_unknown",
        ),
        (b'{"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited with error: signal: killed"}', "function_error"),
        (b"", "function_error"),
        (b"null", "function_error"),
        (b"[1]", "function_error"),
        (b"not json", "function_error"),
        (b'{"errorType": {"a": 1}, "errorMessage": ["x"]}', "function_error"),
        (b'{"errorMessage": "\\ud800\\u0000"}', "function_error"),
        (b"[" * 100_000, "function_error"),
    ],
)
def test_any_error_payload_becomes_a_failure(body, kind):
    caught = failure(httpx.Response(200, content=body, headers={"x-amz-function-error": "Unhandled"}))
    assert caught.kind == kind
    caught.as_text().encode()


@pytest.mark.parametrize(
    ("answer", "kind", "retryable", "not_executed", "said"),
    [
        (refused(400, "InvalidRequestContentException"), "unavailable", False, True, "InvalidRequestContentException"),
        (refused(400, "RecursiveInvocationException"), "unavailable", False, True, "RecursiveInvocationException"),
        (refused(402, "ServiceQuotaExceededException"), "unavailable", True, True, "ServiceQuotaExceededException"),
        (refused(403, "ExpiredTokenException"), "unavailable", False, True, "has expired"),
        (refused(403, "AccessDeniedException:http://internal.amazon.com/x"), "unavailable", False, True, "lambda:InvokeFunction"),
        (refused(403, "", {"__type": "com.amazon#InvalidSignatureException"}), "unavailable", False, True, "clock"),
        (refused(403, "SomethingNew"), "unavailable", False, True, "functions.score.auth"),
        (refused(404, "ResourceNotFoundException"), "unavailable", False, True, "functions.score.target"),
        (refused(408, "SnapStartTimeoutException"), "unavailable", True, True, "SnapStartTimeoutException"),
        (refused(409, "ResourceConflictException"), "unavailable", True, True, "ResourceConflictException"),
        (refused(413, "RequestTooLargeException"), "too_large", False, False, "6 MB"),
        (refused(415, "UnsupportedMediaTypeException"), "unavailable", False, True, "UnsupportedMediaTypeException"),
        (refused(500, "ServiceException"), "unavailable", True, False, "ServiceException"),
        (refused(502, "KMSDisabledException"), "unavailable", True, False, "KMSDisabledException"),
        (refused(503, ""), "unavailable", True, False, "HTTP 503"),
        (refused(504, ""), "timeout_unknown", True, False, "may still have done"),
        (httpx.Response(302, headers={"location": "http://169.254.169.254/"}), "unavailable", False, True, "HTTP 302"),
    ],
)
def test_each_refusal_of_the_api_has_its_failure(answer, kind, retryable, not_executed, said):
    caught = failure(answer)
    assert (caught.kind, caught.retryable, caught.not_executed) == (kind, retryable, not_executed)
    assert said in caught.as_text()
    assert "internal.amazon.com" not in caught.as_text()


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ConcurrentInvocationLimitExceeded", "AWS account"),
        ("ReservedFunctionConcurrentInvocationLimitExceeded", "reserved"),
        ("CallerRateLimitExceeded", "these keys"),
        ("SomethingNew", "limit"),
        (None, "limit"),
    ],
)
def test_a_throttled_call_did_not_run_and_says_whose_limit_it_was(reason, said):
    body = {"Reason": reason} if reason else {"x": 1}
    caught = failure(refused(429, "TooManyRequestsException", body, retry_after="3"))
    assert (caught.kind, caught.retryable, caught.not_executed, caught.retry_after) == ("throttled", True, True, 3.0)
    assert said in caught.message


@pytest.mark.parametrize(
    "target",
    [
        {"region": "Europe"},
        {"region": "eu-west-1.evil.example/"},
        {"name": ""},
        {"name": "a/b"},
        {"name": "a b"},
        {"qualifier": "a&b=c"},
        {"endpoint": "nonsense"},
        {"handler": "x"},
    ],
)
def test_a_target_that_could_lead_elsewhere_is_refused_when_the_catalog_is_read(target):
    with pytest.raises(ValidationError):
        LambdaTarget.model_validate({"region": "eu-west-1", "name": "f", **target})
