"""`before` and `after` functions, for every operation through its tool: they hold for cached answers too."""

import json

import pytest

from tests.contract.test_tools import RIGHT, SETTINGS
from workbench.surfaces import sender_for

OPERATIONS = {
    "crm_lookup": "crm.lookup",
    "function_call": "function.call",
    "knowledge_search": "knowledge.search",
    "knowledge_add": "knowledge.add",
    "knowledge_remove": "knowledge.remove",
    "model_generate": "model.generate",
    "model_fallback": "model.fallback",
    "list_capabilities": "workspace.capabilities",
    "diagnose": "workspace.diagnose",
    "audit_search": "audit.search",
    "erase_person": "workspace.erase",
    "cache_warm": "cache.warm",
}
REFUSED = {
    "crm_lookup": {"query": "forbidden"},
    "function_call": {"function": "churn_score", "arguments": '{"open_tickets": 1, "note": "forbidden"}'},
    "knowledge_search": {"query": "forbidden"},
    "knowledge_add": {"text": "forbidden", "base": "notes"},
    "knowledge_remove": {"base": "notes", "filters": '{"title": "forbidden"}'},
    "model_generate": {"prompt": "forbidden"},
    "model_fallback": {"prompt": "forbidden"},
    "list_capabilities": {"name": "forbidden"},
    "audit_search": {"query": "forbidden"},
    "erase_person": {"person": "forbidden"},
    "cache_warm": {"calls": '[{"tool": "crm_lookup", "arguments": {"query": "forbidden"}}]'},
}


@pytest.fixture
def invoke(plugin, catalog, models, model_handlers):
    plugin.workspace("around").handlers.update(model_handlers)

    def call(tool, parameters, **around):
        operations = {"operations": {OPERATIONS[tool]: around}} if around else {}
        credentials = {"catalog": json.dumps({**catalog, **models, **operations})}
        return plugin.invoke_tool(
            tool,
            {**SETTINGS.get(tool, {}), **parameters},
            workspace="around",
            sender=sender_for("agent-chat", app="around-app"),
            credentials=credentials,
        ).variables

    return call


@pytest.mark.parametrize("tool", RIGHT)
def test_what_the_before_function_allows_is_answered(invoke, tool):
    assert invoke(tool, RIGHT[tool], before="check_policy")["ok"] is True


@pytest.mark.parametrize("tool", REFUSED)
def test_what_the_before_function_refuses_is_refused_with_its_reason(invoke, tool):
    variables = invoke(tool, REFUSED[tool], before="check_policy")
    assert variables["error"]["kind"] == "blocked"
    assert "The policy of this test refuses it." in variables["error"]["message"]


def test_a_refusal_holds_although_the_answer_is_cached(invoke, plugin, catalog):
    query = {"query": "forbidden Wei"}
    assert invoke("crm_lookup", query)["ok"] is True
    assert invoke("crm_lookup", query)["meta"]["cached"] is True
    assert invoke("crm_lookup", query, before="check_policy")["error"]["kind"] == "blocked"


@pytest.mark.parametrize("how", ["refusing", "failing", "misfitting", "rewriting"])
def test_what_the_before_function_says_holds_no_secret_and_no_personal_data(plugin, catalog, how, tmp_path):
    key = "".join(reversed("the-bearer-of-this-check"))
    check = {**catalog["functions"]["check_policy"], "auth": {"bearer": "${secret:key}"}}
    governed = {
        **catalog,
        "functions": {**catalog["functions"], "check_policy": check},
        "operations": {"function.call": {"before": "check_policy"}},
        "review": {"detect": ["email", "phone"]},
    }
    reply = plugin.invoke_tool(
        "function_call",
        {"function": f"tell on {how}", "arguments": "{}"},
        workspace=f"telling-{how}",
        sender=sender_for("agent-chat", app="telling-app"),
        credentials={"catalog": json.dumps(governed), "secrets": json.dumps({"key": key})},
    )
    seen = json.dumps(reply.variables) + reply.text
    assert reply.variables["ok"] is False
    assert "z***@example.com" in seen
    for clear in ("zhang.wei", "1234-56", key, key[:12]):
        assert clear not in seen


@pytest.mark.parametrize("tool", RIGHT)
def test_the_after_function_adds_to_the_result(invoke, tool):
    variables = invoke(tool, RIGHT[tool], after="add_note")
    assert variables["ok"] is True
    assert variables["added"] == {"note": f"seen {OPERATIONS[tool]}"}


@pytest.mark.parametrize("tool", RIGHT)
def test_a_before_function_that_answers_garbage_fails_closed(invoke, tool):
    variables = invoke(tool, RIGHT[tool], before="garbage")
    assert variables["ok"] is False


@pytest.mark.parametrize("tool", RIGHT)
def test_an_after_function_that_answers_garbage_costs_only_the_addition(invoke, tool, catalog):
    variables = invoke(tool, RIGHT[tool], after="garbage")
    assert variables["ok"] is True
