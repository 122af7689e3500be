"""The cache in an S3-compatible store, for entries that memory and Redis have lost. Loaded on first use.

Objects are called by blinded names and hold sealed values with the time they end. A read that finds one whose time is over
deletes it. S3 itself deletes by whole days only, so a rule of the bucket's life cycle clears what nobody reads (docs/cache.md).
"""

import hashlib

import httpx

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.offload import Spawn
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.signing import sigv4
from faas_toolkit.state.cache.back_off import BackOff
from faas_toolkit.state.cache.config import S3Cold
from faas_toolkit.state.cache.envelope import MAX_SEALED_BYTES, Envelopes
from faas_toolkit.state.cache.port import Kept

SHORTEST_SECONDS = 60.0
"""What lives shorter is not worth a request that is paid for."""
_REST_SECONDS = 30.0
_MISSING = 404


class S3Cache:
    """One bucket.

    Args:
        config: the catalog's section.
        client: the HTTP client of the catalog, with its guard.
        clock: for signatures, deadlines and times to live.
        spawn: runs in the background what no answer waits for.
    """

    name = "s3"

    def __init__(self, *, config: S3Cold, client: HttpClient, clock: Clock, spawn: Spawn) -> None:
        self._config = config
        self._client = client
        self._clock = clock
        self._spawn = spawn
        self._envelopes = Envelopes(clock)
        self._back_off = BackOff("cache's object store", seconds=_REST_SECONDS, clock=clock)
        self._base = _base(config)
        session = config.auth.session_token
        self._credentials = sigv4.Credentials(
            access_key_id=config.auth.access_key_id.get_secret_value(),
            secret_access_key=config.auth.secret_access_key.get_secret_value(),
            session_token=session.get_secret_value() if session else None,
        )

    @property
    def problem(self) -> str:
        """Why it is left alone."""
        return self._back_off.problem

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None, also where it was tampered with; one that is over is deleted."""
        blinded = self._envelopes.blind(workspace, name)
        response = self._send("GET", blinded)
        if response is None or response.status_code == _MISSING:
            return None
        kept = self._envelopes.open(workspace, name, response.content, self.name)
        if kept is not None and kept.seconds <= 0:
            self._spawn(lambda: self._delete(blinded))
            return None
        return kept

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value, sealed, where it lives for a minute or longer."""
        sealed = self._envelopes.seal(workspace, name, kept) if kept.seconds >= SHORTEST_SECONDS else None
        if sealed is not None:
            expires = str(int(self._clock.epoch() + kept.seconds))
            self._send("PUT", self._envelopes.blind(workspace, name), sealed, {"x-amz-meta-expires": expires})

    def _delete(self, blinded: str) -> None:
        self._send("DELETE", blinded)

    def _send(self, method: str, blinded: str, body: bytes = b"", headers: dict[str, str] | None = None) -> httpx.Response | None:
        """The answer, if it is 2xx or 404; after any other, and after none, the store is left alone for a while."""
        if self._back_off.problem:
            return None
        try:
            response = self._client.send(
                self._request(method, blinded, body, headers or {}),
                Deadline.after(self._clock, self._config.timeout),
                what="The cache's object store",
                max_bytes=MAX_SEALED_BYTES,
                tls=self._config.tls,
            )
        except Failure as failure:
            self._back_off.begin(failure.message)
            return None
        if not response.is_success and response.status_code != _MISSING:
            self._back_off.begin(_refused(response.status_code))
            return None
        if response.status_code == _MISSING and method == "PUT":
            self._back_off.begin("HTTP 404, the bucket is not there")
        return response

    def _request(self, method: str, blinded: str, body: bytes, headers: dict[str, str]) -> httpx.Request:
        url = f"{self._base}{blinded}"
        proven = sigv4.sign(
            self._credentials,
            method=method,
            url=url,
            headers={**headers, "x-amz-content-sha256": hashlib.sha256(body).hexdigest()},  # S3 alone wants it as a header
            body=body,
            region=self._config.region,
            service="s3",
            now=self._clock.epoch(),
        )
        unsigned = {"User-Agent": "faas-toolkit", "Accept-Encoding": "identity"}
        return httpx.Request(method, url, headers={**unsigned, **proven}, content=body)


def _base(config: S3Cold) -> str:
    """Everything of an object's address before its name; no character of it is written differently when it is signed."""
    if config.addressing == "host":
        scheme, _, host = config.endpoint.partition("://")
        return f"{scheme}://{config.bucket}.{host}/{config.prefix}"
    return f"{config.endpoint}/{config.bucket}/{config.prefix}"


def _refused(status: int) -> str:
    if status == 403:
        return (
            "HTTP 403, the keys of `cache.cold.auth` are refused; they need s3:GetObject, s3:PutObject, s3:DeleteObject, and"
            " s3:ListBucket, without which a missing object looks forbidden"
        )
    if 300 <= status < 400:
        return f"HTTP {status}, the bucket is elsewhere; check `cache.cold.region` and `cache.cold.endpoint`"
    return f"HTTP {status}"
