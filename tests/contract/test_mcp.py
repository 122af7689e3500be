"""The endpoint `/mcp` of the real plugin process behind the workbench's HTTP front, asked by the official MCP client."""

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest

from workbench.endpoint_front import Hook, serving
from workbench.surfaces import sender_for

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "tests" / "fakes" / "mcp_client.py"
KEYS = {name: f"{name}-{'k' * 24}" for name in ("agent", "reader", "other", "stranger")}
IDENTITY_KEY = "i" * 40
ENCRYPTION_KEY = base64.b64encode(b"e" * 32).decode()
OTHER_ENCRYPTION_KEY = base64.b64encode(b"o" * 32).decode()
SCORED = {
    "type": "object",
    "required": ["score", "drivers"],
    "properties": {"score": {"$ref": "#/$defs/share"}, "drivers": {"type": "array", "items": {"$ref": "#/$defs/driver"}}},
    "$defs": {
        "share": {"type": "number", "minimum": 0, "maximum": 1},
        "driver": {"type": "object", "required": ["fact"], "properties": {"fact": {"type": "string"}}},
    },
}
FACTS = {
    "type": "object",
    "required": ["open_tickets"],
    "additionalProperties": False,
    "properties": {
        "open_tickets": {"type": "integer", "minimum": 0, "examples": [3]},
        "won_deals": {"$ref": "#/$defs/count", "description": "Ask ana@example.com what counts."},
    },
    "$defs": {"count": {"type": "integer", "minimum": 0}},
}


@pytest.fixture(scope="module")
def served(catalog) -> dict:
    """The workspace's catalog: a typed function, one that has a tool's name, and one that a reader may not call."""
    functions = catalog["functions"]
    return {
        "version": 1,
        "roles": {
            "worker": {"allow": ["*"], "functions": ["*"], "crm": {"sources": ["*"]}},
            "reader": {"allow": ["crm.read"], "crm": {"sources": ["*"]}},
        },
        "functions": {
            "churn_score": {**functions["churn_score"], "arguments": FACTS, "result": SCORED},
            "crm_lookup": functions["count"],
            "garbage": functions["garbage"],
        },
        "review": {"detect": ["email"]},
    }


@pytest.fixture(scope="module")
def clients() -> str:
    roles = {"agent": "worker", "reader": "reader"}
    return json.dumps({name: {"key": KEYS[name], "role": role} for name, role in roles.items()})


@pytest.fixture(scope="module")
def front(plugin, served, clients):
    """Each hook is an endpoint that an administrator set up; those of `first` and `second` have a key and no catalog."""
    second = json.dumps({"other": {"key": KEYS["other"], "role": "member"}})
    hooks = [
        Hook(id="own", workspace="mcp-own", settings={"clients": clients, "catalog": json.dumps(served)}),
        Hook(id="bare", workspace="mcp-bare", settings={"clients": second, "catalog": "", "encryption_key": None}),
        Hook(id="nobody", workspace="mcp-own", settings={}),
        Hook(id="careless", workspace="mcp-own", settings={"clients": '{"a": {"key": "short", "role": "r"}}'}),
        Hook(id="broken", workspace="mcp-broken", settings={"clients": second, "catalog": '{"version": 1, "functionz": {}}'}),
        Hook(id="first", workspace="mcp-first", settings={"clients": clients, "encryption_key": ENCRYPTION_KEY}),
        Hook(id="second", workspace="mcp-second", settings={"clients": clients, "encryption_key": ENCRYPTION_KEY}),
        Hook(id="wrong", workspace="mcp-first", settings={"clients": clients, "encryption_key": OTHER_ENCRYPTION_KEY}),
    ]
    with serving(plugin, *hooks) as address:
        yield address


