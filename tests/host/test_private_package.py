"""A private package as a process: its typed tools call real functions, governed as function_call is."""

import json
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from workbench.functions_runtime import Function, serving
from workbench.host import PluginHost
from workbench.package import packing, start
from workbench.package.private.assembly import Identity, private_files
from workbench.surfaces import SURFACES, observation, prepare, sender_for, workflow_node

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "functions" / "samples"
COUNT = ROOT / "tests" / "fakes" / "functions" / "count"
FILLED_IN = {"secrets": json.dumps({"score": "not-a-real-secret"})}
AMOUNTS = json.dumps([{"amount": 1088, "currency": "USD"}])


@pytest.fixture(scope="module")
def addresses():
    with serving([Function(SAMPLES / "churn_score"), Function(SAMPLES / "exchange_rates"), Function(COUNT)]) as running:
        yield {function.name: function.url for function in running}


@pytest.fixture(scope="module")
def catalog(addresses):
    """The catalog of the samples, one function with effects, and one that a role may not call."""
    document = yaml.safe_load((SAMPLES / "catalog.yaml").read_text(encoding="utf-8"))
    functions = document["functions"]
    for name in ("churn_score", "exchange_rates"):
        functions[name]["target"]["url"] = addresses[name]
    functions["churn_score"]["auth"] = {"bearer": "${secret:score}"}
    functions["count"] = {"platform": "http", "target": {"url": addresses["count"]}, "effects": "once"}
    functions["closed"] = {"platform": "http", "target": {"url": addresses["count"]}}
    document["roles"]["member"]["functions"] = ["churn_score", "exchange_rates", "count"]
    return yaml.safe_dump(document, sort_keys=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def plugin(addresses, catalog, data, tmp_path_factory):
    files = private_files(packing.read_files(), catalog, Identity("acme_functions", "acme"))
    package = packing.write_package(tmp_path_factory.mktemp("dist") / "acme.difypkg", files)
    opened = ",".join(f"http://{urlsplit(url).netloc}" for url in addresses.values())
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(data), "FAAS_TOOLKIT_NETWORK_ALLOW": opened}
    with start.unpacked(package) as folder, PluginHost(folder, environment=environment) as host:
        yield host


@pytest.fixture
def ask(plugin):
    def call(tool, arguments, *, surface="agent-chat", credentials=None, as_dify=True, workspace="main"):
        declared = plugin.declaration.tool(tool)
        parameters = prepare(surface, declared, arguments, {}) if as_dify else arguments
        credentials = FILLED_IN if credentials is None else credentials
        sender = sender_for(surface, app=f"{workspace}-app")
        return plugin.invoke_tool(tool, parameters, workspace=workspace, sender=sender, credentials=credentials, timeout=60)

    return call


def test_there_is_one_tool_for_each_function(plugin):
    serving_a_family = ["partner_directory", "policy_search", "summarise"]
    expected = ["churn_score", "exchange_rates", *serving_a_family, "count", "closed", "diagnose"]
    assert [tool.name for tool in plugin.declaration.tools] == expected


@pytest.mark.parametrize("surface", SURFACES)
def test_a_typed_tool_is_answered_by_its_real_function(ask, plugin, surface):
    reply = ask("exchange_rates", {"amounts": AMOUNTS, "to": "EUR"}, surface=surface)
    if surface == "workflow":
        node = workflow_node(reply, plugin.declaration.provider_id)
        assert node.outputs["data"]["total"] == 1000.0
        assert (node.outputs["source"], node.outputs["status"]) == ("exchange_rates", "done")
        assert set(node.outputs) - {"text", "json", "files"} == set(plugin.declaration.tool("exchange_rates").variables)
    else:
        assert '"total": 1000.0' in observation(surface, reply).text


