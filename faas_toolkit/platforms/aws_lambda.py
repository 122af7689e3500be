"""AWS Lambda through its Invoke API: SigV4, and function errors that arrive with HTTP 200."""

import json
from urllib.parse import quote

import httpx
from pydantic import Field

from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure, FunctionError, TimeoutUnknown, Unavailable
from faas_toolkit.core.schema import printable
from faas_toolkit.net.config import AwsAuth, Section, Tls
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.signing import sigv4
from faas_toolkit.platforms.answer import data_of, require_success
from faas_toolkit.platforms.port import MAX_ANSWER_BYTES, Invocation, InvocationResult, Now

API_VERSION = "2015-03-31"
_SHOWN_CHARS = 300
_PLATFORM_FAULTS = (500, 502, 503)
"""From the API itself these mean that the function was not run to its end by a fault of the platform (faas-platforms §1.1)."""


class LambdaTarget(Section):
    """Which function."""

    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+){1,3}-\d$")
    name: str = Field(min_length=1, max_length=170, pattern=r"^[A-Za-z0-9:_-]+$")
    """Name, partial ARN or ARN."""
    qualifier: str | None = Field(default=None, pattern=r"^[A-Za-z0-9$_-]{1,128}$")
    """Version or alias."""
    endpoint: str | None = None
    """Replaces `https://lambda.<region>.amazonaws.com`, e.g. a VPC endpoint; passes the guard like any address."""


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
        body = json.dumps(invocation.payload, ensure_ascii=False).encode()
        response = self._send("RequestResponse", body, deadline)
        error = response.headers.get("x-amz-function-error")
        if error:
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
        return "may be invoked (DryRun)"

    def _send(self, kind: str, body: bytes, deadline: Deadline) -> httpx.Response:
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
        request = httpx.Request("POST", url, headers=headers, content=body)
        response = self._client.send(request, deadline, what=self._what, max_bytes=MAX_ANSWER_BYTES, tls=self._tls)
        self._require_success(response)
        return response

    def _url(self) -> str:
        base = (self._target.endpoint or f"https://lambda.{self._target.region}.amazonaws.com").rstrip("/")
        query = f"?Qualifier={quote(self._target.qualifier, safe='')}" if self._target.qualifier else ""
        return f"{base}/{API_VERSION}/functions/{quote(self._target.name, safe='')}/invocations{query}"

    def _require_success(self, response: httpx.Response) -> None:
        if response.status_code in _PLATFORM_FAULTS:
            raise Unavailable(f"AWS Lambda could not run {self._what} (HTTP {response.status_code}).")
        require_success(response, self._what, self._key, self._now())

    def _function_error(self, response: httpx.Response) -> Failure:
        """Type and message of the function's own exception; its stack never leaves here."""
        try:
            said = json.loads(response.content)
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        kind = printable(said.get("errorType") or "an error", 80)
        message = printable(said.get("errorMessage") or "", _SHOWN_CHARS)
        if kind == "Sandbox.Timedout" or "Task timed out after" in message:
            return TimeoutUnknown(f"{self._what} ran into its own time limit; it may have done part of its work.")
        return FunctionError(f"{self._what} raised {kind}: {message}" if message else f"{self._what} raised {kind}.")
