"""The planner over answers in the tools' shapes."""

import json
from dataclasses import replace
from datetime import date

from workbench.agent import Step, ToolCall
from workbench.evidence import evidence, missing_sources
from workbench.planner import Planner, question_about
from workbench.session import PluginError, Reply

QUESTION = question_about("Aurora Ltd")
DEALS = [
    {"id": "deal:1", "name": "Renewal", "stage": "proposal", "open": True, "amount": 1000, "currency": "USD"},
    {"id": "deal:2", "name": "Sensors", "stage": "qualified", "open": True, "amount": 500.5, "currency": "USD"},
    {"id": "deal:3", "name": "Robots", "stage": "proposal", "open": True, "amount": 700, "currency": "EUR"},
    {"id": "deal:4", "name": "Old", "stage": "won", "open": False, "amount": 9, "currency": "EUR"},
    {"id": "deal:5", "name": "Gone", "stage": "lost", "open": False, "amount": 9, "currency": "EUR"},
    {"id": "deal:6", "name": "Gone too", "stage": "lost", "open": False, "amount": 9, "currency": "EUR"},
]
AURORA = {
    "id": "company:12",
    "entity": "company",
    "name": "Aurora Ltd",
    "deals": DEALS,
    "activities": [{"id": "activity:2", "date": "2099-01-01"}, {"id": "activity:1", "date": "2026-10-01"}],
    "related": {
        "deals": {"total": 6, "open": 3, "more": False},
        "tickets": {"total": 2, "open": 1},
        "activities": {"total": 2, "more": False},
    },
}
BARE = {
    "id": "company:13",
    "name": "Bare Ltd",
    "related": {"deals": {"total": 0, "open": 0}, "tickets": {"total": 0, "open": 0}, "activities": {"total": 0}},
}
RATES = {"total": 2079.5, "currency": "EUR", "source": "fixed sample table of 2026-11-02"}
CHURN = {"score": 0.317, "level": "medium", "drivers": [{"fact": "open_tickets", "value": 1.0, "effect": 0.3}]}


def step(tool, arguments, source, **variables):
    sent = {"ok": True, "source": source, **variables}
    messages = tuple({"type": "variable", "message": {"variable_name": k, "variable_value": v}} for k, v in sent.items())
    return Step(ToolCall(tool, arguments), "", 0.01, Reply(messages, None, 0.01, 0.01))


def looked_up(*records, ambiguous=False):
    return step("crm_lookup", {"query": "Aurora Ltd"}, "sample", records=list(records), ambiguous=ambiguous)


def ran(function, data):
    return step("function_call", {"function": function}, function, data=data)


PASSAGE = {"title": "Service levels", "content": "| urgent | 4 hours |"}


def searched(*passages):
    citations = [{"number": number, "id": f"handbook:3#{number}"} for number in range(1, len(passages) + 1)]
    return step("knowledge_search", {"query": "q"}, "sample", result=list(passages), citations=citations)


def generated(text="Aurora Ltd stays a medium risk."):
    return step("model_generate", {"pool": "chat"}, "chat.house", answer=text, model="extractive-summary")


ALL_BUT_STORE = (ran("exchange_rates", RATES), ran("churn_score", CHURN), searched(PASSAGE), generated())


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
    function, facts = arguments_of(decide(looked_up(BARE)))
    assert function == "churn_score"
    assert facts == {"open_tickets": 0, "open_deal_value": 0.0, "won_deals": 0, "lost_deals": 0}
    answer = decide(looked_up(BARE), ran("churn_score", CHURN), searched(PASSAGE), generated()).answer
    assert "no open deal" in answer


def test_it_searches_what_was_promised_and_has_the_facts_put_in_short():
    (call,) = decide(looked_up(AURORA), ran("exchange_rates", RATES), ran("churn_score", CHURN)).calls
    assert call.tool == "knowledge_search"
    (call,) = decide(looked_up(AURORA), ran("exchange_rates", RATES), ran("churn_score", CHURN), searched(PASSAGE)).calls
    assert (call.tool, call.arguments["pool"]) == ("model_generate", "chat")
    assert "0.317" in call.arguments["prompt"]