@pytest.fixture
def official(front):
    """What the official client, in its own process, makes of some steps."""

    def run(*steps, hook="own", key="agent", mode="auto", **headers):
        task = {"url": f"{front}/e/{hook}/mcp", "key": KEYS[key], "mode": mode, "do": steps, "headers": headers}
        done = subprocess.run(
            [sys.executable, str(CLIENT)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        )
        assert done.returncode == 0, done.stderr[-3_000:]
        return json.loads(done.stdout)

    return run


@pytest.fixture
def post(front):
    """The bare answer: status, headers, document."""

    def send(document, *, hook="own", key="agent", method="POST", path="mcp", **headers):
        body = document if isinstance(document, bytes) or document is None else json.dumps(document).encode()
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {KEYS[key]}"} if key else {}
        request = urllib.request.Request(
            f"{front}/e/{hook}/{path}",
            data=body,
            method=method,
            headers={**sent, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, said, content = answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as answer:
            status, said, content = answer.code, dict(answer.headers), answer.read()
        assert b"Traceback" not in content
        assert f"{ROOT}/".encode() not in content
        return status, said, json.loads(content) if content else None

    return send


def call(name, arguments, number=1):
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def listing(tools):
    return {tool["name"]: tool for tool in tools["tools"]}


TOOLS = {path.stem for path in (ROOT / "tools").glob("*.yaml")}
READING = TOOLS - {"knowledge_add", "knowledge_remove", "audit_search", "cache_warm", "erase_person"}
"""What the default's role may use."""
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_official_client_connects_lists_and_calls(official, mode):
    found = official(
        ["ping"],
        ["list"],
        ["call", "churn_score", {"open_tickets": 4}],
        ["call", "crm_lookup", {"query": "Wei", "include": ["deals"], "filters": {"country": "China"}}],
        ["call", "function_call", {"function": "churn_score", "arguments": {"open_tickets": 4}}],
        mode=mode,
    )
    assert found["version"] == "2025-11-25"
    assert found["server"]["name"] == "faas_toolkit"
    _, tools, scored, looked_up, by_name = found["done"]
    assert {"crm_lookup", "function_call", "churn_score", "function_crm_lookup", "diagnose"} <= set(listing(tools))
    assert not scored["isError"]
    assert 0 < scored["structuredContent"]["data"]["score"] < 1
    assert scored["content"][0]["text"].startswith("The function answered: ")
    assert looked_up["structuredContent"]["source"] == "sample"
    assert looked_up["structuredContent"]["records"]
    assert by_name["structuredContent"]["data"] == scored["structuredContent"]["data"]


def test_a_function_is_listed_with_its_own_nested_schema_and_its_result(official):
    (tools,) = official(["list"])["done"]
    tool = listing(tools)["churn_score"]
    assert tool["inputSchema"] == FACTS
    data = tool["outputSchema"]["properties"]["data"]
    assert data["properties"]["score"] == {"$ref": "#/properties/data/$defs/share"}
    assert data["$defs"] == SCORED["$defs"]
    assert tool["description"].startswith("churn_score of the tests")


def test_a_function_named_like_a_tool_is_told_apart_and_says_so(official):
    tools, called = official(["list"], ["call", "function_crm_lookup", {}])["done"]
    assert "records" in listing(tools)["crm_lookup"]["outputSchema"]["properties"]
    assert "crm_lookup is another tool" in listing(tools)["function_crm_lookup"]["description"]
    assert called["structuredContent"]["source"] == "crm_lookup"
    assert called["structuredContent"]["data"]["run"] >= 1


def test_a_role_sees_and_calls_only_what_it_may(official):
    tools, called, forbidden, shown = official(
        ["list"],
        ["call", "churn_score", {"open_tickets": 4}],
        ["call", "function_call", {"function": "churn_score"}],
        ["call", "list_capabilities", {}],
        key="reader",
    )["done"]
    assert set(listing(tools)) == {"crm_lookup", "list_capabilities", "diagnose"}
    assert called["isError"]
    assert "function.call" in called["content"][0]["text"]
    assert forbidden["isError"]
    assert "churn" not in json.dumps(shown)


def test_a_wrong_key_is_refused_before_anything_is_told(official, post):
    refused = official(["list"], key="stranger")["refused"]
    assert "belongs to no client" in refused["message"]
    for key in ("stranger", None):
        status, headers, answer = post(LIST, key=key, Content_Type="application/json")
        assert status == 401
        assert headers["WWW-Authenticate"].startswith('Bearer realm="faas_toolkit"')
        assert answer["id"] is None
        assert answer["error"]["code"] == -32_001


def test_a_wrong_argument_is_a_tools_failure_in_the_schemas_words(official):
    typed, missing, unknown, shaped = official(
        ["call", "churn_score", {"open_tickets": "many"}],
        ["call", "churn_score", {}],
        ["call", "churn_score", {"open_tickets": 1, "colour": "red"}],
        ["call", "crm_lookup", {"query": "Wei", "limit": 999}],
    )["done"]
    for result, taught in ((typed, "'integer'"), (missing, "required"), (unknown, "colour"), (shaped, "1 to 50")):
        assert result["isError"]
        assert taught in result["content"][0]["text"]
        assert result["structuredContent"]["error"]["kind"] == "invalid_input"


def test_an_unknown_tool_and_an_unknown_method_are_protocol_failures(official, post):
    (unknown,) = official(["call", "churn_scor", {"open_tickets": 1}])["done"]
    assert unknown["error"]["code"] == -32_602
    assert "churn_score" in unknown["error"]["message"]
    status, _, answer = post({"jsonrpc": "2.0", "id": "a", "method": "resources/list"})
    assert (status, answer["id"], answer["error"]["code"]) == (200, "a", -32_601)


def test_two_hundred_calls_at_once_are_each_answered_with_their_own(official):
    (answers,) = official(["many", "churn_score", {"won_deals": 1}, "open_tickets", 200])["done"]
    assert len(answers) == 200
    for number, answer in enumerate(answers):
        assert not answer.get("error"), answer
        drivers = {driver["fact"]: driver for driver in answer["structuredContent"]["data"]["drivers"]}
        assert drivers["open_tickets"]["value"] == number


def test_two_hundred_bare_requests_at_once_keep_their_ids(post):
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda n: post(call("crm_lookup", {"query": "Wei", "limit": 1}, n)), range(200)))
    assert [(status, answer["id"], answer["result"]["isError"]) for status, _, answer in answers] == [
        (200, number, False) for number in range(200)
    ]


def test_an_oversize_body_is_refused_and_one_below_the_bound_is_read(post):
    large = call("churn_score", {"open_tickets": 1, "colour": "x" * 1_000_000})
    status, _, answer = post(large)
    assert (status, answer["error"]["code"]) == (413, -32_600)
    assert "1,000,000" in answer["error"]["message"]
    status, _, answer = post(b" " * 12_000_000)
    assert status == 413
    status, _, answer = post(call("churn_score", {"open_tickets": 1, "colour": "x" * 900_000}))
    assert (status, answer["result"]["isError"]) == (200, True)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_there_are_no_streams_and_no_sessions(post, method):
    status, headers, answer = post(None, method=method)
    assert status == 405
    assert headers["Allow"] == "POST, OPTIONS"
    if method != "HEAD":
        assert answer["error"]["code"] == -32_600


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (b"", 400, -32_700),
        (b"{", 400, -32_700),
        (b"\xff", 400, -32_700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}', 400, -32_700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "\\ud800"}', 400, -32_700),
        (b"[" * 100_000, 400, -32_700),
        (b"5", 400, -32_600),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, -32_600),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, 400, -32_600),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 200, -32_602),
        ({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": 5}}, 200, -32_602),
        ({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}}, 200, -32_602),
        ([], 400, -32_600),
    ],
)
def test_what_is_no_message_is_answered_by_the_protocol(post, document, status, code):
    said, _, answer = post(document)
    assert (said, answer["error"]["code"]) == (status, code)


