"""`before` and `after` functions, for every operation through its tool: they hold for cached answers too."""

import json

import pytest

from tests.contract.test_tools import RIGHT
from workbench.surfaces import sender_for

OPERATIONS = {
    "crm_lookup": "crm.lookup",
    "function_call": "function.call",
    "knowledge_search": "knowledge.search",
    "knowledge_add": "knowledge.add",
    "knowledge_remove": "knowledge.remove",
    "list_capabilities": "workspace.capabilities",
    "diagnose": "workspace.diagnose",
}
REFUSED = {
    "crm_lookup": {"query": "forbidden"},
    "function_call": {"function": "churn_score", "arguments": '{"open_tickets": 1, "note": "forbidden"}'},
    "knowledge_search": {"query": "forbidden"},
    "knowledge_add": {"text": "forbidden", "base": "notes"},
    "knowledge_remove": {"base": "notes", "filters": '{"title": "forbidden"}'},
    "list_capabilities": {"name": "forbidden"},
}


@pytest.fixture
def invoke(plugin, catalog):
    def call(tool, parameters, **around):
        operations = {"operations": {OPERATIONS[tool]: around}} if around else {}
        credentials = {"catalog": json.dumps({**catalog, **operations})}
        return plugin.invoke_tool(
            tool, parameters, workspace="around", sender=sender_for("agent-chat", app="around-app"), credentials=credentials
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
