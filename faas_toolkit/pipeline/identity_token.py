"""Who signed in: an identity token (JWT) checked against the workspace's shared secrets.

HS256 only, and pinned: a token that names another algorithm is refused before anything is computed. Times are compared with the
injected clock, so PyJWT's own checks of them are off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import InvalidInput, Unauthenticated

ALGORITHM = "HS256"
SHORTEST_SECRET_BYTES = 32
"""RFC 7518 §3.2: a key of the same size as the hash output or larger."""
MAX_TOKEN_CHARS = 8_192
LEEWAY_SECONDS = 30.0
LONGEST_LIFE_SECONDS = 24 * 3600.0
"""A token that is valid for longer than a day is a password."""


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
        InvalidInput: a secret is shorter than 32 bytes.
    """
    keys = tuple(key.strip().encode() for key in setting.split(",") if key.strip())
    if any(len(key) < SHORTEST_SECRET_BYTES for key in keys):
        raise InvalidInput(
            f"Setting 'identity_keys' holds a secret of fewer than {SHORTEST_SECRET_BYTES} bytes.",
            hint="Make one with: openssl rand -hex 32",
        )
    return keys


class TokenVerifier:
    """Verifies tokens.

    Args:
        keys: shared secrets; a token signed with any of them is taken.
        clock: what time it is.
    """

    def __init__(self, *, keys: tuple[bytes, ...], clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def verify(self, token: str) -> Identity:
        """The identity that the token proves.

        Raises:
            Unauthenticated: saying which check failed, never the token.
        """
        token = token.removeprefix("Bearer ").strip()
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise Unauthenticated(f"The identity token is no JWT: at most {MAX_TOKEN_CHARS:,} ASCII characters are taken.")
        claims = self._claims(token)
        self._check_times(claims)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.strip() or len(subject) > 200:
            raise Unauthenticated("The identity token has no subject.", hint="Put the user's id into its claim `sub`.")
        return Identity(
            subject=subject,
            roles=_names(claims.get("roles"), "roles"),
            groups=frozenset(_names(claims.get("groups"), "groups")),
            tenant=claims["tenant"] if isinstance(claims.get("tenant"), str) else None,
        )

    def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt

        self._check_algorithm(token)
        for key in self._keys:
            try:
                claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=[ALGORITHM], options=_NO_TIME_CHECKS)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, RecursionError) as error:
                raise Unauthenticated("The identity token is not a JWT that can be read.") from error
            return claims
        raise Unauthenticated(
            "The identity token's signature does not fit.", hint="Sign it with a secret of the setting `identity_keys`."
        )

    def _check_algorithm(self, token: str) -> None:
        import jwt

        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Unauthenticated("The identity token is not a JWT that can be read.") from error
        if algorithm != ALGORITHM:
            raise Unauthenticated(f"The identity token must be signed with {ALGORITHM}.")

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.epoch()
        expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
        if expires is None:
            raise Unauthenticated("The identity token has no expiry.", hint="Give it a claim `exp`, at most one day ahead.")
        if expires <= now - LEEWAY_SECONDS:
            raise Unauthenticated("The identity token has expired.", hint="Get a new one.")
        if expires > (issued if issued is not None else now) + LONGEST_LIFE_SECONDS + LEEWAY_SECONDS:
            raise Unauthenticated("The identity token is valid for longer than one day.", hint="Set `exp` at most 24 h ahead.")
        starts = max((time for time in (issued, _seconds(claims, "nbf")) if time is not None), default=now)
        if starts > now + LEEWAY_SECONDS:
            raise Unauthenticated("The identity token is not valid yet.", hint="Check the clock of its issuer.")


_NO_TIME_CHECKS: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_iss": False}


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e12:  # NaN fails the comparison
        raise Unauthenticated(f"The identity token's claim `{name}` is not a time in seconds.")
    return float(value)


def _names(value: object, claim: str) -> tuple[str, ...]:
    names = value.split() if isinstance(value, str) else value
    if names is None:
        return ()
    if not isinstance(names, list) or len(names) > 100 or not all(isinstance(name, str) and len(name) <= 200 for name in names):
        raise Unauthenticated(f"The identity token's claim `{claim}` must be a list of at most 100 names.")
    return tuple(dict.fromkeys(names))
