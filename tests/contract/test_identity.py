"""Identity through the plugin process: an issuer's key set over real TLS, roles from its tokens, rows by what they say."""

import json

import jwt
import pytest

from faas_toolkit.core.clock import SystemClock
from tests.fakes.identity import key_set, private_key, public_jwk, public_pem
from tests.fakes.servers import make_certificates, serving
from tests.rules.tree import ROOT
from tests.unit.pipeline.test_identity_token import raw
from workbench.host import PluginHost
from workbench.surfaces import sender_for

ISSUER = "https://id.example/realms/acme"
ROLES = {
    "member": {"allow": []},
    "seller": {"allow": ["crm.read"], "crm": {"sources": ["*"], "rows": {"deal": {"owner": "$subject"}}}},
    "boss": {"allow": ["crm.read"], "crm": {"sources": ["*"]}},
}
CATALOG = json.dumps({"version": 1, "roles": ROLES})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("issuer"), "127.0.0.1")


@pytest.fixture(scope="module")
def issuer(certificates):
    """Serves its keys at `/jwks`; what else is asked of it stands in `exchanges`."""
    body = json.dumps(key_set(public_jwk("RS256"), public_jwk("ES256"), public_jwk("EdDSA"))).encode()

    def answer(exchange):
        exchange.answer(body, headers="Content-Type: application/json\r\nCache-Control: max-age=600")

    with serving(answer, tls=certificates.context()) as server:
        yield server


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("identity"))
    with PluginHost(ROOT, environment={"FAAS_TOOLKIT_DATA_DIR": folder, "FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"}) as host:
        yield host


@pytest.fixture
def setting(issuer, certificates):
    def text(**changes):
        written = {
            "jwks": f"https://127.0.0.1:{issuer.port}/jwks",
            "issuer": ISSUER,
            "audience": "crm",
            "claims": {"roles": "realm_access.roles"},
            "tls": {"ca": certificates.authority},
        }
        return json.dumps({name: value for name, value in {**written, **changes}.items() if value is not ...})

    return text


@pytest.fixture
def ask(plugin, setting):
    def call(token, tool="crm_lookup", keys=None, **arguments):
        reply = plugin.invoke_tool(
            tool,
            {
                "entity": "deal",
                "filters": '{"name": {"empty": false}}',
                "limit": 50,
                **arguments,
                "identity_token": token,
                "on_error": "return",
            },
            sender=sender_for("workflow", app="app"),
            credentials={"catalog": CATALOG, "identity_keys": setting() if keys is None else keys},
            timeout=60,
        )
        assert reply.error is None
        return reply.variables

    return call


def claims(*roles, subject="mei.lin"):
    return {
        "sub": subject,
        "iss": ISSUER,
        "aud": "crm",
        "exp": int(SystemClock().epoch()) + 600,
        "realm_access": {"roles": list(roles)},
    }


def token(*roles, algorithm="RS256", name="first", subject="mei.lin", **headers):
    key = private_key(algorithm, name)
    return jwt.encode(claims(*roles, subject=subject), key, algorithm=algorithm, headers={"kid": "first", **headers})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_of_the_issuer_gives_its_roles_and_their_rows(ask, algorithm):
    whole = ask(token("boss", algorithm=algorithm))
    owners = {record["owner"] for record in whole["records"]}
    assert len(owners) > 1
    owner = min(owners)
    mine = ask(token("seller", "offline_access", algorithm=algorithm, subject=owner))
    assert {record["owner"] for record in mine["records"]} == {owner}
    assert 0 < mine["total"] < whole["total"]
    nobody = ask(token("seller", algorithm=algorithm, subject="nobody"))
    assert (nobody["records"], nobody["total"]) == ([], 0)


def test_kept_answers_of_one_caller_are_not_given_to_another(ask):
    owner = ask(token("boss"))["records"][0]["owner"]
    first, again = ask(token("seller", subject=owner)), ask(token("seller", subject=owner))
    assert again["meta"]["cached"] is True
    assert again["records"] == first["records"] != []
    other = ask(token("seller", subject="nobody"))
    assert other["records"] == []


def test_forged_tokens_are_refused_and_the_servers_they_name_are_not_asked(ask, issuer):
    ask(token("boss"))
    asked = len(issuer.exchanges)
    theirs = f"https://127.0.0.1:{issuer.port}/attacker"
    forged = {
        "another key": token("boss", name="attacker"),
        "another key and where it is": token(
            "boss", name="attacker", jku=theirs, x5u=theirs, jwk=public_jwk("RS256", "attacker")
        ),
        "the public key as a secret": raw(
            claims("boss"), header={"alg": "HS256", "kid": "first"}, key=public_pem("RS256").encode()
        ),
        "no signature": raw(claims("boss"), header={"alg": "none"}).rpartition(".")[0] + ".",
        "another issuer": jwt.encode({**claims("boss"), "iss": "https://evil.example"}, private_key("RS256"), "RS256"),
        "for another": jwt.encode({**claims("boss"), "aud": "shop"}, private_key("RS256"), "RS256"),
        "expired": jwt.encode({**claims("boss"), "exp": int(SystemClock().epoch()) - 60}, private_key("RS256"), "RS256"),
    }
    for what, each in forged.items():
        refused = ask(each)
        assert refused["error"]["kind"] == "unauthenticated", what
        assert each[:40] not in json.dumps(refused)
    assert [exchange.first_line for exchange in issuer.exchanges[asked:]] == []


def test_the_form_says_what_is_wrong_with_the_keys_at_save_time(plugin, setting, issuer):
    def told(keys):
        error = plugin.validate_credentials({"catalog": CATALOG, "identity_keys": keys}).error
        return "" if error is None else error.message

    assert told(setting()) == ""
    assert told(public_pem("ES256").replace("\n", " ")) == ""
    assert "certificate" in told(setting(tls=...))
    assert "cannot be reached" in told(setting(jwks="https://127.0.0.1:1/jwks"))
    assert "cannot be resolved" in told(setting(jwks="https://issuer.invalid/jwks"))
    assert "cloud metadata" in told(setting(jwks="https://169.254.169.254/jwks"))
    assert "Did you mean 'issuer'?" in told('{"jwks": "https://id.example/", "isuer": "x"}')
    for keys in (setting(tls=...), setting(jwks="https://127.0.0.1:1/jwks"), "short"):
        assert "identity_keys" in told(keys)