def test_numbers_arrive_as_the_function_wants_them(ask):
    reply = ask("churn_score", {"open_tickets": 3.0, "days_since_last_activity": 45}, as_dify=False)
    assert reply.variables["ok"] is True
    assert '"score"' in observation("agent-chat", reply).text


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("churn_score", {"open_tickets": "many"}, "open_tickets: 'many' is not of type 'integer'"),
        ("churn_score", {"open_tickets": 1.5}, "open_tickets: 1.5 is not of type 'integer'"),
        ("churn_score", {"open_tickets": -1}, "open_tickets: -1 is less than the minimum of 0"),
        ("churn_score", {"tickets": 1}, "'tickets' is not allowed"),
        ("exchange_rates", {"amounts": AMOUNTS}, "'to' is a required property"),
        ("exchange_rates", {"amounts": '{"amount": 1}', "to": "EUR"}, "is not of type 'array'"),
        ("exchange_rates", {"amounts": '[{"amount": "1", "currency": "USD"}]', "to": "EUR"}, "amounts.0.amount: '1'"),
        ("exchange_rates", {"amounts": "[{", "to": "EUR"}, "amounts"),
    ],
)
def test_a_wrong_argument_is_refused_in_the_schema_s_words_and_nothing_runs(ask, tool, arguments, words):
    reply = ask(tool, arguments, as_dify=False)
    assert reply.variables["ok"] is False
    assert reply.variables["error"]["kind"] == "invalid_input"
    assert words in reply.variables["error"]["message"]
    assert reply.variables["meta"].get("attempts", []) == []


def test_a_wrong_argument_fails_a_workflow_node(ask, plugin):
    reply = ask("churn_score", {"open_tickets": "many"}, surface="workflow", as_dify=False)
    assert "is not of type 'integer'" in workflow_node(reply, plugin.declaration.provider_id).error


def test_a_function_that_the_role_may_not_call_is_refused(ask):
    assert ask("closed", {}).variables["error"]["kind"] == "not_found"


def test_an_effect_happens_once_for_one_key(ask):
    answers = [ask("count", {"idempotency_key": key}).variables["meta"] for key in ("order-1", "order-1", "order-2")]
    assert [len(meta["attempts"]) for meta in answers] == [1, 0, 1]


def test_a_model_cannot_choose_another_function(ask):
    reply = ask("count", {"function": "exchange_rates", "arguments": "{}"}, as_dify=False)
    assert reply.variables["source"] == "count"


def test_without_its_secret_every_tool_names_it_and_diagnose_still_answers(ask):
    refused = ask("churn_score", {"open_tickets": 1}, credentials={}, workspace="fresh")
    assert refused.variables["error"]["kind"] == "unavailable"
    assert "score" in refused.variables["error"]["message"]
    assert "secrets" in refused.variables["error"]["message"]
    told = ask("diagnose", {"check": "catalog"}, credentials={}, workspace="fresh")
    assert told.variables["ok"] is True
    assert "error 1" in observation("agent-chat", told).text


def test_the_form_is_checked_against_the_packaged_catalog(plugin):
    assert plugin.validate_credentials(FILLED_IN).error is None
    refused = plugin.validate_credentials({})
    assert "score" in refused.error.message


def test_diagnose_says_that_the_packaged_catalog_is_in_force(ask):
    assert "package, " in observation("agent-chat", ask("diagnose", {"check": "catalog"})).text


def test_the_setting_wins_over_the_packaged_catalog(ask):
    reply = ask("churn_score", {"open_tickets": 1}, credentials={"catalog": '{"version": 1, "functions": {}}'})
    assert reply.variables["error"]["kind"] == "not_found"


def test_the_audit_says_function_call(ask, data):
    reply = ask("exchange_rates", {"amounts": AMOUNTS, "to": "USD"})
    request = reply.variables["meta"]["request_id"]
    with sqlite3.connect(data / "toolkit.sqlite") as database:
        rows = [json.loads(content) for (content,) in database.execute("select content from audit_rows")]
    (row,) = [row for row in rows if row.get("request_id", row.get("request")) == request]
    assert row["operation"] == "function.call"
    assert [attempt[0] for attempt in row["attempts"]] == ["function:exchange_rates"]
