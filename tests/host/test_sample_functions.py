"""The sample functions on Google's real runtime."""

import math
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from workbench.functions_runtime import Function, FunctionNotStarted, serving

SAMPLES = Path(__file__).parents[2] / "functions" / "samples"
FACTS = {"open_tickets": 3, "days_since_last_activity": 45, "open_deal_value": 20_000, "won_deals": 2, "lost_deals": 4}


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    names = ("churn_score", "exchange_rates", "policy_search", "summarise")
    with serving([Function(SAMPLES / name) for name in names]) as running:
        yield {function.name: function.url for function in running}


@pytest.fixture
def churn(addresses):
    return lambda body: httpx.post(addresses["churn_score"], json=body)


@pytest.fixture
def rates(addresses):
    return lambda body: httpx.post(addresses["exchange_rates"], json=body)


def test_the_score_is_the_documented_formula(churn):
    z = -2.0 + 0.30 * 3 + 0.60 * math.log(1 + 45 / 30) - 0.25 * math.log(1 + 2) + 2.0 * (5 / 8 - 0.5)
    answer = churn(FACTS).json()
    assert answer["score"] == pytest.approx(1 / (1 + math.exp(-z)), abs=0.0005)
    assert answer["level"] == "medium"


def test_the_drivers_add_up_to_the_score_and_the_strongest_comes_first(churn):
    answer = churn(FACTS).json()
    effects = [driver["effect"] for driver in answer["drivers"]]
    assert effects == sorted(effects, key=lambda effect: -abs(effect))
    assert answer["score"] == pytest.approx(1 / (1 + math.exp(2.0 - sum(effects))), abs=0.001)


@pytest.mark.parametrize(
    ("worse", "value"),
    [("open_tickets", 8), ("days_since_last_activity", 400), ("lost_deals", 20)],
)
def test_more_of_what_is_bad_raises_the_score(churn, worse, value):
    assert churn({**FACTS, worse: value}).json()["score"] > churn(FACTS).json()["score"]


@pytest.mark.parametrize(("better", "value"), [("open_deal_value", 500_000), ("won_deals", 20)])
def test_more_of_what_is_good_lowers_the_score(churn, better, value):
    assert churn({**FACTS, better: value}).json()["score"] < churn(FACTS).json()["score"]


def test_the_extremes_stay_between_0_and_1(churn):
    worst = {"open_tickets": 10_000, "days_since_last_activity": 36_500, "lost_deals": 100_000}
    best = {"open_deal_value": 1e12, "won_deals": 100_000}
    assert 0 <= churn(best).json()["score"] < churn(worst).json()["score"] <= 1
    assert (churn(best).json()["level"], churn(worst).json()["level"]) == ("low", "high")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "must be a JSON object"),
        (None, "must be a JSON object"),
        ({}, "At least one fact"),
        ({"tickets": 3}, "tickets: there is no such fact"),
        ({"open_tickets": "3"}, "open_tickets: must be a number, got str"),
        ({"open_tickets": True}, "open_tickets: must be a number, got bool"),
        ({"open_tickets": -1}, "open_tickets: must be from 0 to 10,000"),
        ({"open_tickets": 1.5}, "open_tickets: must be a whole number"),
        ({"open_tickets": 1, "lost_deals": "x"}, "lost_deals: must be a number"),
    ],
)
def test_a_bad_fact_is_named_with_what_would_be_right(churn, body, problem):
    answer = churn(body)
    assert answer.status_code == 400
    assert problem in " ".join(answer.json()["error"]["problems"])
    assert answer.json()["error"]["example"] == FACTS


def test_a_body_that_is_no_json_is_refused(addresses):
    for name in ("churn_score", "exchange_rates"):
        answer = httpx.post(addresses[name], content=b"\x00{not json NaN")
        assert answer.status_code == 400
        assert "must be a JSON object" in answer.json()["error"]["problems"][0]


def test_nan_is_no_fact(addresses):
    answer = httpx.post(addresses["churn_score"], content=b'{"open_tickets": NaN}')
    assert answer.status_code == 400


def test_amounts_are_converted_and_added_up(rates):
    answer = rates({"amounts": [{"amount": 1088, "currency": "USD"}, {"amount": 7760, "currency": "cny"}], "to": "eur"}).json()
    assert (answer["total"], answer["currency"]) == (2000.0, "EUR")
    assert [item["converted"] for item in answer["items"]] == [1000.0, 1000.0]


def test_the_same_currency_stays_as_it_is(rates):
    assert rates({"amounts": [{"amount": 12.34, "currency": "EUR"}], "to": "EUR"}).json()["total"] == 12.34


def test_yen_have_no_cents(rates):
    assert rates({"amounts": [{"amount": 1, "currency": "EUR"}], "to": "JPY"}).json()["total"] == 164.0


