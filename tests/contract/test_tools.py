"""Every tool through the plugin process, in each way to start it, as each surface calls it: right, empty and hostile input."""

import json
from base64 import b64encode
from dataclasses import dataclass

import pytest

from tests.rules.tree import ROOT
from workbench.host import TRANSPORTS
from workbench.surfaces import SURFACES, ParameterRefused, observation, prepare, sender_for, workflow_node

TEXT = "Aurora renewed its contract. The renewal is worth two thousand euros. Nobody has called Aurora about the contract since."

RIGHT = {
    "crm_lookup": {"query": "Wei", "limit": 3},
    "function_call": {"function": "churn_score", "arguments": json.dumps({"open_tickets": 4})},
    "knowledge_search": {"query": "How long can goods be returned?", "bases": "handbook"},
    "knowledge_add": {"text": "# Parking\n\nThe car park opens at seven.", "base": "notes", "metadata": '{"year": 2026}'},
    "knowledge_remove": {"base": "notes", "filters": '{"title": "nothing is called so"}'},
    "model_generate": {"prompt": TEXT, "system": "You summarise.", "temperature": 0.2, "max_tokens": 500},
    "model_fallback": {"prompt": TEXT, "system": "You summarise."},
    "list_capabilities": {},
    "diagnose": {},
    "erase_person": {"person": "nobody@example.com"},
    "audit_search": {"since": "1h", "limit": 5, "verify": True},
    "cache_warm": {"calls": json.dumps([{"tool": "crm_lookup", "arguments": {"query": "Wei"}}]), "role": "member"},
}

SETTINGS = {
    "model_fallback": {
        "model": {"provider": "langgenius/openai/openai", "model": "small", "model_type": "llm", "mode": "chat"},
        "fallback_model": {"provider": "langgenius/openai/openai", "model": "large", "model_type": "llm", "mode": "chat"},
        "timeout_seconds": 20,
        "requests_per_minute": 10_000,
    }
}
"""What the builder of an app sets, since the tool requires it."""