def test_notifications_and_responses_are_taken_without_a_word(post):
    for message in (
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "churn_score", "arguments": {"open_tickets": 1}}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
    ):
        status, _, answer = post(message)
        assert (status, answer) == (202, None)


def test_dify_s_way_of_three_round_trips(post):
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "Dify", "version": "1"}}
    _, _, answer = post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": asked})
    assert answer["result"]["protocolVersion"] == "2025-06-18"
    assert answer["result"]["capabilities"] == {"tools": {"listChanged": False}}
    assert post({"jsonrpc": "2.0", "method": "notifications/initialized"})[0] == 202
    _, _, answer = post(call("churn_score", {"open_tickets": 3.0}), MCP_Protocol_Version="2025-06-18")
    assert answer["result"]["structuredContent"]["ok"] is True


@pytest.mark.parametrize("version", ["2026-07-28", "1999-01-01", "nonsense"])
def test_a_version_that_is_not_spoken_is_refused_with_those_that_are(post, version):
    status, _, answer = post(LIST, MCP_Protocol_Version=version)
    assert (status, answer["error"]["code"]) == (400, -32_022)
    assert "2025-06-18" in answer["error"]["data"]["supported"]


def test_an_initialize_with_another_version_is_answered_with_the_newest(post):
    _, _, answer = post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2031-01-01"}})
    assert answer["result"]["protocolVersion"] == "2025-11-25"


