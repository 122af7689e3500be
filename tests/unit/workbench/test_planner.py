"""The planner over answers in the tools' shapes."""

import json
from dataclasses import replace
from datetime import date

import pytest

from workbench.agent import Step, ToolCall
from workbench.demo import evidence, missing_sources
from workbench.planner import Planner, question_about
from workbench.session import PluginError, Reply

QUESTION = question_about("Aurora Ltd")
AURORA = {
    "id": "company:12",
    "entity": "company",
    "name": "Aurora Ltd",
    "deals": [
        {"id": "deal:1", "name": "Renewal", "status": "open", "amount": 1000, "currency": "USD"},
        {"id": "deal:2", "name": "Sensors", "status": "open", "amount": 500.5, "currency": "USD"},
        {"id": "deal:3", "name": "Robots", "status": "open", "amount": 700, "currency": "EUR"},
        {"id": "deal:4", "name": "Old", "status": "won", "amount": 9, "currency": "EUR"},
        {"id": "deal:5", "name": "Gone", "status": "lost", "amount": 9, "currency": "EUR"},
        {"id": "deal:6", "name": "Gone too", "status": "lost", "amount": 9, "currency": "EUR"},
    ],
    "tickets": [{"id": "ticket:1", "status": "open"}, {"id": "ticket:2", "status": "closed"}],
    "activities": [{"id": "activity:1", "at": "2026-10-01T09:00:00Z"}, {"id": "activity:2", "at": "2099-01-01"}],
}
RATES = {"total": 2079.5, "currency": "EUR", "source": "fixed sample table of 2026-11-02"}
CHURN = {"score": 0.317, "level": "medium", "drivers": [{"fact": "open_tickets", "value": 1.0, "effect": 0.3}]}


def step(tool, arguments, source, **variables):
    sent = {"ok": True, "source": source, **variables}
    messages = tuple({"type": "variable", "message": {"variable_name": k, "variable_value": v}} for k, v in sent.items())
    return Step(ToolCall(tool, arguments), "", 0.01, Reply(messages, None, 0.01, 0.01))


def looked_up(*records):
    return step("crm_lookup", {"query": "Aurora Ltd"}, "sample", records=list(records))


def ran(function, data):
    return step("function_call", {"function": function}, function, data=data)


def decide(*steps):
    return Planner(date(2026, 11, 20)).decide(QUESTION, steps)


def arguments_of(decision):
    (call,) = decision.calls
    return call.arguments["function"], json.loads(call.arguments["arguments"])


def test_it_looks_the_company_up_with_what_belongs_to_it():
    (call,) = decide().calls
    assert call.tool == "crm_lookup"
    assert (call.arguments["query"], call.arguments["entity"]) == ("Aurora Ltd", "company")


def test_it_converts_the_open_deals_summed_by_currency():
    amounts = [{"amount": 700.0, "currency": "EUR"}, {"amount": 1500.5, "currency": "USD"}]
    assert arguments_of(decide(looked_up(AURORA))) == ("exchange_rates", {"amounts": amounts, "to": "EUR"})


def test_it_scores_the_facts_that_were_found():
    function, facts = arguments_of(decide(looked_up(AURORA), ran("exchange_rates", RATES)))
    assert function == "churn_score"
    assert facts == {
        "open_tickets": 1,
        "open_deal_value": 2079.5,
        "won_deals": 1,
        "lost_deals": 2,
        "days_since_last_activity": 50,
    }


def test_without_open_deals_nothing_is_converted():
    function, facts = arguments_of(decide(looked_up({**AURORA, "deals": [], "activities": []})))
    assert function == "churn_score"
    assert facts == {"open_tickets": 1, "open_deal_value": 0.0, "won_deals": 0, "lost_deals": 0}


def test_the_answer_rests_on_the_store_and_on_both_functions():
    steps = [looked_up(AURORA), ran("exchange_rates", RATES), ran("churn_score", CHURN)]
    answer = decide(*steps).answer
    found = evidence(QUESTION, answer, steps)
    assert "0.317" in answer
    assert "2,079.50 EUR" in answer
    assert {item.fact.path for item in found} >= {"records[0].deals[0].name", "total", "score"}
    assert missing_sources(found) == []


def test_an_answer_without_facts_is_found_out():
    steps = [looked_up(AURORA), ran("exchange_rates", RATES), ran("churn_score", CHURN)]
    assert missing_sources(evidence(QUESTION, "Aurora Ltd is fine.", steps)) == ["the store", "churn_score", "exchange_rates"]
    assert missing_sources(evidence(QUESTION, "The Renewal is worth 2,079.5.", steps)) == ["churn_score"]


def test_what_a_model_read_as_text_counts_like_variables():
    lookup = replace(step("crm_lookup", {}, "sample"), observation="Renewal: 45,000 USD; 3 tickets")
    score = replace(step("function_call", {}, "churn_score"), observation='The function answered: {"score": 0.317}')
    found = evidence(QUESTION, "45,000 USD are open; the risk is about 32 %.", [lookup, score])
    assert [(item.tool, item.fact.value) for item in found] == [("crm_lookup", 45_000), ("function_call", 0.317)]
    assert missing_sources(found) == ["exchange_rates"]


def test_a_tool_that_failed_is_told_and_ends_the_plan():
    failed = Step(ToolCall("crm_lookup", {}), "the store is locked", 0.01, Reply((), PluginError("X", "m", {}), 0.01, None))
    assert decide(failed).answer == "crm_lookup did not answer: the store is locked"


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ([], "no company like 'Aurora Ltd'"),
        ([{"id": "company:1", "name": "Aurora AG"}, {"id": "company:2", "name": "Aurora SA"}], "Aurora SA (company:2)"),
    ],
)
def test_a_company_that_is_not_clear_is_not_guessed(records, says):
    assert says in decide(looked_up(*records)).answer


def test_the_exact_name_wins_over_others_that_fit():
    assert decide(looked_up({"id": "company:1", "name": "Aurora Ltd Holding"}, AURORA)).calls


def test_another_question_is_not_answered():
    assert "one question only" in Planner().decide("What is the time?", []).answer