WRONG = [
    ("crm_lookup", {}, "query"),
    ("crm_lookup", {"query": ""}, "query"),
    ("crm_lookup", {"query": "   "}, "query"),
    ("crm_lookup", {"query": "x" * 1_000_000}, "2,000"),
    ("crm_lookup", {"query": "a\0b"}, "null character"),
    ("crm_lookup", {"query": "Wei", "limit": 999}, "1 to 50"),
    ("crm_lookup", {"query": "Wei", "limit": -1}, "1 to 50"),
    ("crm_lookup", {"query": "Wei", "entity": "planet"}, "person"),
    ("crm_lookup", {"query": "Wei", "include": "deals,planets"}, "planets"),
    ("crm_lookup", {"query": "Wei", "filters": "{not json"}, "filters"),
    ("crm_lookup", {"query": "Wei", "filters": '{"stage": NaN}'}, "NaN"),
    ("crm_lookup", {"query": "Wei", "filters": '{"stage": "\\ud800"}'}, "surrogate"),
    ("crm_lookup", {"query": "Wei", "filters": "[" * 5_000 + "]" * 5_000}, "filters"),
    ("crm_lookup", {"query": "Wei", "filters": '{"colour": "red"}'}, "colour"),
    ("crm_lookup", {"query": "Wei", "cursor": "made up"}, "cursor"),
    ("crm_lookup", {"query": "Wei", "sources": "nowhere"}, "nowhere"),
    ("knowledge_search", {}, "query"),
    ("knowledge_search", {"query": "x" * 2_001}, "2,000"),
    ("knowledge_search", {"query": "returns", "top_k": 51}, "1 to 50"),
    ("knowledge_search", {"query": "returns", "max_chars": 10}, "500 to 40000"),
    ("knowledge_search", {"query": "returns", "mode": "magic"}, "hybrid"),
    ("knowledge_search", {"query": "returns", "bases": "handbok"}, "handbook"),
    ("knowledge_search", {"query": "returns", "bases": "handbook", "filters": '{"departmnt": "support"}'}, "department"),
    ("knowledge_search", {"query": "returns", "filters": '{"year": {"above": 1}}'}, "gte"),
    ("knowledge_search", {"query": "returns", "filters": '{"year": {"gt": [1]}}'}, "number"),
    ("knowledge_search", {"query": "returns", "filters": "[1]"}, "JSON object"),
    ("knowledge_search", {"query": "a\0b"}, "null character"),
    ("knowledge_add", {"base": "notes"}, "text, files and url"),
    ("knowledge_add", {"text": "a", "url": "https://a.example", "base": "notes"}, "text and url"),
    ("knowledge_add", {"text": "a"}, "handbook, notes"),
    ("knowledge_add", {"text": "a", "base": "nowhere"}, "nowhere"),
    ("knowledge_add", {"text": "\u2028 \ufeff", "base": "notes"}, "holds no text"),
    ("knowledge_add", {"text": "x" * 1_000_001, "base": "notes"}, "1,000,000"),
    ("knowledge_add", {"text": "a", "base": "notes", "access": '{"role": ["a"]}'}, "roles"),
    ("knowledge_add", {"text": "a", "base": "notes", "access": "{}"}, "nobody"),
    ("knowledge_add", {"text": "a", "base": "notes", "metadata": '{"a": {"b": 1}}'}, "list of these"),
    ("knowledge_add", {"text": "a", "base": "notes", "document": "notes:999"}, "notes:999"),
    ("knowledge_add", {"text": "a", "base": "notes", "document": "policies:1"}, "policies"),
    ("knowledge_add", {"url": "http://127.0.0.1:1/", "base": "notes"}, "not allowed"),
    ("knowledge_add", {"url": "https://169.254.169.254/latest/meta-data", "base": "notes"}, "169.254.169.254"),
    ("knowledge_add", {"url": "file:///etc/passwd", "base": "notes"}, "https address"),
    ("knowledge_remove", {"base": "notes"}, "a document, or filters"),
    ("knowledge_remove", {"document": "notes:999"}, "notes:999"),
    ("knowledge_remove", {"document": "handbook:1"}, "read-only"),
    ("knowledge_remove", {"document": "12; DROP"}, "handbook, notes"),
    ("knowledge_remove", {"base": "notes", "document": "-1"}, "notes:12"),
    ("function_call", {}, "function"),
    ("function_call", {"function": "nothing_like_it"}, "nothing_like_it"),
    ("function_call", {"function": "churn_scor"}, "churn_score"),
    ("function_call", {"function": "churn_score"}, "open_tickets"),
    ("function_call", {"function": "churn_score", "arguments": "[1]"}, "JSON object"),
    ("function_call", {"function": "churn_score", "arguments": '{"open_tickets": "many"}'}, "number"),
    ("function_call", {"function": "churn_score", "arguments": '{"open_tickets": Infinity}'}, "Infinity"),
    ("function_call", {"function": "churn_score", "arguments": '"' + "x" * 1_000_001 + '"'}, "1,000,000"),
    ("function_call", {"function": "churn_score", "arguments": "{}", "timeout_seconds": 100_000}, "timeout_seconds"),
    ("model_generate", {}, "prompt or messages"),
    ("model_generate", {"prompt": " ", "messages": ""}, "prompt or messages"),
    ("model_generate", {"prompt": "Hello", "messages": '[{"role": "user", "content": "Hello"}]'}, "prompt or messages"),
    ("model_generate", {"messages": "[]"}, "1 to 500 messages"),
    ("model_generate", {"messages": '{"role": "user"}'}, "1 to 500 messages"),
    ("model_generate", {"messages": '["Hello"]'}, "Message 1"),
    ("model_generate", {"messages": '[{"role": "tool", "content": "x"}]'}, "system, user, assistant"),
    ("model_generate", {"messages": '[{"role": "user", "content": " "}]'}, "Message 1"),
    ("model_generate", {"messages": '[{"role": "user", "content": [1]}]'}, "Message 1"),
    ("model_generate", {"messages": '[{"role": "assistant", "content": "x"}]'}, "one of the user"),
    ("model_generate", {"messages": '[{"role": "user", "content": "\\ud800"}]'}, "surrogate"),
    ("model_generate", {"messages": "[NaN]"}, "NaN"),
    ("model_generate", {"prompt": "x" * 500_001}, "500,000"),
    ("model_generate", {"prompt": "Hello", "pool": "nowhere"}, "nowhere"),
    ("model_generate", {"prompt": "Hello", "pool": "summary"}, "summaries"),
    ("model_generate", {"prompt": "Hello", "temperature": 3}, "0 to 2"),
    ("model_generate", {"prompt": "Hello", "max_tokens": 0}, "1 to 1000000"),
    ("model_generate", {"prompt": "Hello", "max_tokens": 1.5}, "whole number"),
    ("model_generate", {"prompt": "Hello", "max_wait": -1}, "0 to 50"),
    ("model_generate", {"prompt": "Hello", "json_schema": "[1]"}, "JSON object"),
    ("model_generate", {"prompt": "Hello", "json_schema": '{"type": "planet"}'}, "not a JSON Schema"),
    ("model_generate", {"prompt": "Hello", "json_schema": '{"type": "array"}'}, "object"),
    ("model_fallback", {}, "prompt"),
    ("model_fallback", {"prompt": "a\0b"}, "null character"),
    ("model_fallback", {"prompt": "Hello", "system": "x" * 500_001}, "500,000"),
    ("list_capabilities", {"family": "planets"}, "functions"),
    ("list_capabilities", {"name": "nothing_like_it"}, "nothing_like_it"),
    ("diagnose", {"check": "weather"}, "identity"),
    ("erase_person", {}, "person"),
    ("erase_person", {"person": " "}, "person"),
    ("erase_person", {"person": "x" * 321}, "320"),
    ("erase_person", {"person": "a\0b"}, "null character"),
    ("erase_person", {"person": "a@b.example", "documents": "burn"}, "delete"),
    ("erase_person", {"person": "a@b.example", "confirm": "made up"}, "not the token"),
    ("audit_search", {"since": "yesterday"}, "24h"),
    ("audit_search", {"since": "24"}, "24h"),
    ("audit_search", {"since": "2026-13-01"}, "since=2026-11-26"),
    ("audit_search", {"since": "1h", "until": "2h"}, "before until"),
    ("audit_search", {"until": "9" * 41}, "at most 40"),
    ("audit_search", {"query": "x" * 201}, "at most 200"),
    ("audit_search", {"query": "a\0b"}, "null character"),
    ("audit_search", {"operation": "function_cal"}, "function_call"),
    ("audit_search", {"outcome": "forbiden"}, "forbidden"),
    ("audit_search", {"limit": 201}, "1 to 200"),
    ("audit_search", {"cursor": "made up"}, "cursor"),
    ("audit_search", {"cursor": "W05hTiwiYSIsMV0"}, "cursor"),
    ("cache_warm", {}, "calls"),
    ("cache_warm", {"calls": "[]"}, "1 to 200"),
    ("cache_warm", {"calls": '{"tool": "crm_lookup"}'}, "1 to 200"),
    ("cache_warm", {"calls": json.dumps([{"tool": "crm_lookup"}] * 201)}, "1 to 200"),
    ("cache_warm", {"calls": '[{"tool": "crm_lokup"}]'}, "crm_lookup"),
    ("cache_warm", {"calls": '["crm_lookup"]'}, "Call 1"),
    ("cache_warm", {"calls": '[{"tool": "crm_lookup", "arguments": [1]}]'}, "call 1"),
    ("cache_warm", {"calls": '[{"tool": "crm_lookup", "args": {}}]'}, "arguments"),
    ("cache_warm", {"calls": '[{"tool": ["crm_lookup"]}]'}, "Call 1"),
    ("cache_warm", {"calls": '[{"tool": "crm_lookup"}]', "role": "membr"}, "member"),
    ("cache_warm", {"calls": "[NaN]"}, "NaN"),
]

