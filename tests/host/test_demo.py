"""The demo as it is run: the plugin's process, both functions on their runtime, a planner or a model."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from tests.fakes.openai_server import serving
from workbench.cli import PROJECT
from workbench.demo import COMPANY


@pytest.fixture
def demo(tmp_path):
    """Runs it in a new home; gives its exit status and what it printed."""

    def run(*arguments, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
        done = subprocess.run(
            [sys.executable, "-m", "workbench", "demo", *arguments],
            check=False,
            cwd=PROJECT,
            env={**clean, "HOME": str(tmp_path), "COLUMNS": "100", **environment},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def answer_of(shown):
    return shown.partition("Answer ─")[2]


def test_without_a_model_the_planner_answers_from_the_store_and_the_functions(demo):
    started = time.monotonic()
    status, shown = demo()
    assert status == 0, shown
    assert time.monotonic() - started < 20
    assert "a deterministic planner, no model" in shown
    answer = answer_of(shown)
    assert re.search(r"company:\d+\) has a churn score of 0\.\d+", answer)
    assert re.search(r"worth [\d,]+\.\d\d EUR", answer)
    origins = (
        "function churn_score",
        "function exchange_rates",
        "crm_lookup, source sample",
        "model_generate",
        "knowledge_search",
    )
    for line in origins:
        assert line in answer
    assert re.search(r"In short, by extractive-summary \(chat.house\)", answer)
    assert re.search(r"Service levels \(handbook:\d+#\d+\):", answer)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100


def test_each_step_shows_its_time_its_source_and_what_was_decided(demo):
    _, shown = demo()
    steps = re.split(r"\n\d (?=[a-z_]+ )", shown.partition("Answer ─")[0])[1:]
    sources = ("sample, partner", "exchange_rates", "churn_score", "sample", "chat.house")
    for step, source in zip(steps, sources, strict=True):
        assert re.search(r"\d+ ms", step)
        assert re.search(rf"source\s+{source}", step)
        assert re.search(r"policies\s+.*access", step)
        assert re.search(r"targets\s+\S+ ok \d+ ms", step)


def test_the_busy_run_shows_the_limiter_at_work(demo):
    _, shown = demo()
    busy = shown.partition("Busy run ─")[2]
    answered, refused = (int(number) for number in re.search(r"(\d+) answered, (\d+) refused", busy).groups())
    assert answered + refused == 40
    assert 20 <= answered < 40  # 5 a second for 5 seconds, and more where the machine is so slow that the callers come later
    assert len(re.findall(r"\d\.\d s +█+ \d+ answered", busy)) >= 5
    assert re.search(r"refused +░+ \d+ told to come again within \d+ s", busy)


def test_a_company_with_more_deals_than_one_lookup_gives_is_counted_in_full(demo):
    status, shown = demo("--company", "青葉")
    assert status == 0, shown
    assert "8 deals worth" in re.sub(r"\s+", " ", answer_of(shown))


def test_a_company_that_is_not_there_is_told_and_fails(demo):
    status, shown = demo("--company", "Xyzzyqux 99")
    assert status == 1
    assert "The answer holds no fact from" in shown


def call(call_id, tool, **arguments):
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"id": call_id, "type": "function", "function": function}


def observations(request):
    return [message["content"] for message in request["messages"] if message["role"] == "tool"]


def final(request):
    """Answers with what it read, as a model would."""
    lookup, rates, churn, passages, short = observations(request)
    company = re.search(r"company:\d+", lookup)[0]
    amount = re.search(r"([\d,.]+) BRL", lookup)[1]
    total = json.loads(rates[rates.index("{") :])["total"]
    score = json.loads(churn[churn.index("{") :])["score"]
    cited = re.search(r"handbook:\d+#\d+", passages)[0]
    facts = f"{company} will leave with {score:.1%}. Its {amount} BRL and more are worth {total:,.0f} EUR ({cited})."
    return {"content": f"{facts} {short}"}


SCRIPT = [
    {
        "content": None,
        "tool_calls": [call("a", "crm_lookup", query=COMPANY, entity="company", include="deals,tickets,activities")],
    },
    {
        "content": None,
        "tool_calls": [
            call(
                "b",
                "function_call",
                function="exchange_rates",
                arguments=json.dumps({"amounts": [{"amount": 137500.5, "currency": "BRL"}], "to": "EUR"}),
            ),
            call("c", "function_call", function="churn_score", arguments=json.dumps({"open_tickets": 2, "lost_deals": 1})),
            call("d", "knowledge_search", query="How fast do we answer tickets?", top_k=1),
        ],
    },
    {"content": None, "tool_calls": [call("e", "model_generate", pool="chat", prompt="Put the facts in short.")]},
    {"content": "They are a customer to be looked after."},  # asked by the plugin, as the first of the pool
]


def test_a_model_that_calls_the_tools_answers_from_the_same_facts(demo):
    with serving([*SCRIPT, final]) as server:
        status, shown = demo(OPENAI_BASE_URL=server.url, OPENAI_API_KEY=server.key, OPENAI_MODEL="scripted")
    assert status == 0, shown
    assert f"model scripted at {server.url}" in shown
    assert "They are a customer to be looked after." in re.sub(r"\s+", " ", answer_of(shown))
    assert re.search(r"targets +model:chat.main ok", shown)
    offered = {tool["function"]["name"] for tool in server.requests[0]["tools"]}
    knowledge = {"knowledge_search", "knowledge_add", "knowledge_remove"}
    administration = {"cache_warm", "erase_person", "audit_search"}
    assert offered == {
        "crm_lookup",
        "function_call",
        "model_generate",
        "list_capabilities",
        "diagnose",
        *knowledge,
        *administration,
    }


def test_a_model_that_makes_its_facts_up_fails(demo):
    invented = {"content": f"{COMPANY} will leave with 87 %; their pipeline is worth 123,456 EUR."}
    with serving([*SCRIPT, invented]) as server:
        status, shown = demo(OPENAI_BASE_URL=server.url, OPENAI_API_KEY=server.key)
    assert status == 1
    assert "no fact from the store and none from the handbook" in re.sub(r"\s+", " ", shown)


def test_a_model_server_that_refuses_is_told(demo):
    with serving([]) as server:
        status, shown = demo(OPENAI_BASE_URL=server.url, OPENAI_API_KEY="another-key")
    assert status == 1
    assert "HTTP 401" in shown
