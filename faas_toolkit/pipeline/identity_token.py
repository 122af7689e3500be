"""Who signed in: an identity token (JWT) checked against the workspace's shared secrets.

HS256 only, and pinned: a token that names another algorithm is refused before anything is computed. Times are compared with the
injected clock, so PyJWT's own checks of them are off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import InvalidInput, Unauthenticated

ALGORITHM = "HS256"
SHORTEST_SECRET_BYTES = 32
"""RFC 7518 §3.2: a key of the same size as the hash output or larger."""
MAX_TOKEN_CHARS = 8_192
LEEWAY_SECONDS = 30.0
"""How far the clocks of issuer and plugin may differ."""
LONGEST_LIFE_SECONDS = 24 * 3600.0
"""A token that is valid for longer than a day is a password."""
DEFAULT_AUDIENCE = "faas_toolkit"
"""A token that names audiences must name this one (RFC 7519 §4.1.3), unless another was configured."""
_MAX_NAMES = 100
_MAX_NAME_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a verified token says."""

    subject: str
    roles: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    tenant: str | None = None


def parse_identity_keys(setting: str) -> tuple[bytes, ...]:
    """The shared secrets of the setting `identity_keys`, separated by commas; several for rotation, all are tried.

    Raises:
        InvalidInput: a secret is shorter than 32 bytes, or it is a key set, an address or a public key: anyone may know those, so
            as shared secrets they would let anyone sign.
    """
    if setting.lstrip().startswith(("{", "[", "http://", "https://", "-----BEGIN")):
        raise InvalidInput(
            "Setting 'identity_keys' takes shared secrets (HS256); key sets (JWKS), their addresses and public keys come later.",
            hint="Make a secret with: openssl rand -hex 32",
        )
    keys = tuple(dict.fromkeys(key.strip().encode() for key in setting.split(",") if key.strip()))
    if any(len(key) < SHORTEST_SECRET_BYTES for key in keys):
        raise InvalidInput(
            f"Setting 'identity_keys' holds a secret of fewer than {SHORTEST_SECRET_BYTES} bytes.",
            hint="Commas separate several secrets. Make one with: openssl rand -hex 32",
        )
    return keys


class TokenVerifier:
    """Verifies tokens.

    Args:
        keys: shared secrets; a token signed with any of them is taken.
        clock: what time it is.
        issuer: what the claim `iss` must say; None: it is not looked at.
        audience: what the claim `aud` must name; None: where a token has one, it must name `faas_toolkit`.
    """

    def __init__(self, *, keys: tuple[bytes, ...], clock: Clock, issuer: str | None = None, audience: str | None = None) -> None:
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._audience = audience

    def verify(self, token: str) -> Identity:
        """The identity that the token proves.

        Raises:
            Unauthenticated: saying which check failed, never the token.
        """
        token = token.strip()
        token = token[7:].lstrip() if token[:7].lower() == "bearer " else token
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise Unauthenticated(f"The identity token is no JWT: at most {MAX_TOKEN_CHARS:,} ASCII characters are taken.")
        self._check_header(token)
        claims = self._claims(token)
        self._check_times(claims)
        self._check_parties(claims)
        return Identity(
            subject=_subject(claims),
            roles=_names(claims, "roles"),
            groups=frozenset(_names(claims, "groups")),
            tenant=None if claims.get("tenant") is None else _name(claims, "tenant"),
        )

    def _check_header(self, token: str) -> None:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):  # from None: the library's text may quote the token
            raise _unreadable() from None
        if header.get("alg") != ALGORITHM:
            raise Unauthenticated(f"The identity token must be signed with {ALGORITHM}.", hint="Set the algorithm of its issuer.")
        if "crit" in header or "b64" in header:
            raise Unauthenticated("The identity token demands an extension (`crit` or `b64`) that is not served here.")

    def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt

        for key in self._keys:
            try:
                claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, RecursionError):
                raise _unreadable() from None
            return claims
        raise Unauthenticated(
            "The identity token's signature does not fit.", hint="Sign it with a secret of the setting `identity_keys`."
        )

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.epoch()
        expires, issued, starts = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
        if expires is None:
            raise Unauthenticated("The identity token has no expiry.", hint="Give it a claim `exp`, at most one day ahead.")
        if expires <= now - LEEWAY_SECONDS:
            raise Unauthenticated("The identity token has expired.", hint="Get a new one.")
        if max(issued or now, starts or now) > now + LEEWAY_SECONDS:
            raise Unauthenticated("The identity token is not valid yet.", hint="Check the clock of its issuer.")
        if expires - (now if issued is None else issued) > LONGEST_LIFE_SECONDS + LEEWAY_SECONDS:
            raise Unauthenticated("The identity token is valid for longer than one day.", hint="Set `exp` at most 24 h ahead.")

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise Unauthenticated("The identity token comes from another issuer (claim `iss`).")
        audience = claims.get("aud")
        if audience is None and self._audience is None:
            return
        expected = self._audience or DEFAULT_AUDIENCE
        if expected not in (audience if isinstance(audience, list) else [audience]):
            raise Unauthenticated(
                "The identity token is meant for somebody else (claim `aud`).", hint=f"Let `aud` name {expected!r}."
            )


_SIGNATURE_ONLY: Any = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}  # all claims are checked above, with our clock and our texts


def _unreadable() -> Unauthenticated:
    return Unauthenticated("The identity token is not a JWT that can be read.", hint="It has three parts with dots between them.")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:  # NaN fails the comparison
        raise Unauthenticated(f"The identity token's claim `{name}` is not a time in seconds.")
    return float(value)


def _subject(claims: Mapping[str, Any]) -> str:
    if claims.get("sub") is None:
        raise Unauthenticated("The identity token has no subject.", hint="Put the user's id into its claim `sub`.")
    subject = _name(claims, "sub")
    if subject == "workspace" or subject.startswith(("dify:", "client:")):  # callers without a token; quotas count by it
        raise Unauthenticated("The identity token's subject is reserved for callers without a token.")
    return subject


def _name(claims: Mapping[str, Any], claim: str) -> str:
    value = claims[claim]
    if not _is_name(value):
        raise Unauthenticated(
            f"The identity token's claim `{claim}` must be a text of 1 to {_MAX_NAME_CHARS} printable characters."
        )
    return str(value)


def _names(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    value = claims.get(claim)
    names: Sequence[object] = value.split() if isinstance(value, str) else [] if value is None else value
    if not isinstance(names, list) or len(names) > _MAX_NAMES or not all(map(_is_name, names)):
        raise Unauthenticated(
            f"The identity token's claim `{claim}` must be at most {_MAX_NAMES} names: a list, or a text with blanks."
        )
    return tuple(dict.fromkeys(str(name) for name in names))


def _is_name(value: object) -> bool:
    """Printable also means: no lone surrogate and no null character, which no store takes."""
    return isinstance(value, str) and value.strip() != "" and len(value) <= _MAX_NAME_CHARS and value.isprintable()
