"""The setting `identity_keys`: one text, in any of five forms (docs/identity.md), as what checks identity tokens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, fields
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import did_you_mean, parse_json, printable
from faas_toolkit.net.config import Tls
from faas_toolkit.pipeline.identity_claims import ClaimNames
from faas_toolkit.pipeline.identity_jwks import JwksAddress
from faas_toolkit.pipeline.identity_key import VerifyingKey, key_of_secret, keys_of_pem, keys_of_set
from faas_toolkit.pipeline.identity_token import FixedKeys, TokenVerifier

if TYPE_CHECKING:
    from faas_toolkit.net.http import HttpClient

MAX_SECRETS = 20
_MAX_CHARS = 2_000
_EXAMPLE = (
    'Example: {"jwks": "https://id.example.com/jwks.json", "issuer": "https://id.example.com/", "audience": "faas_toolkit"}'
)
_SOURCES = ("jwks", "secrets", "pem")
_KEYS = (*_SOURCES, "issuer", "audience", "claims", "tls")


@immutable(kw_only=True)
class IdentitySetting:
    """What the setting says."""

    keys: tuple[VerifyingKey, ...] = field(default=(), repr=False)
    address: str = ""
    """Of a key set; empty where the keys themselves stand in the setting."""
    issuer: str | None = None
    audiences: tuple[str, ...] = ()
    claims: ClaimNames = field(default_factory=ClaimNames)
    tls: Tls | None = None
    """How the address is opened."""


def open_verifier(setting: str, *, client: "Callable[[], HttpClient]", clock: Clock) -> TokenVerifier | None:
    """What checks tokens; None where the setting is empty. Raises `InvalidInput` as `parse_identity_keys` does."""
    parsed = parse_identity_keys(setting)
    if parsed is None:
        return None
    fetched = JwksAddress(url=parsed.address, tls=parsed.tls, client=client, clock=clock) if parsed.address else None
    keys = fetched or FixedKeys(parsed.keys)
    return TokenVerifier(keys=keys, clock=clock, issuer=parsed.issuer, audiences=parsed.audiences, claims=parsed.claims)


def parse_identity_keys(setting: str) -> IdentitySetting | None:
    """What the setting says; None where there is nothing in it.

    It holds shared secrets with commas between them, public keys as PEM, a key set (JWKS), its address, or an object that names
    one of these with issuer, audience and claims.

    Raises:
        InvalidInput: saying what is wrong, and no part of a key.
    """
    text = setting.strip()
    try:
        if text.startswith(("{", "[")):
            return _of_document(_parsed(text))
        if text.startswith("-----BEGIN"):
            return IdentitySetting(keys=keys_of_pem(text))
        if text.lower().startswith(("https:", "http:")):
            return IdentitySetting(address=_address(text))
        keys = _secrets(text.split(","))
    except InvalidInput as problem:
        raise InvalidInput(f"Setting 'identity_keys' cannot be used: {problem.message}", hint=problem.hint) from None
    return IdentitySetting(keys=keys) if keys else None


def _parsed(text: str) -> Mapping[str, object]:
    try:
        document = parse_json(text, "it")
    except InvalidInput as problem:  # raised anew without its cause, which holds the text
        raise InvalidInput(problem.message, hint=_EXAMPLE) from None
    if not isinstance(document, Mapping):
        raise InvalidInput("it must be one JSON object.", hint=_EXAMPLE)
    return document


def _of_document(document: Mapping[str, object]) -> IdentitySetting:
    if "keys" in document and not document.keys() & set(_KEYS):  # a key set by itself; other members mean nothing (RFC 7517 §5)
        return IdentitySetting(keys=keys_of_set(document, secrets=True))
    for name in document:
        if name not in _KEYS:
            raise InvalidInput(f"there is no key {printable(name)!r}.{did_you_mean(name, _KEYS)}", hint=_EXAMPLE)
    given = [name for name in _SOURCES if name in document]
    if len(given) != 1:
        raise InvalidInput(f"it names {len(given)} of {', '.join(_SOURCES)}; it takes exactly one.", hint=_EXAMPLE)
    keys, address = _keys_of(given[0], document[given[0]])
    return IdentitySetting(
        keys=keys,
        address=address,
        issuer=_text("issuer", document["issuer"]) if "issuer" in document else None,
        audiences=_texts("audience", document["audience"]) if "audience" in document else (),
        claims=_claims(document.get("claims", {})),
        tls=_tls(document["tls"]) if "tls" in document else None,
    )


def _keys_of(kind: str, value: object) -> tuple[tuple[VerifyingKey, ...], str]:
    if kind == "secrets":
        return _secrets(_texts(kind, value)), ""
    if kind == "pem":
        return keys_of_pem("\n".join(_texts(kind, value, 20_000))), ""
    if isinstance(value, Mapping):
        return keys_of_set(value, secrets=True), ""
    return (), _address(_text(kind, value))


def _secrets(texts: Sequence[str]) -> tuple[VerifyingKey, ...]:
    secrets = dict.fromkeys(text.strip().encode() for text in texts if text.strip())
    if len(secrets) > MAX_SECRETS:
        raise InvalidInput(f"it holds {len(secrets)} secrets; at most {MAX_SECRETS} are taken.")
    return tuple(map(key_of_secret, secrets))


def _address(text: str) -> str:
    import httpx

    try:
        url = httpx.URL(text[: _MAX_CHARS + 1])
        urlsplit(text)  # which refuses brackets that are not closed
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    if url.scheme != "https" or not url.host or url.userinfo or len(text) > _MAX_CHARS:
        raise InvalidInput(
            "the address of a key set must begin with https:// and hold no user name.",
            hint="E.g. https://id.example.com/.well-known/jwks.json",
        )
    return text


def _tls(value: object) -> Tls:
    try:
        return Tls.model_validate(value)
    except ValidationError:
        raise InvalidInput(
            "`tls` must be as in the catalog.", hint='Example: {"minimum": "1.2", "ca": "-----BEGIN CERTIFICATE-----\\n…"}'
        ) from None


def _claims(value: object) -> ClaimNames:
    known = [each.name for each in fields(ClaimNames)]
    if not isinstance(value, Mapping):
        raise InvalidInput("`claims` must be an object.", hint='Example: {"roles": "realm_access.roles"}')
    for name in value:
        if name not in known:
            raise InvalidInput(
                f"`claims` has no {printable(name)!r}; it takes {', '.join(known)}.{did_you_mean(name, known)}",
                hint='Example: {"roles": "realm_access.roles"}',
            )
    return ClaimNames(**{str(name): _text(f"claims.{name}", claim) for name, claim in value.items()})


def _text(name: str, value: object, most: int = _MAX_CHARS) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise InvalidInput(f"`{name}` must be a text of 1 to {most:,} characters.", hint=_EXAMPLE)
    return value.strip()


def _texts(name: str, value: object, most: int = _MAX_CHARS) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not 1 <= len(values) <= MAX_SECRETS:
        raise InvalidInput(f"`{name}` must be a text, or a list of 1 to {MAX_SECRETS} texts.", hint=_EXAMPLE)
    return tuple(_text(name, each, most) for each in values)
