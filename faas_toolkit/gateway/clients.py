"""The programs that may call: the setting `clients`, and whose key a request shows."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import field

from faas_toolkit.core.call import ApiClient
from faas_toolkit.core.errors import Failure, InvalidInput, Unauthenticated, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import parse_json, printable, require_clean_text

SHORTEST_KEY = 20
"""Characters; a key of that many random letters and digits cannot be tried out."""
_MAX_CLIENTS = 200
_MAX_NAME_CHARS = 100
_EXAMPLE = 'Example: {"support-agent": {"key": "…", "role": "member"}}. Make a key with: openssl rand -hex 24'


@immutable
class KnownClient:
    """A client and the digest of its key; the key itself is not kept."""

    client: ApiClient
    digest: bytes = field(repr=False)


def parse_clients(setting: object) -> tuple[KnownClient, ...]:
    """The clients of the setting, `{name: {key, role}}` as JSON.

    Raises:
        Unavailable: nobody is configured, so nobody can be let in.
        InvalidInput: saying what is wrong, never a key.
    """
    if setting is None or setting == "":
        raise Unavailable(
            "No client may call this endpoint yet.",
            hint=f"An administrator fills in the endpoint's setting 'clients'. {_EXAMPLE}",
            retryable=False,
        )
    if not isinstance(setting, str):
        raise _wrong(f"must be a text, got {type(setting).__name__}")
    try:
        document = parse_json(setting, "Setting 'clients'")
    except Failure as failure:
        raise InvalidInput(failure.message, hint=_EXAMPLE) from failure
    if not isinstance(document, dict) or not 1 <= len(document) <= _MAX_CLIENTS:
        raise _wrong(f"must be one JSON object with 1 to {_MAX_CLIENTS} names")
    known = tuple(_known(name, entry) for name, entry in document.items())
    if len({each.digest for each in known}) < len(known):
        raise _wrong("gives two clients the same key; then nobody could tell them apart")
    return known


def _known(name: str, entry: object) -> KnownClient:
    shown = printable(name)
    if not name.strip() or len(name) > _MAX_NAME_CHARS or not name.isprintable():
        raise _wrong(f"names a client {shown!r}; a name has 1 to {_MAX_NAME_CHARS} printable characters")
    if not isinstance(entry, dict) or set(entry) != {"key", "role"}:
        raise _wrong(f"must give {shown!r} a key and a role, and nothing else")
    key, role = entry["key"], entry["role"]
    if not isinstance(key, str) or len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise _wrong(f"must give {shown!r} a key of at least {SHORTEST_KEY} ASCII characters without blanks")
    if not isinstance(role, str) or not role.strip():
        raise _wrong(f"must give {shown!r} the name of a role of the catalog")
    return KnownClient(ApiClient(name=name, role=require_clean_text(role, "A role", 200).strip()), _digest(key))


def identify(authorization: str, known: Iterable[KnownClient]) -> ApiClient:
    """Whose key the header `Authorization` shows.

    Every key is compared, each in constant time and as a digest, so that time tells neither a key's beginning nor its length.

    Raises:
        Unauthenticated: no key, or nobody's.
    """
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthenticated("This endpoint needs the key of a client.", hint="Send the header 'Authorization: Bearer <key>'.")
    shown, found = _digest(key.strip()), None
    for each in known:
        if hmac.compare_digest(each.digest, shown):
            found = each.client
    if found is None:
        raise Unauthenticated(
            "This key belongs to no client of this endpoint.",
            hint="Send 'Authorization: Bearer <key>' with a key of the endpoint's setting 'clients'.",
        )
    return found


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def _wrong(what: str) -> InvalidInput:
    return InvalidInput(f"Setting 'clients' {what}.", hint=_EXAMPLE)
