"""Who signed in: an identity token (JWT) checked against the workspace's keys.

The algorithm is that of the key; a token only says which one it means. Times are compared with the injected clock, so PyJWT's own
checks of them are off. What a token's header says about where keys are (`jku`, `jwk`, `x5u`, `x5c`) is never looked at.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unauthenticated
from faas_toolkit.core.immutable import immutable
from faas_toolkit.pipeline.identity_claims import ClaimNames, Identity
from faas_toolkit.pipeline.identity_key import Algorithm, VerifyingKey, named

MAX_TOKEN_CHARS = 8_192
LEEWAY_SECONDS = 30.0
"""How far the clocks of issuer and plugin may differ."""
LONGEST_LIFE_SECONDS = 24 * 3600.0
"""A token that is valid for longer than a day is a password."""
DEFAULT_AUDIENCE = "faas_toolkit"
"""A token that names audiences must name this one (RFC 7519 §4.1.3), unless another was configured."""
_MOST_TRIED = 20
"""Keys that one token is checked with; one takes 0.04 to 0.1 ms (measured: HS256 to RSA of 4,096 bits), on the hub."""


class Keys(Protocol):
    """What tokens are checked with."""

    @property
    def algorithms(self) -> Sequence[Algorithm]:
        """Those that the keys can be of."""
        ...

    def candidates(self, kid: str | None) -> Sequence[VerifyingKey]:
        """The keys that may have signed a token with this key id (None: it names none); raises `Unavailable`."""
        ...

    def check(self) -> None:
        """Raises `InvalidInput` where they cannot be had."""
        ...

    def state(self) -> "KeysState":
        """How they are doing, without asking anybody."""
        ...


@immutable
class KeysState:
    """What `diagnose` tells of them."""

    text: str
    usable: bool = True
    failure: Failure | None = None
    """Why they could not be read last time."""


class FixedKeys:
    """Keys that stand in the setting itself."""

    def __init__(self, keys: Sequence[VerifyingKey]) -> None:
        self._keys = tuple(keys)
        self.algorithms: Sequence[Algorithm] = tuple(dict.fromkeys(key.algorithm for key in self._keys))

    def candidates(self, kid: str | None) -> Sequence[VerifyingKey]:
        """The keys of this id, and those without one."""
        return named(self._keys, kid)

    def check(self) -> None:
        """They were checked when they were read."""

    def state(self) -> KeysState:
        """How many there are."""
        return KeysState(f"{len(self._keys)} of {', '.join(self.algorithms)} in the setting")


class TokenVerifier:
    """Verifies tokens.

    Args:
        keys: what they may be signed with.
        clock: what time it is.
        issuer: what the claim `iss` must say; None: it is not looked at.
        audiences: the claim `aud` must name one of them. Empty: it must name `faas_toolkit`, and only a token that is signed with
            a shared secret may have none, since who signs with a public key's other half may sign for many.
        claims: which claim says what.
    """

    def __init__(
        self,
        *,
        keys: Keys,
        clock: Clock,
        issuer: str | None = None,
        audiences: tuple[str, ...] = (),
        claims: ClaimNames | None = None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._issuer = issuer
        self._audiences = audiences
        self._names = claims or ClaimNames()

    def verify(self, token: str) -> Identity:
        """The identity that the token proves.

        Raises:
            Unauthenticated: saying which check failed, never the token.
            Unavailable: the issuer's keys cannot be read.
        """
        token = token.strip()
        token = token[7:].lstrip() if token[:7].lower() == "bearer " else token
        if len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise Unauthenticated(f"The identity token is no JWT: at most {MAX_TOKEN_CHARS:,} ASCII characters are taken.")
        key, claims = self._claims(token, self._candidates(self._header(token)))
        self._check_times(claims)
        self._check_parties(claims, shared=key.algorithm == "HS256")
        return self._names.identity(claims)

    def check(self) -> None:
        """Raises `InvalidInput` where the keys cannot be had."""
        self._keys.check()

    def state(self) -> KeysState:
        """How the keys are doing."""
        return self._keys.state()

    def _header(self, token: str) -> Mapping[str, Any]:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):  # from None: the library's text may quote the token
            raise _unreadable() from None
        if header.get("alg") not in self._keys.algorithms:
            served = " or ".join(self._keys.algorithms)
            raise Unauthenticated(f"The identity token must be signed with {served}.", hint="Set the algorithm of its issuer.")
        if "crit" in header or "b64" in header:
            raise Unauthenticated("The identity token demands an extension (`crit` or `b64`) that is not served here.")
        return header

    def _candidates(self, header: Mapping[str, Any]) -> Sequence[VerifyingKey]:
        fitting = [key for key in self._keys.candidates(header.get("kid")) if key.algorithm == header["alg"]]
        if not fitting:
            raise Unauthenticated(
                f"The identity token names a key of {header['alg']} (`kid`) that the setting `identity_keys` does not lead to.",
                hint="Its issuer signs with a key that it publishes, or an administrator adds the key.",
            )
        if len(fitting) > _MOST_TRIED:
            raise Unauthenticated(
                f"Any of {len(fitting)} keys may have signed the identity token.", hint="Name the key in its header `kid`."
            )
        return fitting

    def _claims(self, token: str, keys: Sequence[VerifyingKey]) -> tuple[VerifyingKey, Mapping[str, Any]]:
        import jwt

        for key in keys:
            try:
                return key, jwt.decode(token, key.material, algorithms=[key.algorithm], options=_SIGNATURE_ONLY)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, RecursionError):
                raise _unreadable() from None
        raise Unauthenticated(
            "The identity token's signature does not fit.", hint="Sign it with a key of the setting `identity_keys`."
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

    def _check_parties(self, claims: Mapping[str, Any], *, shared: bool) -> None:
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise Unauthenticated("The identity token comes from another issuer (claim `iss`).")
        audience = claims.get("aud")
        if audience is None and shared and not self._audiences:
            return
        expected = self._audiences or (DEFAULT_AUDIENCE,)
        if not any(each in expected for each in (audience if isinstance(audience, list) else [audience])):
            wanted = " or ".join(map(repr, expected))
            raise Unauthenticated(
                "The identity token is meant for somebody else (claim `aud`).", hint=f"Let `aud` name {wanted}."
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