CALLS = [*(("stdio", surface) for surface in SURFACES), ("tcp", "workflow"), ("serverless", "agent-chat")]
"""Every surface through stdio, every input once through the others."""
EACH_CALL = pytest.mark.parametrize(("plugin", "surface"), CALLS, indirect=["plugin"])
EACH_WAY = pytest.mark.parametrize("plugin", TRANSPORTS, indirect=True)


@dataclass(frozen=True)
class Seen:
    """What one surface sees, in one shape."""

    failed: bool
    text: str
    variables: dict


@pytest.fixture
def ask(plugin, credentials, model_handlers):
    def call(surface, tool, arguments, *, settings=None, workspace="main", using=None):
        declared = plugin.declaration.tool(tool)
        plugin.workspace(workspace).handlers.update(model_handlers)
        reply = plugin.invoke_tool(
            tool,
            prepare(surface, declared, arguments, {**SETTINGS.get(tool, {}), **(settings or {})}),
            workspace=workspace,
            sender=sender_for(surface, app=f"{workspace}-app"),
            credentials=credentials if using is None else using,
            timeout=60,
        )
        if surface == "workflow":
            node = workflow_node(reply, plugin.declaration.provider_id)
            return Seen(node.failed, node.error or node.outputs["text"], dict(node.outputs))
        return Seen(reply.variables.get("ok") is False, observation(surface, reply).text, dict(reply.variables))

    return call