def test_a_batch_is_answered_where_the_version_has_batches(post):
    batch = [{"jsonrpc": "2.0", "id": 1, "method": "ping"}, {"jsonrpc": "2.0", "method": "notifications/x"}, 7]
    status, _, answers = post(batch)
    assert status == 200
    assert answers[0] == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert [answer["id"] for answer in answers] == [1, None]
    assert post([{"jsonrpc": "2.0", "method": "notifications/x"}])[0] == 202
    assert post(batch, MCP_Protocol_Version="2025-06-18")[0] == 400
    assert post(batch[:1] * 21)[0] == 400


def test_a_person_s_token_decides_in_place_of_the_client_s_role(plugin, served, clients):
    """The identity keys come with the catalog that a tool call left."""
    credentials = {"catalog": json.dumps(served), "identity_keys": IDENTITY_KEY, "encryption_key": ENCRYPTION_KEY}
    hook = Hook(id="t", workspace="mcp-token", settings={"clients": clients, "encryption_key": ENCRYPTION_KEY})
    sender = sender_for("workflow", app="mcp-token-app")
    plugin.invoke_tool("diagnose", {}, workspace="mcp-token", sender=sender, credentials=credentials)
    now = int(time.time())  # noqa: TID251 - the plugin's process has the machine's clock
    claims = {"sub": "ana", "roles": ["reader"], "iat": now, "exp": now + 600}
    with serving(plugin, hook) as address:

        def subject(**headers):
            request = urllib.request.Request(
                f"{address}/e/t/mcp",
                data=json.dumps(call("diagnose", {"check": "identity"})).encode(),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEYS['agent']}", **headers},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())["result"]["content"][0]["text"]

        assert "client:agent, proved by a client's key; surface gateway" in subject()
        assert "Failed (unauthenticated)" in subject(**{"X-Identity-Token": "made.up.token"})
        told = subject(**{"X-Identity-Token": jwt.encode(claims, IDENTITY_KEY, algorithm="HS256")})
        assert "ana, proved by an identity token" in told
        assert "Roles: reader" in told


def test_no_argument_makes_a_caller_somebody_else(official):
    spoofed, said = official(
        ["call", "diagnose", {"client": "agent", "role": "worker"}], ["call", "diagnose", {"check": "identity"}], key="reader"
    )["done"]
    assert spoofed["isError"]
    assert "client:reader" in said["content"][0]["text"]


def test_an_endpoint_without_clients_says_how_to_let_somebody_in(post):
    status, _, answer = post(LIST, hook="nobody")
    assert status == 503
    assert "openssl rand" in answer["error"]["message"]
    status, _, answer = post(LIST, hook="careless")
    assert status == 503
    assert "at least 20" in answer["error"]["message"]
    assert "short" not in json.dumps(answer)


def test_an_endpoint_without_a_catalog_and_without_a_key_serves_the_default(official):
    tools, looked_up = official(["list"], ["call", "crm_lookup", {"query": "Wei"}], hook="bare", key="other")["done"]
    assert set(listing(tools)) == READING
    assert looked_up["structuredContent"]["source"] == "sample"


def test_a_broken_catalog_is_told_and_diagnose_still_answers(official, post):
    (tools,) = official(["list"], hook="broken", key="other")["done"]
    assert "functionz" in tools["error"]["message"]
    _, _, told = post(call("diagnose", {}), hook="broken", key="other")
    assert "functionz" in told["result"]["content"][0]["text"]


