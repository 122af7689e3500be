"""Knowledge through the plugin process: found at once, apart by workspace, closed to who may not, on every surface."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from urllib.parse import urlsplit

import pytest

from faas_toolkit.core.clock import SystemClock
from tests.fakes.openai_server import serving as model_serving
from tests.fakes.servers import serving
from workbench.openai_models import ModelServer
from workbench.surfaces import SURFACES, observation, prepare, sender_for

KEY = "".join(["k"] * 40)
TEXT = "# Parking\n\nThe car park opens at seven. The code of the gate is quartz."


def token(**claims) -> str:
    """A signed identity token (HS256)."""

    def part(value) -> bytes:
        return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    body = part({"alg": "HS256", "typ": "JWT"}) + b"." + part({"exp": int(SystemClock().epoch()) + 600, **claims})
    return (body + b"." + urlsafe_b64encode(hmac.digest(KEY.encode(), body, hashlib.sha256)).rstrip(b"=")).decode()


@pytest.fixture
def ask(plugin):
    def call(tool, arguments, *, surface="agent-chat", workspace="knowledge", roles=None, knowledge=None, who=None):
        catalog = {
            "version": 1,
            "roles": roles
            or {
                "member": {"allow": ["knowledge.read", "knowledge.write"], "knowledge": ["*"]},
                "reader": {"allow": ["knowledge.read"], "knowledge": ["*"]},
                "board": {"allow": ["knowledge.read"], "knowledge": ["*"]},
            },
            "knowledge": knowledge or {"notes": {"kind": "embedded"}},
        }
        settings = {"on_error": "return", **({"identity_token": who} if who else {})}
        declared = plugin.declaration.tool(tool)
        return plugin.invoke_tool(
            tool,
            prepare(surface, declared, arguments, settings),
            workspace=workspace,
            sender=sender_for(surface, app=f"{workspace}-app"),
            credentials={"catalog": json.dumps(catalog), "identity_keys": KEY},
            timeout=60,
        )

    return call


@pytest.mark.parametrize("surface", SURFACES)
def test_a_document_is_found_at_once_and_only_in_its_workspace(ask, surface):
    mine, other = f"mine-{surface}", f"other-{surface}"
    before = ask("knowledge_search", {"query": "car park"}, surface=surface, workspace=mine)
    assert before.variables["citations"] == []
    added = ask("knowledge_add", {"text": TEXT}, surface=surface, workspace=mine)
    (document,) = added.variables["documents"]
    found = ask("knowledge_search", {"query": "car park"}, surface=surface, workspace=mine)
    assert "opens at seven" in observation(surface, found).text if surface != "workflow" else found.text
    assert found.variables["citations"][0]["document"] == document["id"]
    assert ("result" in found.variables) is (surface == "workflow")
    elsewhere = ask("knowledge_search", {"query": "car park"}, surface=surface, workspace=other)
    assert "seven" not in elsewhere.text
    assert ask("knowledge_remove", {"document": document["id"]}, surface=surface, workspace=other).variables["ok"] is False
    assert ask("knowledge_remove", {"document": document["id"]}, surface=surface, workspace=mine).variables["removed"] == 1
    gone = ask("knowledge_search", {"query": "car park"}, surface=surface, workspace=mine)
    assert "seven" not in gone.text


@pytest.mark.parametrize("surface", SURFACES)
def test_a_role_without_the_grant_cannot_write(ask, surface):
    reader = token(sub="bob", roles=["reader"])
    for tool, arguments in (("knowledge_add", {"text": TEXT}), ("knowledge_remove", {"document": "notes:1"})):
        reply = ask(tool, arguments, surface=surface, workspace="grants", who=reader)
        assert reply.variables["error"]["kind"] == "forbidden"
    assert ask("knowledge_search", {"query": "car"}, surface=surface, workspace="grants", who=reader).variables["ok"] is True


@pytest.mark.parametrize("surface", SURFACES)
def test_a_passage_is_shown_to_whom_its_list_names_and_kept_answers_do_not_leak(ask, surface):
    workspace = f"access-{surface}"
    access = json.dumps({"roles": ["board"], "subjects": ["alice"], "groups": ["legal"]})
    assert ask("knowledge_add", {"text": TEXT, "access": access}, workspace=workspace, surface=surface).variables["ok"] is True
    admitted = [
        token(sub="carol", roles=["board"]),
        token(sub="alice", roles=["reader"]),
        token(sub="dave", roles=["reader"], groups=["legal"]),
    ]
    refused = [None, token(sub="bob", roles=["reader"]), token(sub="bob", roles=["member"], groups=["sales"])]
    for who in [*admitted, *refused, *admitted, *refused]:  # twice: the second time from the cache
        for arguments in ({"query": "car park"}, {"query": "car park", "filters": '{"title": "Parking"}'}):
            reply = ask("knowledge_search", arguments, workspace=workspace, surface=surface, who=who)
            assert ("quartz" in reply.text) is (who in admitted)
            assert ("Parking" in json.dumps(reply.variables.get("citations", []))) is (who in admitted)


def test_files_of_the_app_are_read(ask):
    def script(exchange):
        exchange.answer("名称,价格\n扫描枪,120\n".encode("gb18030"), headers="Content-Type: text/csv")

    with serving(script) as server:
        url = f"http://127.0.0.1:{server.port}/files/1/file-preview?timestamp=1&nonce=2&sign=3"
        file = {"dify_model_identity": "__dify__file__", "url": url, "filename": "价格.csv", "type": "document", "size": 30}
        reply = ask("knowledge_add", {"files": [file]}, surface="workflow", workspace="files")
    assert reply.variables["documents"][0]["title"] == "价格.csv"
    assert "扫描枪" in ask("knowledge_search", {"query": "扫描枪价格"}, workspace="files").text


def test_an_unset_variable_of_files_is_none_and_a_forged_file_goes_through_the_guard(ask):
    reply = ask("knowledge_add", {"files": [None]}, surface="workflow", workspace="files")
    assert "none of them" in reply.variables["error"]["message"]
    forged = {"dify_model_identity": "__dify__file__", "url": "http://169.254.169.254/latest/a.txt", "filename": "a.txt"}
    reply = ask("knowledge_add", {"files": [{**forged, "type": "document"}]}, surface="agent-node", workspace="files")
    assert reply.variables["error"]["kind"] == "blocked"
    reply = ask("knowledge_add", {"files": "a.txt"}, surface="agent-node", workspace="files")
    assert reply.variables["error"]["kind"] == "invalid_input"


def test_meaning_is_compared_by_a_model_of_dify_s(ask, plugin):
    base = {"notes": {"kind": "embedded", "embedding": {"kind": "dify", "provider": "a/b/c", "model": "small"}}}
    with model_serving([]) as server:
        plugin.workspace("vectors").handlers.update(ModelServer(server.url, server.key).handlers())
        added = ask("knowledge_add", {"text": TEXT}, surface="workflow", workspace="vectors", knowledge=base)
        assert (added.variables["report"]["vectors"], added.variables["report"]["vectors_missing"]) == (1, 0)
        found = ask("knowledge_search", {"query": "zebra"}, workspace="vectors", knowledge=base)
        assert "opens at seven" in found.text
    found = ask("knowledge_search", {"query": "the gate"}, workspace="vectors", knowledge=base)
    assert "opens at seven" in found.text
    assert "Words alone" in found.text


def test_meaning_is_compared_by_an_openai_server(ask, plugin_environment):
    embedding = {"kind": "openai", "url": "https://127.0.0.1:1/v1", "model": "small"}
    base = {"notes": {"kind": "embedded", "embedding": embedding}}
    added = ask("knowledge_add", {"text": TEXT}, surface="workflow", workspace="openai", knowledge=base)
    assert added.variables["ok"] is True
    assert added.variables["report"]["vectors_missing"] == 1
    assert urlsplit(embedding["url"]).hostname in added.text