def test_documents_that_say_nothing_are_told():
    steps = [looked_up(AURORA), ran("exchange_rates", RATES), ran("churn_score", CHURN), searched(), generated()]
    answer = decide(*steps).answer
    assert "say nothing about how fast" in answer
    assert missing_sources(evidence(QUESTION, answer, steps)) == ["the handbook"]


def test_deals_that_did_not_come_along_are_asked_for():
    part = {**AURORA, "deals": DEALS[:1], "related": {**AURORA["related"], "deals": {"total": 6, "open": 3, "more": True}}}
    (call,) = decide(looked_up(part)).calls
    assert (call.tool, call.arguments["entity"]) == ("crm_lookup", "deal")
    assert json.loads(call.arguments["filters"]) == {"company": "company:12"}
    _, converted = arguments_of(decide(looked_up(part), looked_up(*DEALS)))
    assert [item["amount"] for item in converted["amounts"]] == [700.0, 1500.5]


def test_the_answer_rests_on_the_store_the_functions_a_passage_and_a_model():
    steps = [looked_up(AURORA), *ALL_BUT_STORE]
    answer = decide(*steps).answer
    found = evidence(QUESTION, answer, steps)
    assert "0.317" in answer
    assert "2,079.50 EUR" in answer
    paths = {item.fact.path for item in found}
    assert paths >= {"records[0].deals[0].name", "total", "score", "citations", "answer"}
    assert missing_sources(found) == []


def test_an_answer_without_facts_is_found_out():
    steps = [looked_up(AURORA), *ALL_BUT_STORE]
    nothing = missing_sources(evidence(QUESTION, "Aurora Ltd is fine.", steps))
    assert nothing == ["the store", "the handbook", "a model", "churn_score", "exchange_rates"]
    some = missing_sources(evidence(QUESTION, "The Renewal is worth 2,079.5.", steps))
    assert some == ["the handbook", "a model", "churn_score"]


def test_what_a_model_read_as_text_counts_like_variables():
    lookup = replace(step("crm_lookup", {}, "sample"), observation="Renewal: 45,000 USD; 3 tickets")
    score = replace(step("function_call", {}, "churn_score"), observation='The function answered: {"score": 0.317}')
    search = replace(step("knowledge_search", {}, "sample"), observation="[1] Service levels (handbook:3#2, score 1.0)\n4 hours")
    short = replace(step("model_generate", {}, "chat.main"), observation="They are a medium risk. Call them.")
    answer = "45,000 USD are open; the risk is about 31.7 % (handbook:3#2). They are a medium risk."
    found = evidence(QUESTION, answer, [lookup, score, search, short])
    assert [(item.tool, item.fact.value) for item in found] == [
        ("function_call", 0.317),
        ("model_generate", "They are a medium risk."),
        ("knowledge_search", "handbook:3#2"),
        ("crm_lookup", 45_000),
    ]
    assert missing_sources(found) == ["exchange_rates"]


def test_a_tool_that_failed_is_told_and_ends_the_plan():
    failed = Step(ToolCall("crm_lookup", {}), "the store is locked", 0.01, Reply((), PluginError("X", "m", {}), 0.01, None))
    assert decide(failed).answer == "crm_lookup did not answer: the store is locked"


def test_a_company_that_is_not_clear_is_not_guessed():
    assert "no company like 'Aurora Ltd'" in decide(looked_up()).answer
    several = looked_up({"id": "company:1", "name": "Aurora AG"}, {"id": "company:2", "name": "Aurora SA"}, ambiguous=True)
    assert "Aurora SA (company:2)" in decide(several).answer


def test_another_question_is_not_answered():
    assert "one question only" in Planner().decide("What is the time?", []).answer
