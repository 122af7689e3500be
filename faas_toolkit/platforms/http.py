"""Any function behind an address: POST of JSON with a signature or credentials. Serves most platforms' HTTP triggers."""

import hashlib
import re
import secrets

from faas_toolkit.core.clock import Now
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.net.config import Auth, HttpUrl, Section, Tls
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.json_request import json_request
from faas_toolkit.platforms.answer import data_of, require_success
from faas_toolkit.platforms.payload import encode_payload
from faas_toolkit.platforms.port import MAX_ANSWER_BYTES, Invocation, InvocationResult

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


class HttpTarget(Section):
    """Where the function is."""

    url: HttpUrl


class HttpPlatform:
    """One function behind an address.

    Args:
        name: the function's name in the catalog.
        target: where it is.
        auth: how it knows us; None: not at all.
        tls: the target's wishes.
        client: the HTTP client.
        now: epoch seconds.
    """

    def __init__(self, *, name: str, target: HttpTarget, auth: Auth | None, tls: Tls, client: HttpClient, now: Now) -> None:
        self._what = f"Function {name!r}"
        self._key = f"functions.{name}.auth"
        self._target = target
        self._auth = auth
        self._tls = tls
        self._client = client
        self._now = now

    def invoke(self, invocation: Invocation, deadline: Deadline) -> InvocationResult:
        """Posts the payload; the signature is made anew on each attempt, its message id stays."""
        body = encode_payload(invocation.payload, self._what)
        headers = {
            "Accept": "application/json, text/plain;q=0.9, */*;q=0.1",
            "Accept-Encoding": "gzip, deflate",
            "Idempotency-Key": invocation.message_id,
            "traceparent": traceparent(invocation.trace_id),
        }
        request = json_request(
            self._target.url, body, auth=self._auth, now=self._now, message_id=invocation.message_id, headers=headers
        )
        response = self._client.send(
            request,
            deadline,
            what=self._what,
            max_bytes=MAX_ANSWER_BYTES,
            tls=self._tls,
            repeatable=invocation.repeatable,
        )
        require_success(response, self._what, self._key, self._now())
        return InvocationResult(
            data=data_of(response, self._what), status=response.status_code, request_id=response.headers.get("x-request-id")
        )

    def check(self, deadline: Deadline) -> str:
        """Whether something listens at the address. No request is sent: many runtimes run the function for HEAD, too."""
        self._client.connect(self._target.url, deadline, what=self._what, tls=self._tls)
        return "accepts connections"


def traceparent(trace_id: str) -> str:
    """W3C Trace Context, version 00: the call's trace (hashed where its id is no trace id) and a new span each time."""
    trace = trace_id if _TRACE_ID.fullmatch(trace_id) else hashlib.sha256(trace_id.encode("utf-8", "replace")).hexdigest()[:32]
    return f"00-{trace}-{secrets.token_hex(8)}-01"
