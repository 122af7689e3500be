"""Keys of an issuer of identity tokens, made for one test run, and what it signs with them."""

import base64
import json
from functools import cache

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient

NOW = 1_790_000_000
CLAIMS = {"sub": "alice", "iat": NOW, "exp": NOW + 600, "aud": "faas_toolkit"}
PUBLIC_ALGORITHMS = ("RS256", "ES256", "EdDSA")


def private_key(algorithm, name="first"):
    """One key for each algorithm and name."""
    return _made(algorithm, name)


@cache
def _made(algorithm, name):
    if algorithm == "RS256":
        return rsa.generate_private_key(65_537, 2_048)
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def pem(key):
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def public_pem(algorithm, name="first"):
    return pem(private_key(algorithm, name).public_key())


def jwk_of(key, **members):
    """The public JWK of a private key."""
    kinds = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm, ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm}
    kind = next((kind for base, kind in kinds.items() if isinstance(key, base)), jwt.algorithms.OKPAlgorithm)
    return {**json.loads(kind.to_jwk(key.public_key())), **members}


def public_jwk(algorithm, name="first", **members):
    """With its name as key id, unless a member says otherwise; `...` leaves one out."""
    made = jwk_of(private_key(algorithm, name), **{"kid": name, "use": "sig", "alg": algorithm} | members)
    made.pop("key_ops", None) if "key_ops" not in members else None
    return {member: value for member, value in made.items() if value is not ...}


def secret_jwk(secret, **members):
    return {"kty": "oct", "k": base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), **members}


def key_set(*keys):
    return {"keys": list(keys)}


def issued(algorithm, name="first", *, headers=None, **claims):
    """A token; `...` leaves a claim out."""
    payload = {claim: value for claim, value in (CLAIMS | claims).items() if value is not ...}
    return jwt.encode(payload, private_key(algorithm, name), algorithm=algorithm, headers={"kid": name} | (headers or {}))


def client_over(transport):
    """An HTTP client for which every name is a public address."""
    return HttpClient(guard=EgressGuard(environment={}, resolve=lambda host, port: ["93.184.215.14"]), transport=transport)
