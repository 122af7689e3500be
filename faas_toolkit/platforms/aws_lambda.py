"""AWS Lambda through its Invoke API: SigV4, and function errors that arrive with HTTP 200."""

import json
from collections.abc import Mapping
from urllib.parse import quote

import httpx
from pydantic import Field

from faas_toolkit.core.clock import Now
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure, FunctionError, Throttled, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.core.untrusted import printable, shortened
from faas_toolkit.net.config import AwsAuth, HttpUrl, Section, Tls
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.retry_after import parse_retry_after
from faas_toolkit.net.signing import sigv4
from faas_toolkit.platforms.answer import data_of
from faas_toolkit.platforms.payload import encode_payload
from faas_toolkit.platforms.port import MAX_ANSWER_BYTES, Invocation, InvocationResult

API_VERSION = "2015-03-31"
_SHOWN_CHARS = 300


class LambdaTarget(Section):
    """Which function."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+){1,3}-\d$")
    name: str = Field(min_length=1, max_length=170, pattern=r"^[A-Za-z0-9:_-]+$")
    """Name, partial ARN or ARN."""
    qualifier: str | None = Field(default=None, pattern=r"^[A-Za-z0-9$_-]{1,128}$")
    """Version or alias."""
    endpoint: HttpUrl | None = None
    """Replaces the region's public address, e.g. by a VPC endpoint; passes the guard like any address."""


class AwsLambda:
    """One Lambda function; arguments as `HttpPlatform`'s, with AWS keys."""

    def __init__(self, *, name: str, target: LambdaTarget, auth: AwsAuth, tls: Tls, client: HttpClient, now: Now) -> None:
        self._what = f"Function {name!r}"
        self._key = f"functions.{name}.auth"
        self._target = target
        self._tls = tls
        self._client = client
        self._now = now
        self._credentials = sigv4.Credentials(
            access_key_id=auth.access_key_id.get_secret_value(),
            secret_access_key=auth.secret_access_key.get_secret_value(),
            session_token=auth.session_token.get_secret_value() if auth.session_token else None,
        )

    def invoke(self, invocation: Invocation, deadline: Deadline) -> InvocationResult:
        """Invokes and waits. The payload is the function's event, unchanged."""
        body = encode_payload(invocation.payload, self._what)
        response = self._send("RequestResponse", body, deadline, repeatable=invocation.repeatable)
        if response.headers.get("x-amz-function-error"):
            raise self._function_error(response)
        return InvocationResult(
            data=data_of(response, self._what),
            status=response.status_code,
            request_id=response.headers.get("x-amzn-requestid"),
            version=response.headers.get("x-amz-executed-version"),
        )

    def check(self, deadline: Deadline) -> str:
        """DryRun: checks the keys, the permission and the name, and runs nothing."""
        self._send("DryRun", b"{}", deadline)
        return "may be invoked (AWS checked keys, permission and name)"

    def _send(self, kind: str, body: bytes, deadline: Deadline, *, repeatable: bool = True) -> httpx.Response:
        url = self._url()
        headers = sigv4.sign(
            self._credentials,
            method="POST",
            url=url,
            headers={"Content-Type": "application/json", "X-Amz-Invocation-Type": kind},
            body=body,
            region=self._target.region,
            service="lambda",
            now=self._now(),
        )
        unsigned = {"User-Agent": "faas-toolkit", "Accept-Encoding": "identity"}
        request = httpx.Request("POST", url, headers={**unsigned, **headers}, content=body)
        response = self._client.send(
            request, deadline, what=self._what, max_bytes=MAX_ANSWER_BYTES, tls=self._tls, repeatable=repeatable
        )
        if not response.is_success:
            raise refusal(response, self._what, self._key, self._now())
        return response

    def _url(self) -> str:
        domain = "amazonaws.com.cn" if self._target.region.startswith("cn-") else "amazonaws.com"
        base = (self._target.endpoint or f"https://lambda.{self._target.region}.{domain}").rstrip("/")
        query = f"?Qualifier={quote(self._target.qualifier, safe='')}" if self._target.qualifier else ""
        return f"{base}/{API_VERSION}/functions/{quote(self._target.name, safe='')}/invocations{query}"

    def _function_error(self, response: httpx.Response) -> Failure:
        """Type and message of the function's own exception; its stack never leaves here."""
        said = _object(response)
        kind = printable(said.get("errorType") or "an error", 80)
        message = shortened(said.get("errorMessage") or "", _SHOWN_CHARS)
        if kind == "Sandbox.Timedout" or "Task timed out after" in message:
            return TimeoutUnknown(
                f"{self._what} ran into its own time limit at AWS; it may have done part of its work.",
                hint="Its owner raises the function's timeout, or the call asks it for less.",
            )
        return FunctionError(f"{self._what} raised {kind}: {message}" if message else f"{self._what} raised {kind}.")