def assert_safe(text):
    """No traceback, path or library's name reaches a reader."""
    for leak in ("Traceback", 'File "', f"{ROOT}/", "site-packages", "sqlalchemy", "pydantic", "/srv/private", ".py"):
        assert leak not in text


@EACH_CALL
@pytest.mark.parametrize("tool", RIGHT)
def test_right_input_is_answered(ask, surface, tool):
    seen = ask(surface, tool, RIGHT[tool])
    assert not seen.failed, seen.text
    assert len(seen.text) > 40
    assert len(seen.text) <= 8_000
    assert_safe(seen.text)


@EACH_WAY
@pytest.mark.parametrize("tool", RIGHT)
def test_a_workflow_gets_exactly_the_declared_variables(ask, plugin, tool):
    seen = ask("workflow", tool, RIGHT[tool])
    declared = set(plugin.declaration.tool(tool).variables)
    assert set(seen.variables) - {"text", "json", "files"} == declared
    assert seen.variables["ok"] is True
    assert seen.variables["error"] == {}
    assert seen.variables["meta"]["request_id"]


@EACH_WAY
@pytest.mark.parametrize("tool", RIGHT)
def test_agents_are_spared_the_large_variables(ask, tool):
    in_workflow, in_agent = (ask(surface, tool, RIGHT[tool]) for surface in ("workflow", "agent-chat"))
    assert len(json.dumps(in_agent.variables)) < 3_000
    assert {"ok", "error", "source", "meta"} <= set(in_agent.variables) <= set(in_workflow.variables)


@EACH_CALL
@pytest.mark.parametrize(
    ("tool", "arguments", "taught"), WRONG, ids=[f"{tool}-{number}" for number, (tool, *_) in enumerate(WRONG)]
)
def test_wrong_input_teaches_an_agent_and_fails_a_node(ask, surface, tool, arguments, taught):
    seen = ask(surface, tool, arguments)
    assert seen.failed
    assert taught in seen.text
    assert len(seen.text) < 3_000
    assert_safe(seen.text)