def test_a_catalog_reaches_the_endpoints_of_its_own_workspace_only(plugin, post, served):
    status, _, answer = post(LIST, hook="first")
    assert status == 503
    assert "No tool call has left" in answer["error"]["message"]

    def leave(workspace, catalog):
        credentials = {"catalog": json.dumps(catalog), "encryption_key": ENCRYPTION_KEY, "secrets": '{"token": "a-secret-text"}'}
        sender = sender_for("workflow", app=f"{workspace}-app")
        reply = plugin.invoke_tool("diagnose", {}, workspace=workspace, sender=sender, credentials=credentials)
        assert reply.variables["ok"] is True

    def names(hook):
        answer = post(LIST, hook=hook)[2]
        assert "result" in answer, answer
        return set(listing(answer["result"]))

    leave("mcp-first", served)
    assert "churn_score" in names("first")
    assert post(LIST, hook="second")[0] == 503
    leave("mcp-second", {**served, "functions": {"only_here": served["functions"]["garbage"]}})
    assert "only_here" in names("second")
    assert "only_here" not in names("first")
    leave("mcp-first", {**served, "functions": {"renamed": served["functions"]["garbage"]}})
    assert {"renamed"} == names("first") - TOOLS

    status, _, answer = post(LIST, hook="wrong")
    assert status == 503
    assert "does not open" in answer["error"]["message"]

    stored = plugin.workspace("mcp-first").storage.get("faas_toolkit_settings")
    assert b"renamed" not in stored
    assert b"a-secret-text" not in stored
    identities = [plugin.workspace(name).storage.get("faas_toolkit_workspace") for name in ("mcp-first", "mcp-second")]
    assert identities[0] != identities[1]


def test_what_one_workspace_has_cached_is_not_answered_to_another(plugin, served, clients):
    counting = {**served, "functions": {"count": {**served["functions"]["crm_lookup"], "cache": "5m"}}}
    settings = {"clients": clients, "catalog": json.dumps(counting)}
    hooks = [Hook(id=name, workspace=f"mcp-{name}", settings=settings) for name in ("left", "right")]
    with serving(plugin, *hooks) as address:

        def run(hook):
            request = urllib.request.Request(
                f"{address}/e/{hook}/mcp",
                data=json.dumps(call("count", {})).encode(),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEYS['agent']}"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())["result"]["structuredContent"]["data"]["run"]

        assert run("left") == run("left") != run("right")


def test_a_client_whose_role_may_warms_the_cache_for_callers_of_another_role(plugin, served, clients):
    read = {"allow": ["function.call"], "functions": ["count"]}
    roles = {"worker": {"allow": ["admin.write"]}, "reader": read}
    count = {**served["functions"]["crm_lookup"], "cache": "5m"}
    settings = {"clients": clients, "catalog": json.dumps({"version": 1, "roles": roles, "functions": {"count": count}})}
    with serving(plugin, Hook(id="warm", workspace="mcp-warm", settings=settings)) as address:

        def run(key, tool, **arguments):
            request = urllib.request.Request(
                f"{address}/e/warm/mcp",
                data=json.dumps(call(tool, arguments)).encode(),
                headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEYS[key]}"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read())["result"]["structuredContent"]

        wanted = [{"tool": "function_call", "arguments": {"function": "count", "arguments": {}}}]
        assert run("agent", "cache_warm", calls=wanted, role="reader")["warmed"] == 1
        assert run("reader", "count")["meta"]["cached"] is True
        assert run("reader", "cache_warm", calls=wanted)["error"]["kind"] == "forbidden"


def test_health_and_preflight_are_answered_without_a_key(post):
    assert post(None, method="GET", path="healthz", key=None)[2] == {"status": "ok"}
    status, headers, _ = post(None, method="OPTIONS", key=None, Origin="https://app.example")
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in headers["Access-Control-Allow-Headers"]


def test_the_process_is_up_and_broke_no_rule(plugin, post):
    assert post(LIST)[0] == 200
    assert plugin.violations == ()
