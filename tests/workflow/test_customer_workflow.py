"""The example workflow, whole: four families in Dify's engine, with real functions, a model server, and the plugin process."""

import json
import re

import jsonschema
import pytest
import yaml

from tests.workflow.awaited import AWAITED
from tests.workflow.conftest import ROOT, SAMPLES
from workbench.workflow import AppRunner, read_app

pytestmark = [
    pytest.mark.skipif(bool(AWAITED), reason=f"{', '.join(sorted(AWAITED))} awaited (tests/workflow/awaited.py)"),
    pytest.mark.filterwarnings("ignore:Queue.0. now equivalent:DeprecationWarning"),  # gevent to graphon's queue.Queue()
]
FOLDER = ROOT / "examples" / "apps"
APP = read_app(FOLDER / "customer_workflow.yml")
TOOLS = {node["id"]: node["data"]["tool_name"] for node in APP["workflow"]["graph"]["nodes"] if node["data"]["type"] == "tool"}
OWN = {"text", "json", "files"}
QUESTION = "How likely is Vila Nova Saúde Ltda to leave, and which discount may we offer for a renewal?"


@pytest.fixture(scope="module")
def catalog(functions, models) -> dict:
    """As the README says: the samples' catalog with the README's pool."""
    document = yaml.safe_load((SAMPLES / "catalog.yaml").read_text(encoding="utf-8"))
    (block,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    document |= yaml.safe_load(block)
    for name, url in functions.items():
        document["functions"][name]["target"]["url"] = url
    document["models"]["pools"]["chat"]["deployments"][0]["url"] = models.url
    return document


@pytest.fixture
def run(host, catalog, models):
    def run(question=QUESTION, without=None, key=models.key):
        models.requests.clear()
        models.script[:] = [in_the_words_of_the_prompt]
        role = catalog["roles"]["member"]
        allowed = {**role, "allow": [grant for grant in role["allow"] if grant != without]}
        settings = {
            "catalog": json.dumps({**catalog, "roles": {"member": allowed}}),
            "secrets": json.dumps({"models": key}),
        }
        return AppRunner(host=host, credentials=settings, workspace="example").run(APP, {"question": question})

    return run


def in_the_words_of_the_prompt(request) -> dict:
    """What a model that reads would say: nothing but facts that it was given."""
    prompt = request["messages"][-1]["content"]
    company, deal = re.search(r"company:\d+", prompt)[0], re.search(r"deal:\d+", prompt)[0]
    worth, risk = re.search(r"together: ([\d.]+)", prompt)[1], re.search(r"0 to 1: ([\d.]+)", prompt)[1]
    passage = re.search(r"^\[1\] (.+?): ", prompt, re.MULTILINE)[1]
    return {"content": f"{company} leaves with {risk}; {deal} is one of the deals worth {worth}; see {passage} [1]."}


def test_every_tool_gives_the_variables_that_it_declares(run, output_schema):
    done = run()
    assert done.error == ""
    for node, tool in TOOLS.items():
        outputs = {name: value for name, value in done.node(node).outputs.items() if name not in OWN}
        schema = output_schema(tool)
        assert set(outputs) == set(schema["properties"]), tool
        jsonschema.validate(outputs, schema)


def test_the_answer_holds_facts_of_all_four_families(run, models):
    done = run()
    company = done.node("customer").outputs["records"][0]
    passage = done.node("handbook").outputs["result"][0]
    answer = done.outputs["answer"]
    assert company["name"] == "Vila Nova Saúde Ltda"
    for fact in (
        company["id"],
        company["deals"][0]["id"],
        str(done.node("pipeline").outputs["data"]["total"]),
        str(done.node("risk").outputs["data"]["score"]),
        passage["title"],
    ):
        assert fact in answer
    assert done.outputs["model"] == "scripted"
    (request,) = models.requests
    assert passage["content"] in request["messages"][-1]["content"]
    assert request["messages"][0]["role"] == "system"


def test_the_open_deals_and_tickets_reach_the_functions(run):
    done = run()
    company = done.node("customer").outputs["records"][0]
    deals = [deal for deal in company["deals"] if deal["open"]]
    converted = done.node("pipeline").outputs["data"]["items"][1:]
    assert [(item["amount"], item["currency"]) for item in converted] == [(deal["amount"], deal["currency"]) for deal in deals]
    facts = json.loads(done.node("facts").outputs["output"])
    assert facts["open_tickets"] == company["related"]["tickets"]["open"] > 0
    assert facts["open_deal_value"] == done.node("pipeline").outputs["data"]["total"] > 0


BRANCHES = [
    ("crm.read", "customer", "Finding the customer failed: "),
    ("function.call", "pipeline", "Valuing the open deals failed: "),
    ("knowledge.read", "handbook", "Searching the documents failed: "),
    ("model.use", "answer", "Asking the model failed: "),
]


@pytest.mark.parametrize(("without", "node", "said"), BRANCHES, ids=[node for _, node, _ in BRANCHES])
def test_a_tool_that_fails_ends_in_an_answer_that_says_so(run, without, node, said):
    done = run(without=without)
    assert [each.id for each in done.nodes][-3:] == [node, "failure", "failed"]
    failure = done.node(node)
    assert (failure.status, set(failure.outputs)) == ("exception", {"error_message", "error_type"})
    assert failure.outputs["error_type"] == "ToolRuntimeInvocationError"
    assert done.outputs["answer"] == f"The question was not answered. {said}{failure.outputs['error_message']}"


def test_a_model_server_that_refuses_ends_in_an_answer_that_says_so(run, models):
    done = run(key="a-wrong-key")
    assert done.outputs["answer"].startswith("The question was not answered. Asking the model failed: ")
    assert len(models.requests) == 1


def test_a_question_about_nobody_is_answered_so(run, models):
    done = run(question="Zzyzx Qwghlm?")
    assert [node.id for node in done.nodes] == ["start", "customer", "found", "unknown_customer", "not_found"]
    assert done.outputs["answer"].startswith("No customer in the CRM fits the question.")
    assert models.requests == []
