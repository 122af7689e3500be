"""Every tool through the plugin process over stdio, as each surface calls it: right, empty and hostile input."""

import json
from dataclasses import dataclass

import pytest

from workbench.surfaces import SURFACES, ParameterRefused, observation, prepare, sender_for, workflow_node

RIGHT = {
    "crm_lookup": {"query": "Wei", "limit": 3},
    "function_call": {"function": "churn_score", "arguments": json.dumps({"open_tickets": 4})},
    "knowledge_search": {"query": "How long can goods be returned?", "bases": "handbook"},
    "knowledge_add": {"text": "# Parking\n\nThe car park opens at seven.", "base": "notes", "metadata": '{"year": 2026}'},
    "knowledge_remove": {"base": "notes", "filters": '{"title": "nothing is called so"}'},
    "list_capabilities": {},
    "diagnose": {},
}

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
    ("list_capabilities", {"family": "planets"}, "functions"),
    ("list_capabilities", {"name": "nothing_like_it"}, "nothing_like_it"),
    ("diagnose", {"check": "weather"}, "identity"),
]


@dataclass(frozen=True)
class Seen:
    """What one surface sees, in one shape."""

    failed: bool
    text: str
    variables: dict


@pytest.fixture
def ask(plugin, credentials):
    def call(surface, tool, arguments, *, settings=None, workspace="main", using=None):
        declared = plugin.declaration.tool(tool)
        reply = plugin.invoke_tool(
            tool,
            prepare(surface, declared, arguments, settings),
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
    for leak in ("Traceback", 'File "', "/work/", "site-packages", "sqlalchemy", "pydantic", "/srv/private", ".py"):
        assert leak not in text


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("tool", RIGHT)
def test_right_input_is_answered(ask, surface, tool):
    seen = ask(surface, tool, RIGHT[tool])
    assert not seen.failed, seen.text
    assert len(seen.text) > 40
    assert len(seen.text) <= 8_000
    assert_safe(seen.text)


@pytest.mark.parametrize("tool", RIGHT)
def test_a_workflow_gets_exactly_the_declared_variables(ask, plugin, tool):
    seen = ask("workflow", tool, RIGHT[tool])
    declared = set(plugin.declaration.tool(tool).variables)
    assert set(seen.variables) - {"text", "json", "files"} == declared
    assert seen.variables["ok"] is True
    assert seen.variables["error"] == {}
    assert seen.variables["meta"]["request_id"]


@pytest.mark.parametrize("tool", RIGHT)
def test_agents_are_spared_the_large_variables(ask, tool):
    in_workflow, in_agent = (ask(surface, tool, RIGHT[tool]) for surface in ("workflow", "agent-chat"))
    assert len(json.dumps(in_agent.variables)) < 3_000
    assert {"ok", "error", "source", "meta"} <= set(in_agent.variables) <= set(in_workflow.variables)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("tool", "arguments", "taught"), WRONG, ids=[f"{tool}-{number}" for number, (tool, *_) in enumerate(WRONG)]
)
def test_wrong_input_teaches_an_agent_and_fails_a_node(ask, surface, tool, arguments, taught):
    seen = ask(surface, tool, arguments)
    assert seen.failed
    assert taught in seen.text
    assert len(seen.text) < 3_000
    assert_safe(seen.text)


@pytest.mark.parametrize("surface", ["agent-chat", "agent-node"])
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


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("kind", ["truncated", "html", "huge", "nan", "surrogate", "empty", "raises"])
def test_a_function_that_answers_garbage_never_breaks_the_plugin(ask, surface, kind):
    seen = ask(surface, "function_call", {"function": "garbage", "arguments": json.dumps({"kind": kind})})
    assert_safe(seen.text)
    if kind in ("truncated", "huge", "nan", "raises"):
        assert seen.failed


@pytest.mark.parametrize("surface", SURFACES)
def test_a_function_that_answers_our_own_secret_does_not_get_it_out(ask, catalog, surface):
    token = "".join(reversed("the-bearer-of-this-test"))
    function = {**catalog["functions"]["garbage"], "auth": {"bearer": "${secret:token}"}}
    using = {"catalog": json.dumps({**catalog, "functions": {"garbage": function}}), "secrets": json.dumps({"token": token})}
    seen = ask(surface, "function_call", {"function": "garbage", "arguments": '{"kind": "echo"}'}, workspace="echo", using=using)
    assert not seen.failed, seen.text
    assert "[secret]" in seen.text
    assert token not in seen.text + json.dumps(seen.variables)


@pytest.mark.parametrize("surface", SURFACES)
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


def test_diagnose_shows_a_broken_catalog_whole(ask):
    broken = {"version": 1, "functionz": {}, "crm": {"main": {"kind": "embeded"}}}
    seen = ask("workflow", "diagnose", {}, workspace="broken", using={"catalog": json.dumps(broken)})
    assert not seen.failed
    assert "functionz" in seen.text
    assert "embeded" in seen.text


def test_a_catalog_that_breaks_later_leaves_the_last_good_one_in_force(ask):
    assert not ask("workflow", "function_call", RIGHT["function_call"], workspace="careless").failed
    seen = ask("workflow", "function_call", RIGHT["function_call"], workspace="careless", using={"catalog": "{"})
    assert not seen.failed
    assert "last good" in seen.variables["meta"]["catalog_status"]


@pytest.mark.parametrize("surface", SURFACES)
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


def test_the_provider_form_checks_every_setting(plugin, credentials):
    assert plugin.validate_credentials({}).error is None
    assert plugin.validate_credentials(credentials).error is None
    for wrong in ({"catalog": "{"}, {"secrets": "[1]"}, {"encryption_key": "x"}, {"identity_keys": "short"}):
        error = plugin.validate_credentials(wrong).error
        assert error.error_type == "CredentialsValidateFailedError"
        assert next(iter(wrong)) in error.message
        assert_safe(error.message)


def test_an_empty_install_answers_from_the_sample_and_says_how_to_add_a_function(ask):
    looked_up = ask("workflow", "crm_lookup", RIGHT["crm_lookup"], workspace="fresh", using={})
    assert looked_up.variables["source"] == "sample"
    called = ask("agent-chat", "function_call", RIGHT["function_call"], workspace="fresh", using={})
    assert called.failed
    assert "functions:" in called.text


def test_the_plugin_is_up_after_all_that(ask, plugin):
    assert not ask("workflow", "crm_lookup", RIGHT["crm_lookup"]).failed
    assert plugin.violations == ()