@pytest.mark.parametrize(("plugin", "surface"), [call for call in CALLS if call[1] != "workflow"], indirect=["plugin"])
@pytest.mark.parametrize("tool", RIGHT)
def test_a_parameter_that_a_model_invents_is_named(ask, surface, tool):
    seen = ask(surface, tool, {**RIGHT[tool], "colour": "red", "\ud800": 1})
    assert seen.failed
    assert "colour" in seen.text
    assert_safe(seen.text)


@pytest.mark.parametrize("tool", RIGHT)
def test_a_number_that_dify_cannot_cast_never_reaches_the_plugin(plugin, tool):
    numbers = [parameter.name for parameter in plugin.declaration.tool(tool).parameters if parameter.type == "number"]
    for name in numbers:
        with pytest.raises(ParameterRefused):
            prepare("workflow", plugin.declaration.tool(tool), {**RIGHT[tool], name: "abc"})


@EACH_WAY
@pytest.mark.parametrize("tool", RIGHT)
def test_on_error_overrides_what_the_surface_would_do(ask, plugin, tool):
    wrong = next(arguments for name, arguments, _ in WRONG if name == tool)
    returned = ask("workflow", tool, wrong, settings={"on_error": "return"})
    assert not returned.text.startswith("An error occurred")
    assert returned.variables["ok"] is False
    assert returned.variables["error"]["kind"] in ("invalid_input", "not_found")
    assert set(returned.variables) - {"text", "json", "files"} == set(plugin.declaration.tool(tool).variables)
    failed = ask("agent-chat", tool, wrong, settings={"on_error": "fail"})
    assert failed.text.startswith("tool invoke error: ")
    assert_safe(failed.text)


@EACH_CALL
@pytest.mark.parametrize("kind", ["truncated", "html", "huge", "nan", "surrogate", "empty", "raises"])
def test_a_function_that_answers_garbage_never_breaks_the_plugin(ask, surface, kind):
    seen = ask(surface, "function_call", {"function": "garbage", "arguments": json.dumps({"kind": kind})})
    assert_safe(seen.text)
    if kind in ("truncated", "huge", "nan", "raises"):
        assert seen.failed


@EACH_CALL
def test_a_function_that_answers_our_own_secret_does_not_get_it_out(ask, catalog, surface):
    token = "".join(reversed("the-bearer-of-this-test"))
    function = {**catalog["functions"]["garbage"], "auth": {"bearer": "${secret:token}"}}
    functions = {**catalog["functions"], "garbage": function}
    using = {"catalog": json.dumps({**catalog, "functions": functions}), "secrets": json.dumps({"token": token})}
    seen = ask(surface, "function_call", {"function": "garbage", "arguments": '{"kind": "echo"}'}, workspace="echo", using=using)
    assert not seen.failed, seen.text
    assert "[secret]" in seen.text
    assert token not in seen.text + json.dumps(seen.variables)


def test_a_secret_that_the_end_of_the_text_would_tear_does_not_get_out_in_part(ask, catalog):
    token = "".join(reversed("the-bearer-of-this-test"))
    function = {**catalog["functions"]["garbage"], "auth": {"bearer": "${secret:token}"}}
    only = {**catalog, "functions": {"garbage": function}, "models": {"pools": {}}}
    using = {"catalog": json.dumps(only), "secrets": json.dumps({"token": token})}
    for before in range(0, 30, 3):
        asking = {"function": "garbage", "arguments": json.dumps({"kind": f"echo after {before}"})}
        seen = ask("agent-chat", "function_call", asking, workspace="torn", using=using)
        assert not seen.failed, seen.text
        assert token[:4] not in seen.text


