"""The examples of docs/functions.md are run as they stand there, behind the policies that ask them."""

import json
import re
from pathlib import Path

import flask
import pytest
import yaml

from faas_toolkit.catalog.load import check_text
from faas_toolkit.core.call import Answer, Caller
from faas_toolkit.core.errors import Blocked
from faas_toolkit.pipeline.consult import Consult
from faas_toolkit.pipeline.enrich import Enrich
from faas_toolkit.wiring import OPERATIONS
from tests.fakes.calls import LOOKUP, End, FakeFunctions, make_call

PAGE = (Path(__file__).parents[3] / "docs" / "functions.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def functions():
    """The page's functions, asked through Flask requests as a functions-framework runtime asks them."""
    namespace = {}
    for code in blocks("python"):
        exec(compile(code, "docs/functions.md", "exec"), namespace)
    app = flask.Flask(__name__)

    def served(name):
        def ask(payload):
            with app.test_request_context(method="POST", json=payload):
                return json.loads(json.dumps(namespace[name](flask.request)))

        return ask

    return FakeFunctions(check_policy=served("check_policy"), add_segment=served("add_segment"))


def consulted(functions, query, *, verified):
    end = End()
    arguments = LOOKUP.shape.check({"query": query, "limit": 20})
    call = make_call(arguments, caller=Caller(subject="alice", verified=verified))
    Consult(before={"crm.lookup": "check_policy"}, invoke=functions)(call, end)
    return end.calls[0].arguments


def test_the_example_of_before_refuses(functions):
    with pytest.raises(Blocked, match="Private matters"):
        consulted(functions, "Salary of Ana", verified=True)


def test_the_example_of_before_rewrites(functions):
    assert consulted(functions, "ana", verified=False)["limit"] == 3
    assert consulted(functions, "ana", verified=True)["limit"] == 20


def test_the_example_of_after_adds(functions):
    answer = Answer(variables={"records": [{"id": "person:42"}, {"id": "company:1"}]}, source="main")
    enriched = Enrich(after={"crm.lookup": "add_segment"}, invoke=functions)(make_call(), End(answer))
    assert enriched.added == {"teams": {"person:42": "sales", "company:1": "partners"}}


def test_what_the_page_says_is_sent_is_sent(functions):
    before, after = (json.loads(block) for block in blocks("json"))
    functions.asked.clear()
    consulted(functions, "ana", verified=True)
    Enrich(after={"crm.lookup": "add_segment"}, invoke=functions)(
        make_call(), End(Answer(variables={"records": []}, source="main"))
    )
    (_, asked_before), (_, asked_after) = functions.asked
    assert set(before) == set(asked_before)
    assert set(before["caller"]) == set(asked_before["caller"])
    assert set(after) == set(asked_after)


def test_the_catalog_of_the_page_is_right_and_names_its_functions():
    text = blocks("yaml")[0]
    found = check_text("version: 1\n" + text, secrets={"functions": "what-the-functions-know"}, operations=OPERATIONS)
    assert [finding for finding in found if finding.severity == "error"] == []
    catalog = yaml.safe_load(text)
    named = {name for around in catalog["operations"].values() for name in around.values()}
    assert named == set(catalog["functions"]) == {"check_policy", "add_segment"}


def test_the_page_names_every_operation():
    named = re.findall(r"`((?:crm|knowledge|function|model|workspace|audit|cache)\.\w+)`", PAGE)
    assert set(named) == set(OPERATIONS)