def refusal(response: httpx.Response, what: str, key: str, now: float) -> Failure:
    """The failure for an answer of the Invoke API that is not 2xx (faas-platforms §1.1 lists them).

    403 is about our keys, 404 about the name in the catalog; 429 says by `Reason` whose limit it was. 409 and 408 come before the
    function runs (it is being updated, SnapStart or its file system is not ready); 500, 502 and 503 are faults of the platform.
    """
    status, code, said = response.status_code, _error_code(response), _object(response)
    if status == 403:
        return _refused_credentials(code, what, key)
    if status == 404:
        target = key.rpartition(".")[0] + ".target"
        return Unavailable(
            f"AWS Lambda does not know {what} in this region and account.",
            hint=f"An administrator checks `{target}` (region, name, qualifier) in the catalog.",
            retryable=False,
            not_executed=True,
        )
    if status == 413:
        return TooLarge(f"The arguments are larger than AWS Lambda takes for {what} (6 MB).", hint="Send less.")
    if status == 429:
        reason = _THROTTLED.get(str(said.get("Reason")), "its limit at AWS is reached")
        return Throttled(
            f"{what} was not run: {reason}.", retry_after=parse_retry_after(response.headers, now), not_executed=True
        )
    if status == 504:
        return TimeoutUnknown(f"AWS Lambda gave no answer of {what} in time; it may still have done its work.")
    ran_not = status in (402, 408, 409)
    return Unavailable(
        f"AWS Lambda could not run {what} (HTTP {status}, {printable(code or 'no reason given', 80)}).",
        retryable=ran_not or status >= 500,
        not_executed=ran_not or status < 500,
    )


_THROTTLED = {
    "ConcurrentInvocationLimitExceeded": "all concurrent executions of the AWS account are in use",
    "FunctionInvocationRateLimitExceeded": "the AWS account's rate of invocations is reached",
    "ReservedFunctionConcurrentInvocationLimitExceeded": "all executions reserved for it are in use",
    "ReservedFunctionInvocationRateLimitExceeded": "the rate of its reserved executions is reached",
    "CallerRateLimitExceeded": "AWS is being asked too often with these keys",
    "ConcurrentSnapshotCreateLimitExceeded": "AWS is preparing too many snapshots at once",
}
"""The values of `Reason` in TooManyRequestsException, in words."""

_CREDENTIALS: Mapping[str, str] = {
    "AccessDeniedException": "Allow lambda:InvokeFunction on this function for the user or role of `{key}`.",
    "ExpiredTokenException": "The session token in `{key}` has expired; put fresh keys in.",
    "InvalidSignatureException": "Check secret_access_key in `{key}`, and that this machine's clock is right.",
    "UnrecognizedClientException": "AWS does not know access_key_id in `{key}`, or the session token is missing.",
}


def _refused_credentials(code: str, what: str, key: str) -> Failure:
    return Unavailable(
        f"AWS refuses our credentials for {what}{f' ({printable(code, 80)})' if code else ''}.",
        hint=_CREDENTIALS.get(code, "An administrator checks `{key}` in the catalog.").format(key=key),
        retryable=False,
        not_executed=True,
    )


def _error_code(response: httpx.Response) -> str:
    """E.g. `AccessDeniedException`, from the header or the body; the header may go on with `:http://…`."""
    said = response.headers.get("x-amzn-errortype") or _object(response).get("__type") or _object(response).get("code") or ""
    return str(said).partition(":")[0].rpartition("#")[2]


def _object(response: httpx.Response) -> Mapping[str, object]:
    try:
        said = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
