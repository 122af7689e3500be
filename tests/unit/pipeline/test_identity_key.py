"""A key is of one algorithm, by its type; what is weak, private or meant for something else is not taken."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.errors import InvalidInput, Unauthenticated
from faas_toolkit.pipeline.identity_key import key_of_secret, keys_of_pem, keys_of_set
from faas_toolkit.pipeline.identity_token import FixedKeys, TokenVerifier
from tests.fakes.clock import FakeClock
from tests.fakes.identity import (
    CLAIMS,
    NOW,
    PUBLIC_ALGORITHMS,
    issued,
    jwk_of,
    key_set,
    pem,
    private_key,
    public_jwk,
    public_pem,
    secret_jwk,
)
from tests.unit.pipeline.test_identity_token import raw, refusal

SECRET = b"s" * 40


def over(*keys):
    return TokenVerifier(keys=FixedKeys(keys), clock=FakeClock(epoch=NOW))


def of_set(*jwks, secrets=True):
    return over(*keys_of_set(key_set(*jwks), secrets=secrets))


def unusable(make):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert caught.value.__cause__ is None
    return caught.value.as_text()


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_token_is_checked_with_the_public_key_of_its_issuer(algorithm):
    for verifier in (over(*keys_of_pem(public_pem(algorithm))), of_set(public_jwk(algorithm))):
        assert verifier.verify(issued(algorithm)).subject == "alice"
        assert "does not fit" in refusal(verifier, issued(algorithm, "second", headers={"kid": "first"}))


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_changed_payload_is_refused(algorithm):
    head, _, mac = issued(algorithm).split(".")
    other = issued(algorithm, sub="mallory").split(".")[1]
    assert "does not fit" in refusal(of_set(public_jwk(algorithm)), f"{head}.{other}.{mac}")


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(algorithm):
    public = private_key(algorithm).public_key()
    forms = [public_pem(algorithm), json.dumps(public_jwk(algorithm)), json.dumps(jwk_of(private_key(algorithm)))]
    known = [form.encode() for form in forms] + [public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)]
    for verifier in (over(*keys_of_pem(public_pem(algorithm))), of_set(public_jwk(algorithm))):
        for secret in known:
            for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "first"}):
                assert f"must be signed with {algorithm}" in refusal(verifier, raw(CLAIMS, header=header, key=secret))


def test_also_beside_a_real_shared_secret_a_public_key_never_checks_hs256():
    verifier = of_set(public_jwk("RS256"), secret_jwk(SECRET, kid="shared"))
    forged = raw(CLAIMS, header={"alg": "HS256", "kid": "first"}, key=public_pem("RS256").encode())
    assert "does not lead to" in refusal(verifier, forged)
    assert "does not fit" in refusal(verifier, raw(CLAIMS, header={"alg": "HS256"}, key=public_pem("RS256").encode()))
    assert verifier.verify(raw(CLAIMS, header={"alg": "HS256", "kid": "shared"}, key=SECRET)).subject == "alice"


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
@pytest.mark.parametrize("named", ["none", "None", "HS256", "HS512", "RS512", "PS256", "ES384", "ES256K", "", None, 7, ["RS256"]])
def test_the_token_does_not_choose_the_algorithm(algorithm, named):
    head, payload, mac = issued(algorithm).split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"alg": named, "kid": "first"}).encode()).rstrip(b"=").decode()
    for token in (f"{forged}.{payload}.{mac}", f"{forged}.{payload}."):
        refusal(of_set(public_jwk(algorithm)), token)
    assert head


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_an_algorithm_of_another_public_key_is_refused(algorithm):
    other = next(each for each in PUBLIC_ALGORITHMS if each != algorithm)
    verifier = of_set(public_jwk(algorithm), public_jwk(other, "other"))
    forged = issued(other, headers={"kid": "first"})  # the id of the first key, the algorithm of the other
    assert "does not lead to" in refusal(verifier, forged)


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_what_the_header_says_about_keys_is_not_looked_at(algorithm):
    theirs = jwk_of(private_key(algorithm, "attacker"))
    said = {
        "jku": "https://attacker.example/keys",
        "jwk": theirs,
        "x5u": "https://attacker.example/c",
        "x5c": ["MII"],
        "kid": "first",
    }
    verifier = of_set(public_jwk(algorithm))
    assert "does not fit" in refusal(verifier, issued(algorithm, "attacker", headers=said))
    assert verifier.verify(issued(algorithm, headers=said)).subject == "alice"  # some issuers always send them


def test_a_token_names_its_key_and_one_that_names_none_is_tried_with_all():
    verifier = of_set(public_jwk("ES256"), public_jwk("ES256", "second"))
    assert verifier.verify(issued("ES256", "second")).subject == "alice"
    assert "does not fit" in refusal(verifier, issued("ES256", "second", headers={"kid": "first"}))
    assert "does not lead to" in refusal(verifier, issued("ES256", headers={"kid": "third"}))
    for name in ("first", "second"):
        assert verifier.verify(jwt.encode(CLAIMS, private_key("ES256", name), algorithm="ES256")).subject == "alice"


def test_keys_with_one_id_are_all_tried():
    verifier = of_set(public_jwk("ES256", kid="a"), public_jwk("ES256", "second", kid="a"), public_jwk("RS256", kid="a"))
    for algorithm, name in (("ES256", "first"), ("ES256", "second"), ("RS256", "first")):
        assert verifier.verify(issued(algorithm, name, headers={"kid": "a"})).subject == "alice"


def test_a_token_that_names_no_key_is_not_tried_with_a_great_many():
    verifier = of_set(*(public_jwk("EdDSA", str(number)) for number in range(21)))
    assert "Name the key" in refusal(verifier, jwt.encode(CLAIMS, private_key("EdDSA", "3"), algorithm="EdDSA"))
    assert verifier.verify(issued("EdDSA", "3")).subject == "alice"


@pytest.mark.parametrize("kid", [7, ["first"], {"a": 1}])
def test_a_key_id_that_is_no_text_is_refused(kid):
    refusal(of_set(public_jwk("RS256")), raw(CLAIMS, header={"alg": "RS256", "kid": kid}))


def test_with_a_public_key_the_token_says_whom_it_is_for():
    verifier = of_set(public_jwk("RS256"))
    for audience in (..., "another", None, ["a", "b"], 7, {"a": 1}):
        assert "aud" in refusal(verifier, issued("RS256", aud=audience))
    assert verifier.verify(issued("RS256", aud=["another", "faas_toolkit"])).subject == "alice"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"use": "enc"}, "not for signatures"),
        ({"use": ["sig"]}, "not for signatures"),
        ({"key_ops": ["encrypt"]}, "not for signatures"),
        ({"key_ops": "verify"}, "not for signatures"),
        ({"alg": "RS512"}, "for the algorithm RS512"),
        ({"alg": "PS256"}, "for the algorithm PS256"),
        ({"alg": "HS256"}, "for the algorithm HS256"),
        ({"alg": "none"}, "for the algorithm none"),
        ({"alg": None}, "for the algorithm None"),
        ({"kid": 7}, "its kid"),
        ({"kid": ""}, "its kid"),
        ({"kid": "k" * 201}, "its kid"),
        ({"kty": "EC"}, "curve"),
        ({"kty": "oct"}, "secret"),
        ({"kty": ["RSA"]}, "none of RSA"),
        ({"kty": ...}, "none of RSA"),
        ({"n": "!!"}, "make no key"),
        ({"n": 7}, "make no key"),
        ({"n": ...}, "make no key"),
        ({"e": "AQ"}, "make no key"),
        ({"e": ""}, "make no key"),
        ({"d": "AQAB"}, "private key"),
    ],
)
def test_a_key_for_something_else_is_not_taken(members, why):
    assert why in unusable(lambda: of_set(public_jwk("RS256", **members)))
    assert of_set(public_jwk("RS256", **members), public_jwk("ES256")).verify(issued("ES256")).subject == "alice"


def test_weak_and_oversized_rsa_keys_and_other_curves_are_refused_in_every_form():
    weak, oversized = rsa.generate_private_key(65_537, 1_024), 8_192
    for key, why in (
        (weak, "1,024 bits"),
        (ec.generate_private_key(ec.SECP384R1()), "P-384|another curve"),
        (ec.generate_private_key(ec.SECP256K1()), "secp256k1|another curve"),
        (ed448.Ed448PrivateKey.generate(), "Ed448|none of"),
    ):
        told = (unusable(lambda key=key: of_set(jwk_of(key))), unusable(lambda key=key: keys_of_pem(pem(key.public_key()))))
        for text in told:
            assert any(each in text for each in why.split("|"))
    large = jwk_of(private_key("RS256"))
    large["n"] = base64.urlsafe_b64encode(b"\xff" * (oversized // 8)).rstrip(b"=").decode()
    assert "8,192 bits" in unusable(lambda: of_set(large))
    slow = rsa.RSAPublicNumbers((1 << 33) + 1, private_key("RS256").public_key().public_numbers().n).public_key()
    assert "exponent" in unusable(lambda: keys_of_pem(pem(slow)))


def test_a_point_that_is_not_on_the_curve_makes_no_key():
    jwk = public_jwk("ES256")
    assert "make no key" in unusable(lambda: of_set({**jwk, "y": jwk["x"]}))


def test_shared_secrets_stand_in_a_pasted_set_only():
    assert of_set(secret_jwk(SECRET)).verify(raw(CLAIMS, key=SECRET)).subject == "alice"
    assert "everybody can read it" in unusable(lambda: of_set(secret_jwk(SECRET), secrets=False))
    assert "fewer than 32 bytes" in unusable(lambda: of_set(secret_jwk(b"short")))
    assert "base64url" in unusable(lambda: of_set({"kty": "oct", "k": "!"}))
    mixed = of_set(secret_jwk(SECRET, kid="a"), public_jwk("ES256"), secrets=False)
    assert "must be signed with ES256" in refusal(mixed, raw(CLAIMS, header={"alg": "HS256", "kid": "a"}, key=SECRET))


@pytest.mark.parametrize(
    "document", [None, [], {}, {"keys": []}, {"keys": {}}, {"keys": "x"}, {"keys": [None]}, {"keys": [[]]}, 7]
)
def test_what_is_no_key_set_is_refused(document):
    unusable(lambda: keys_of_set(document, secrets=True))


def test_a_huge_set_is_refused_before_a_key_is_made():
    assert "at most 50" in unusable(lambda: keys_of_set({"keys": [public_jwk("EdDSA")] * 51}, secrets=False))


def test_pem_survives_a_field_of_one_line_and_several_blocks():
    both = public_pem("RS256") + public_pem("EdDSA")
    for text in (both, both.replace("\n", " "), both.replace("\n", ""), both.replace("\n", "\\n"), both.replace("\n", "\r\n")):
        assert [key.algorithm for key in keys_of_pem(text)] == ["RS256", "EdDSA"]


def test_an_rsa_key_in_its_older_form_is_taken():
    old = private_key("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert over(*keys_of_pem(old)).verify(issued("RS256")).subject == "alice"


def test_pem_that_is_no_public_key_is_refused_and_not_quoted():
    private = private_key("ES256").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    told = unusable(lambda: keys_of_pem(private))
    assert "private key" in told
    assert private.splitlines()[1] not in told
    for text in (
        private.replace("PRIVATE KEY", "CERTIFICATE"),
        public_pem("RS256").replace("MII", "!!!"),
        public_pem("RS256")[:-40],
        public_pem("RS256") + "," + "k" * 40,
        public_pem("RS256").replace("MII", "AAA"),
        "-----BEGIN PUBLIC KEY-----" + "A" * 1_000_000,
    ):
        unusable(lambda text=text: keys_of_pem(text))


@pytest.mark.parametrize("algorithm", PUBLIC_ALGORITHMS)
def test_a_public_key_is_never_taken_for_a_shared_secret(algorithm):
    text = public_pem(algorithm)
    forms = [text, "".join(text.splitlines()[1:-1]), json.dumps(public_jwk(algorithm)), "ssh-ed25519 " + "A" * 60]
    for form in forms:
        assert "public key" in unusable(lambda form=form: key_of_secret(form.encode()))
    key_of_secret(b"M" * 44)  # begins as one and is none


@given(
    st.dictionaries(
        st.sampled_from(["kty", "n", "e", "x", "y", "crv", "k", "kid", "use", "alg", "key_ops", "d"]),
        st.none()
        | st.integers()
        | st.text(max_size=20)
        | st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", "AQAB"]),
    )
)
def test_a_key_of_any_shape_is_taken_or_refused(jwk):
    try:
        keys = keys_of_set({"keys": [jwk]}, secrets=False)
    except InvalidInput:
        return
    with pytest.raises(Unauthenticated):
        over(*keys).verify(issued("RS256"))