def test_the_answer_says_that_the_table_is_a_sample_and_of_when(rates):
    answer = rates({"amounts": [{"amount": 1, "currency": "EUR"}], "to": "USD"}).json()
    assert answer["table_date"] in answer["source"]
    assert "not market data" in answer["source"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"to": "EUR"}, "amounts: must be a list"),
        ({"amounts": [], "to": "EUR"}, "amounts: must be a list"),
        ({"amounts": [{"amount": 1, "currency": "EUR"}] * 101, "to": "EUR"}, "amounts: must be a list of 1 to 100"),
        ({"amounts": [{"amount": 1, "currency": "EUR"}]}, "to: must be one of EUR"),
        ({"amounts": [{"amount": 1, "currency": "XXX"}], "to": "EUR"}, "amounts[0].currency: must be one of"),
        ({"amounts": [{"amount": "1", "currency": "EUR"}], "to": "EUR"}, "amounts[0].amount: must be a number, got str"),
        ({"amounts": [{"amount": 1e16, "currency": "EUR"}], "to": "EUR"}, "amounts[0].amount: must be between"),
        ({"amounts": [7], "to": "EUR"}, "amounts[0]: must be an object"),
        ({"amounts": [{"amount": 1, "currency": "EUR"}], "to": "EUR", "date": "x"}, "date: there is no such field"),
    ],
)
def test_a_bad_amount_is_named_with_what_would_be_right(rates, body, problem):
    answer = rates(body)
    assert answer.status_code == 400
    assert problem in " ".join(answer.json()["error"]["problems"])


@pytest.fixture
def policies(addresses):
    def ask(query="hotel abroad", knowledge_id="policies", setting=None, **more):
        body = {"knowledge_id": knowledge_id, "query": query, "retrieval_setting": setting or {"top_k": 3}, **more}
        return httpx.post(f"{addresses['policy_search']}retrieval", json=body)

    return ask


def test_a_base_answers_in_the_shape_of_the_external_knowledge_api(policies):
    answer = policies(metadata_condition=None)
    assert answer.status_code == 200
    for record in answer.json()["records"]:
        assert set(record) == {"content", "score", "title", "metadata"}
        assert 0 < record["score"] <= 1
    assert answer.json()["records"][0]["title"] == "Business trips"


def test_a_base_keeps_the_number_the_threshold_and_the_condition_it_is_asked_for(policies):
    assert len(policies(setting={"top_k": 1}).json()["records"]) == 1
    assert policies(setting={"top_k": 3, "score_threshold": 0.99}, query="hotel on the moon").json() == {"records": []}
    condition = {"name": "department", "comparison_operator": "is", "value": "people"}
    chosen = policies(query="abroad", metadata_condition={"logical_operator": "and", "conditions": [condition]})
    assert [record["title"] for record in chosen.json()["records"]] == ["Working from home"]


@pytest.mark.parametrize(
    ("change", "code"),
    [({"knowledge_id": "other"}, 2001), ({"query": ""}, 1001), ({"query": 7}, 1001), ({"setting": {"top_k": "many"}}, 1001)],
)
def test_a_base_refuses_in_the_words_of_the_api(policies, change, code):
    answer = policies(**change)
    assert answer.status_code == 400
    assert answer.json()["error_code"] == code
    assert answer.json()["error_msg"]


def test_a_function_that_does_not_start_is_told_with_what_it_wrote(tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "main.py").write_text("raise RuntimeError('no such luck')\n")
    with pytest.raises(FunctionNotStarted, match="no such luck"), serving([Function(folder)]):
        pass


TEXT = (
    "Aurora signed the contract in March. The weather was fine. The contract of Aurora covers support and hosting."
    " Somebody bought flowers. Support for Aurora is paid until the contract ends."
)


@pytest.fixture
def summarise(addresses):
    return lambda body: httpx.post(addresses["summarise"], json=body)


def a_prompt(text, **more):
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}], **more}


def test_a_summary_keeps_the_sentences_that_say_most_in_their_order(summarise):
    answer = summarise(a_prompt(TEXT)).json()
    content = answer["choices"][0]["message"]["content"]
    assert content.startswith("Aurora signed")
    assert "weather" not in content
    assert "flowers" not in content
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


def test_a_summary_keeps_to_max_tokens_and_says_that_it_was_cut(summarise):
    answer = summarise(a_prompt(TEXT, max_tokens=12)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] <= 12


def test_chinese_is_summarised_by_its_own_sentences(summarise):
    text = "合同由极光公司签署。天气很好。极光公司的合同包括支持。有人买了花。极光公司的支持到合同结束为止。"
    content = summarise(a_prompt(text)).json()["choices"][0]["message"]["content"]
    assert "极光公司的合同包括支持。" in content
    assert "天气很好" not in content


@pytest.mark.parametrize("body", [None, [], {}, {"messages": []}, {"messages": [1]}, a_prompt(" "), {"messages": "x"}])
def test_what_is_no_conversation_is_refused_with_what_would_be_right(summarise, body):
    answer = summarise(body)
    assert answer.status_code == 400
    assert "messages" in answer.json()["error"]["message"]


def test_a_text_that_is_too_long_is_refused(summarise):
    assert summarise(a_prompt("word " * 50_000)).status_code == 413
