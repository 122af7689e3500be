"""AWS Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html)."""

import hashlib
import hmac
from dataclasses import field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

from faas_toolkit.core.immutable import immutable

ALGORITHM = "AWS4-HMAC-SHA256"
_UNRESERVED = "-_.~"


@immutable(kw_only=True)
class Credentials:
    """Keys of an AWS user or role."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def sign(
    credentials: Credentials,
    *,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """All headers to send: those given, and the ones that prove the request.

    Args:
        credentials: whose request it is.
        method: upper case.
        url: exactly as it is sent.
        headers: those to sign beside host and date.
        body: exactly as it is sent.
        region: e.g. `eu-west-1`.
        service: e.g. `lambda`.
        now: epoch seconds; the service refuses more than five minutes of difference.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    proven = {**headers, "X-Amz-Date": stamp}
    if credentials.session_token:
        proven["X-Amz-Security-Token"] = credentials.session_token
    canonical, signed = _canonical(method, url, proven, body)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join((ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.new(_key(credentials.secret_access_key, stamp[:8], region, service), to_sign.encode(), hashlib.sha256)
    proven["Authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={signed}, Signature={signature.hexdigest()}"
    )
    return proven


def _canonical(method: str, url: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
    parts = urlsplit(url)
    named = {name.lower(): " ".join(value.split()) for name, value in headers.items()} | {"host": parts.netloc}
    signed = ";".join(sorted(named))
    lines = (
        method,
        quote(parts.path or "/", safe=f"/{_UNRESERVED}"),  # encoded once more than it is sent: every service but S3
        _canonical_query(parts.query),
        "".join(f"{name}:{named[name]}\n" for name in sorted(named)),
        signed,
        hashlib.sha256(body).hexdigest(),
    )
    return "\n".join(lines), signed


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
    encoded = sorted((quote(key, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for key, value in pairs)
    return "&".join(f"{key}={value}" for key, value in encoded)


def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