@pytest.mark.parametrize("user", ["u", "us", "use"])
def test_a_function_that_answers_our_basic_credentials_does_not_get_the_password_out(ask, catalog, user):
    password = "".join(reversed("the-password-of-this-test"))
    basic = {"basic": {"username": user, "password": "${secret:password}"}}
    function = {**catalog["functions"]["garbage"], "auth": basic}
    using = {
        "catalog": json.dumps({**catalog, "functions": {"garbage": function}, "models": {"pools": {}}}),
        "secrets": json.dumps({"password": password}),
    }
    asking = {"function": "garbage", "arguments": '{"kind": "echo"}'}
    seen = ask("agent-chat", "function_call", asking, workspace=f"basic-{user}", using=using)
    assert not seen.failed, seen.text
    shown = seen.text + json.dumps(seen.variables)
    assert "[secret]" in shown
    assert b64encode(f"{user}:{password}".encode()).decode()[4:16] not in shown


@EACH_CALL
@pytest.mark.parametrize("tool", [name for name in RIGHT if name != "diagnose"])
@pytest.mark.parametrize(
    ("broken", "taught"),
    [
        ("{not: [a catalog", "catalog"),
        ('{"version": 1, "functionz": {}}', "functions"),
        ('{"version": 2}', "version"),
        ("version: 1 functions: score: platform: http", "line"),
    ],
)
def test_a_broken_catalog_is_answered_by_what_is_wrong_with_it(ask, surface, tool, broken, taught):
    seen = ask(surface, tool, RIGHT[tool], workspace="broken", using={"catalog": broken})
    assert seen.failed
    assert taught in seen.text
    assert_safe(seen.text)


@EACH_WAY
def test_diagnose_shows_a_broken_catalog_whole(ask):
    broken = {"version": 1, "functionz": {}, "crm": {"main": {"kind": "embeded"}}}
    seen = ask("workflow", "diagnose", {}, workspace="broken", using={"catalog": json.dumps(broken)})
    assert not seen.failed
    assert "functionz" in seen.text
    assert "embeded" in seen.text


@EACH_WAY
def test_a_catalog_that_breaks_later_leaves_the_last_good_one_in_force(ask):
    assert not ask("workflow", "function_call", RIGHT["function_call"], workspace="careless").failed
    seen = ask("workflow", "function_call", RIGHT["function_call"], workspace="careless", using={"catalog": "{"})
    assert not seen.failed
    assert "last good" in seen.variables["meta"]["catalog_status"]


@EACH_CALL
@pytest.mark.parametrize(
    ("wrong", "taught"),
    [
        ({"secrets": "not json"}, "secrets"),
        ({"encryption_key": "short"}, "encryption_key"),
        ({"default_role": "nobody"}, "nobody"),
        ({"identity_keys": "short"}, "identity_keys"),
    ],
)
def test_wrong_credentials_name_the_setting(ask, surface, wrong, taught):
    seen = ask(surface, "crm_lookup", RIGHT["crm_lookup"], workspace="wrong", using=wrong)
    assert seen.failed
    assert taught in seen.text
    assert_safe(seen.text)


@EACH_WAY
def test_the_provider_form_checks_every_setting(plugin, credentials):
    assert plugin.validate_credentials({}).error is None
    assert plugin.validate_credentials(credentials).error is None
    for wrong in ({"catalog": "{"}, {"secrets": "[1]"}, {"encryption_key": "x"}, {"identity_keys": "short"}):
        error = plugin.validate_credentials(wrong).error
        assert error.error_type == "CredentialsValidateFailedError"
        assert next(iter(wrong)) in error.message
        assert_safe(error.message)


@EACH_WAY
def test_an_empty_install_answers_from_the_sample_and_says_how_to_add_a_function(ask):
    looked_up = ask("workflow", "crm_lookup", RIGHT["crm_lookup"], workspace="fresh", using={})
    assert looked_up.variables["source"] == "sample"
    called = ask("agent-chat", "function_call", RIGHT["function_call"], workspace="fresh", using={})
    assert called.failed
    assert "functions:" in called.text


@EACH_WAY
def test_the_plugin_is_up_after_all_that(ask, plugin):
    assert not ask("workflow", "crm_lookup", RIGHT["crm_lookup"]).failed
    assert plugin.violations == ()
