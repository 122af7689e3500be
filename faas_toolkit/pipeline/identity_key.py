"""One key that identity tokens are checked with. It is of one algorithm, which its type decides and never the token.

So a token that names HS256 is never checked with a public key, which everybody knows, and `none` has no key at all.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import printable

Algorithm = Literal["HS256", "RS256", "ES256", "EdDSA"]
PUBLIC: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA")

SHORTEST_SECRET_BYTES = 32
"""RFC 7518 §3.2: a key of the same size as the hash output or larger."""
RSA_BITS = (2_048, 4_096)
"""RFC 7518 §3.3 gives the least; checking with the largest takes 0.1 ms, and no other call goes on meanwhile."""
_LARGEST_EXPONENT = 1 << 32
"""Larger ones make checking a signature as slow as making one."""
MAX_KEYS = 50
_MAX_NAME_CHARS = 200

_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC_MEMBERS = ("kty", "crv", "n", "e", "x", "y")
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----")
_NO_PEM = "A public key stands between the lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----."
_OTHER_TYPE = "it is none of RSA, EC on the curve P-256 and Ed25519"


class _Unusable(Exception):
    """Why a key cannot be used, without the key."""


@immutable
class VerifyingKey:
    """A shared secret or a public key."""

    algorithm: Algorithm
    """The only one that it is used with."""
    material: Any = field(repr=False)
    kid: str | None = None
    """The id by which tokens name it, where it has one."""


def key_of_secret(secret: bytes, kid: str | None = None) -> VerifyingKey:
    """A shared secret for HS256.

    Raises:
        InvalidInput: it is short, or a public key, which anybody may know and could then sign with.
    """
    if len(secret) < SHORTEST_SECRET_BYTES:
        raise InvalidInput(
            f"it holds a secret of fewer than {SHORTEST_SECRET_BYTES} bytes.",
            hint="Commas separate several secrets. Make one with: openssl rand -hex 32",
        )
    if _is_public(secret):
        raise InvalidInput("it holds a public key where a shared secret would stand; anybody may know it.", hint=_NO_PEM)
    return VerifyingKey("HS256", secret, kid)


def keys_of_pem(text: str) -> tuple[VerifyingKey, ...]:
    """The public keys of one or more PEM blocks, whose line breaks may have become blanks: a form's field has one line.

    Raises:
        InvalidInput: a block is none, is private, a certificate, too weak or of another type.
    """
    text = text.replace("\\n", "\n")
    if _PEM.sub("", text).strip(" ,\r\n\t"):
        raise InvalidInput("it holds more than whole PEM blocks.", hint=_NO_PEM)
    try:
        keys = [_key_of_block(label, body) for label, body in _PEM.findall(text)]
    except _Unusable as problem:
        raise InvalidInput(f"one of its PEM blocks cannot be used: {problem}.", hint=_NO_PEM) from None
    if len(keys) > MAX_KEYS:
        raise InvalidInput(f"it holds more than {MAX_KEYS} keys.")
    return tuple(keys)


def keys_of_set(document: object, *, secrets: bool) -> tuple[VerifyingKey, ...]:
    """The keys of a JWKS (RFC 7517 §5) that can check tokens; the others in it are for something else and left out.

    Args:
        document: the parsed JSON.
        secrets: whether shared secrets (`oct`) are taken; whoever can read a set at an address could sign with them.

    Raises:
        InvalidInput: it is no key set, too large, or nothing in it can be used; the text says why.
    """
    given = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(given, list) or not given:
        raise InvalidInput("it is no key set (JWKS).", hint='A key set looks like {"keys": [{"kty": "RSA", …}]}.')
    if len(given) > MAX_KEYS:
        raise InvalidInput(f"its key set holds {len(given):,} keys; at most {MAX_KEYS} are taken.")
    keys, problems = [], []
    for place, jwk in enumerate(given):
        try:
            keys.append(_key_of_jwk(jwk, secrets=secrets))
        except _Unusable as problem:
            problems.append(f"keys[{place}]: {problem}")
    if not keys:
        raise InvalidInput(
            f"no key of its key set can be used. {'; '.join(problems[:3])}.",
            hint="It takes RSA keys of 2,048 to 4,096 bits, EC keys on P-256 and Ed25519 keys, all for signatures.",
        )
    return tuple(keys)


def named(keys: Iterable[VerifyingKey], kid: str | None) -> Sequence[VerifyingKey]:
    """The keys that a token with this key id can have been signed with; several may have one id."""
    return [key for key in keys if kid is None or key.kid in (None, kid)]


def _key_of_jwk(jwk: object, *, secrets: bool) -> VerifyingKey:
    if not isinstance(jwk, Mapping):
        raise _Unusable("it is no object")
    kid = jwk.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= _MAX_NAME_CHARS):
        raise _Unusable(f"its kid is no text of 1 to {_MAX_NAME_CHARS} characters")
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk):
        raise _Unusable("it is not for signatures (use, key_ops)")
    key = _secret_of_jwk(jwk, kid, allowed=secrets) if jwk.get("kty") == "oct" else _public_of_jwk(jwk, kid)
    said = jwk.get("alg", key.algorithm)
    if said != key.algorithm and (key.algorithm, said) != ("EdDSA", "Ed25519"):  # RFC 9864 renamed it
        raise _Unusable(f"it is for the algorithm {printable(said, 20)}, and a key of its type is used with {key.algorithm}")
    return key


def _operations(jwk: Mapping[str, object]) -> Sequence[object]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _secret_of_jwk(jwk: Mapping[str, object], kid: str | None, *, allowed: bool) -> VerifyingKey:
    if not allowed:
        raise _Unusable("it is a shared secret (oct), and everybody can read it there")
    encoded = jwk.get("k")
    try:
        secret = base64.b64decode(str(encoded) + "=" * (-len(str(encoded)) % 4), altchars=b"-_", validate=True)
        return key_of_secret(secret, kid)
    except (binascii.Error, ValueError):
        raise _Unusable("its secret is not base64url") from None
    except InvalidInput as problem:
        raise _Unusable(problem.message.rstrip(".")) from None


def _public_of_jwk(jwk: Mapping[str, object], kid: str | None) -> VerifyingKey:
    import jwt

    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise _Unusable("it is a private key, and only its issuer may have that")
    try:
        material = jwt.PyJWK({name: jwk[name] for name in _PUBLIC_MEMBERS if name in jwk}, algorithm=_algorithm_of(jwk)).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):  # what is no base64, no point of the curve, no text
        raise _Unusable("its numbers make no key") from None
    return _public(material, kid)


def _algorithm_of(jwk: Mapping[str, object]) -> Algorithm:
    known: Mapping[object, Algorithm] = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in known:
        raise _Unusable(_OTHER_TYPE)
    if kind != "RSA" and jwk.get("crv") not in ("P-256", "Ed25519"):
        raise _Unusable(f"it is on the curve {printable(jwk.get('crv'), 20)}; P-256 and Ed25519 are taken")
    return known[kind]


def _key_of_block(label: str, body: str) -> VerifyingKey:
    if "PRIVATE" in label:
        raise _Unusable("it is a private key, which only its issuer may have; print the public one with: openssl pkey -pubout")
    if label not in ("PUBLIC KEY", "RSA PUBLIC KEY"):
        raise _Unusable("it is no PUBLIC KEY; print a certificate's with: openssl x509 -noout -pubkey")
    material = _loaded("".join(body.split()).encode())
    if material is None:
        raise _Unusable("it cannot be read")
    return _public(material, None)


def _public(material: object, kid: str | None) -> VerifyingKey:
    """The key with the algorithm of its type."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(material, rsa.RSAPublicKey):
        least, most = RSA_BITS
        if not least <= material.key_size <= most:
            raise _Unusable(f"it is an RSA key of {material.key_size:,} bits; {least:,} to {most:,} are taken")
        if material.public_numbers().e >= _LARGEST_EXPONENT:
            raise _Unusable("its public exponent is too large")
        return VerifyingKey("RS256", material, kid)
    if isinstance(material, ec.EllipticCurvePublicKey):
        if not isinstance(material.curve, ec.SECP256R1):
            raise _Unusable("it is on another curve than P-256")
        return VerifyingKey("ES256", material, kid)
    if isinstance(material, ed25519.Ed25519PublicKey):
        return VerifyingKey("EdDSA", material, kid)
    raise _Unusable(_OTHER_TYPE)


def _is_public(secret: bytes) -> bool:
    text = secret.strip()
    if text.startswith((b"-----BEGIN", b"ssh-", b"ecdsa-sha2-", b"{", b"[", b"https:", b"http:")):
        return True
    return text.startswith(b"M") and _loaded(text) is not None  # as base64, what is DER begins so


def _loaded(encoded: bytes) -> object:
    """The public key in base64 of DER; None where it is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        return load_der_public_key(base64.b64decode(encoded, validate=True))
    except (ValueError, UnsupportedAlgorithm):  # binascii.Error is a ValueError
        return None
