"""A small workflow in graphon: what tool nodes give, and what happens when one fails."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.workflow.conftest import SAMPLES
from workbench.surfaces import sender_for
from workbench.workflow import AppNotRunnable, AppRunner, read_app

pytestmark = pytest.mark.filterwarnings("ignore:Queue.0. now equivalent:DeprecationWarning")  # gevent to graphon's queue.Queue()
APP = Path(__file__).parent / "two_families.yml"
OWN = {"text", "json", "files"}
INPUTS = {"question": "How likely is Vila Nova Saúde Ltda to leave?", "function": "churn_score", "limit": "1", "on_error": "auto"}


@pytest.fixture(scope="module")
def catalog(functions, models) -> dict:
    """The samples' catalog, with functions beside them that fail in a way of their own."""
    document = yaml.safe_load((SAMPLES / "catalog.yaml").read_text(encoding="utf-8"))
    for name, url in functions.items():
        document["functions"][name]["target"]["url"] = url
    churn = document["functions"]["churn_score"]
    document["functions"] |= {
        "rarely": {**churn, "limits": [{"requests": 1, "per": "1h"}]},
        "refusing": {**churn, "target": {"url": models.url}},
        "picky": {**churn, "arguments": {"type": "object", "required": ["name"]}},
    }
    document["roles"]["member"]["functions"] = ["*"]
    return document


@pytest.fixture(scope="module")
def run(host, catalog):
    def run(**inputs):
        credentials = {"catalog": json.dumps(catalog)}
        return AppRunner(host=host, credentials=credentials, workspace="small").run(read_app(APP), {**INPUTS, **inputs})

    return run


def test_nodes_give_the_variables_that_their_tools_declare(run, output_schema):
    done = run()
    for node, tool in (("customer", "crm_lookup"), ("risk", "function_call")):
        outputs = {name: value for name, value in done.node(node).outputs.items() if name not in OWN}
        schema = output_schema(tool)
        assert set(outputs) == set(schema["properties"])
        jsonschema.validate(outputs, schema)


def test_what_one_node_gives_reaches_the_next(run):
    done = run()
    company = done.node("customer").outputs["records"][0]
    assert json.loads(done.node("facts").outputs["output"]) == {"open_tickets": company["related"]["tickets"]["open"]}
    assert done.outputs["risk"]["drivers"][0]["value"] == company["related"]["tickets"]["open"] > 0
    assert [node.id for node in done.nodes] == ["start", "customer", "facts", "risk", "scored"]
    assert done.error == ""


FAILURES = [
    ("nothing_like_it", "InvokeBadRequestError", "nothing_like_it"),
    ("picky", "InvokeBadRequestError", "name"),
    ("refusing", "InvokeServerUnavailableError", "refusing"),
]


@pytest.mark.parametrize(("function", "raised", "said"), FAILURES, ids=[function for function, *_ in FAILURES])
def test_a_failing_tool_takes_its_fail_branch_with_the_words_of_the_plugin_alone(run, host, catalog, function, raised, said):
    done = run(function=function)
    assert [node.id for node in done.nodes] == ["start", "customer", "facts", "risk", "failed"]
    assert (done.node("risk").status, done.error) == ("exception", "")
    assert done.outputs["type"] == "ToolRuntimeInvocationError"
    asked = {"function": function, "arguments": done.node("facts").outputs["output"]}
    reply = host.invoke_tool(
        "function_call", asked, workspace="small", sender=sender_for("workflow"), credentials={"catalog": json.dumps(catalog)}
    )
    assert reply.error.error_type == raised
    assert said in done.outputs["message"]
    assert done.outputs["message"] == reply.error.message


def test_a_throttled_tool_says_when_to_come_again(run):
    assert run(function="rarely").outputs["risk"]["score"] > 0
    message = run(function="rarely").outputs["message"]
    assert "rarely" in message
    assert "An error occurred" not in message


def test_a_setting_bound_to_a_variable_returns_the_failure_as_data(run):
    done = run(function="nothing_like_it", on_error="return")
    assert done.node("risk").status == "succeeded"
    assert done.outputs["error"]["kind"] == "not_found"
    assert done.outputs["risk"] is None


def test_a_value_that_dify_cannot_cast_fails_the_node_in_its_words(run):
    done = run(limit="abc")
    assert done.outputs["customer"] == "Failed to invoke tool: invalid literal for int() with base 10: 'abc'"
    with pytest.raises(LookupError, match="'risk' did not run"):
        done.node("risk")


def test_a_failure_without_a_branch_fails_the_run(host, catalog):
    app = yaml.safe_load(APP.read_text(encoding="utf-8"))
    for node in app["workflow"]["graph"]["nodes"]:
        node["data"].pop("error_strategy", None)
    done = AppRunner(host=host, credentials={"catalog": json.dumps(catalog)}, workspace="small").run(
        app, {**INPUTS, "limit": "99"}
    )
    assert "limit must be a number from 1 to 50" in done.error
    assert done.nodes[-1].status == "failed"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tool_name": "nothing_like_it"}, "There is no tool 'nothing_like_it'"),
        ({"provider_id": "a/b/c"}, "'a/b/c' is not there"),
    ],
)
def test_a_tool_that_is_not_there_fails_its_node(host, change, said):
    app = yaml.safe_load(APP.read_text(encoding="utf-8"))
    app["workflow"]["graph"]["nodes"][1]["data"].update(change)
    done = AppRunner(host=host).run(app, INPUTS)
    assert said in done.outputs["customer"]


@pytest.mark.parametrize("graph", [None, {}, {"nodes": [1]}, {"nodes": [{"id": "a", "data": {}}]}])
def test_a_workflow_without_a_graph_is_told(host, graph):
    with pytest.raises(AppNotRunnable, match="needs `workflow"):
        AppRunner(host=host).run({"app": {"mode": "workflow"}, "workflow": {"graph": graph}}, INPUTS)


def test_a_graph_that_the_engine_does_not_take_is_told(host):
    app = yaml.safe_load(APP.read_text(encoding="utf-8"))
    del app["workflow"]["graph"]["nodes"][1]["data"]["tool_name"]
    with pytest.raises(AppNotRunnable, match="does not take this graph"):
        AppRunner(host=host).run(app, INPUTS)


def test_what_cannot_run_here_is_told(host, tmp_path):
    app = yaml.safe_load(APP.read_text(encoding="utf-8"))
    with pytest.raises(AppNotRunnable, match=r"missing: \['question', 'function', 'limit', 'on_error'\], unknown: \['colour'\]"):
        AppRunner(host=host).run(app, {"colour": "red"})
    app["workflow"]["graph"]["nodes"][2]["data"]["type"] = "code"
    with pytest.raises(AppNotRunnable, match="node types code do not run here"):
        AppRunner(host=host).run(app, INPUTS)
    app["app"]["mode"] = "agent-chat"
    with pytest.raises(AppNotRunnable, match="this one is 'agent-chat'"):
        AppRunner(host=host).run(app, INPUTS)
    (tmp_path / "list.yml").write_text("[1]", encoding="utf-8")
    with pytest.raises(AppNotRunnable, match="kind: app"):
        read_app(tmp_path / "list.yml")
