"""Every tool through the plugin process, in each way to start it, as each surface calls it: right, empty and hostile input."""

import json
from base64 import b64encode
from dataclasses import dataclass

import pytest

from workbench.host import TRANSPORTS
from workbench.surfaces import SURFACES, ParameterRefused, observation, prepare, sender_for, workflow_node

RIGHT = {
    "crm_lookup": {"query": "Wei", "limit": 3},
    "function_call": {"function": "churn_score", "arguments": json.dumps({"open_tickets": 4})},
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
    using = {"catalog": json.dumps({**catalog, "functions": {"garbage": function}}), "secrets": json.dumps({"token": token})}
    seen = ask(surface, "function_call", {"function": "garbage", "arguments": '{"kind": "echo"}'}, workspace="echo", using=using)
    assert not seen.failed, seen.text
    assert "[secret]" in seen.text
    assert token not in seen.text + json.dumps(seen.variables)


def test_a_secret_that_the_end_of_the_text_would_tear_does_not_get_out_in_part(ask, catalog):
    token = "".join(reversed("the-bearer-of-this-test"))
    function = {**catalog["functions"]["garbage"], "auth": {"bearer": "${secret:token}"}}
    using = {"catalog": json.dumps({**catalog, "functions": {"garbage": function}}), "secrets": json.dumps({"token": token})}
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
        "catalog": json.dumps({**catalog, "functions": {"garbage": function}}),
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
