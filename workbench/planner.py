"""A deciding part without a model: it knows one kind of question, and every step of it is written below.

It stands where a workflow would, so its calls are tool nodes and it reads their variables. Its answer is put together from what
the tools said; it computes sums and days and nothing else.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from workbench.agent import Decision, Step, ToolCall
from workbench.customer import Customer, has_more_deals
from workbench.surfaces import SurfaceName

CURRENCY = "EUR"
_QUESTION = re.compile(
    r"^How likely is (?P<company>.+) to leave us, what is their open pipeline worth in EUR, and how fast do we have to answer"
    r" their tickets\?$"
)
_PROMISES = "Service levels: response times for tickets by priority"


def question_about(company: str) -> str:
    """The question that the planner knows."""
    return (
        f"How likely is {company} to leave us, what is their open pipeline worth in {CURRENCY}, and how fast do we have to answer"
        " their tickets?"
    )


class Planner:
    """Look up, convert, score, search, have it put in short, answer."""

    name = "a deterministic planner, no model (OPENAI_BASE_URL and OPENAI_API_KEY let one decide)"
    surface: SurfaceName = "workflow"

    def __init__(self, today: date | None = None) -> None:
        self._today = today or datetime.now(UTC).date()

    def decide(self, question: str, steps: Sequence[Step]) -> Decision:
        """The next step of the plan; an answer that says what is missing where a tool failed or nothing fits."""
        asked = _QUESTION.match(question)
        if asked is None:
            return Decision(answer=f"This planner knows one question only: {question_about('…')}")
        failed = next((step for step in steps if not step.ok), None)
        if failed is not None:
            return Decision(answer=f"{failed.call.tool} did not answer: {failed.observation}")
        if not steps:
            return _lookup(query=asked["company"], entity="company", include="deals,tickets,activities")
        found = steps[0].variables
        if found["ambiguous"] or not found["records"]:
            return Decision(answer=_unclear(asked["company"], found["records"]))
        return self._about(found["records"][0], steps)

    def _about(self, record: Mapping[str, Any], steps: Sequence[Step]) -> Decision:
        """The answers so far by where they came from decide what is missing."""
        listed = [step.variables["records"] for step in steps[1:] if step.call.tool == "crm_lookup"]
        replies = {step.variables["source"]: step.variables["data"] for step in steps if step.call.tool == "function_call"}
        if has_more_deals(record) and not listed:
            return _lookup(entity="deal", filters=json.dumps({"company": record["id"]}), limit=50)
        customer = Customer(record, listed[0] if listed else record.get("deals", ()))
        pipeline = customer.pipeline()
        if pipeline and "exchange_rates" not in replies:
            return _function("exchange_rates", {"amounts": pipeline, "to": CURRENCY})
        worth = replies.get("exchange_rates", {"total": 0.0})
        if "churn_score" not in replies:
            return _function("churn_score", self._facts(customer, worth["total"]))
        told = {step.call.tool: step.variables for step in steps}
        if "knowledge_search" not in told:
            return Decision([ToolCall("knowledge_search", {"query": _PROMISES, "top_k": 1})])
        found = _answer(customer, worth, replies["churn_score"])
        if "model_generate" not in told:
            asked = {"pool": "chat", "prompt": f"Put this in short:\n\n{found}", "max_tokens": 60}
            return Decision([ToolCall("model_generate", asked)])
        parts = (_in_short(told["model_generate"]), found, _promise(told["knowledge_search"]))
        return Decision(answer="\n\n".join(parts))

    def _facts(self, customer: Customer, worth: float) -> dict[str, float]:
        facts: dict[str, float] = {
            "open_tickets": customer.open_tickets,
            "open_deal_value": worth,
            "won_deals": customer.deals_at("won"),
            "lost_deals": customer.deals_at("lost"),
        }
        days = customer.days_since_last_activity(self._today)
        return facts if days is None else {**facts, "days_since_last_activity": days}


def _lookup(**arguments: str | int) -> Decision:
    return Decision([ToolCall("crm_lookup", arguments)])


def _function(name: str, arguments: Mapping[str, Any]) -> Decision:
    return Decision([ToolCall("function_call", {"function": name, "arguments": json.dumps(arguments)})])


def _unclear(company: str, records: Sequence[Mapping[str, Any]]) -> str:
    if not records:
        return f"The store has no company like {company!r}."
    names = ", ".join(f"{record['name']} ({record['id']})" for record in records)
    return f"Several companies fit {company!r}: {names}. Ask for one of them."


def _answer(customer: Customer, worth: Mapping[str, Any], churn: Mapping[str, Any]) -> str:
    drivers = "; ".join(_driver(driver) for driver in churn["drivers"])
    return (
        f"{customer.name} ({customer.id}) has a churn score of {churn['score']}, a {churn['level']} risk of leaving."
        f" The strongest reasons first: {drivers}.\n\n{_pipeline(customer, worth)}"
    )


def _pipeline(customer: Customer, worth: Mapping[str, Any]) -> str:
    deals = customer.open_deals
    if not deals:
        return "They have no open deal, so the pipeline is worth nothing."
    listed = "; ".join(f"{deal['name']} ({deal['id']}) {deal['amount']:,.2f} {deal['currency']}" for deal in deals)
    return (
        f"Their open pipeline holds {len(deals)} deals worth {worth['total']:,.2f} {CURRENCY}: {listed}."
        f" Rates: {worth['source']}."
    )


def _promise(found: Mapping[str, Any]) -> str:
    if not found["result"]:
        return "Our documents say nothing about how fast tickets have to be answered."
    first, cited = found["result"][0], found["citations"][0]
    return f"How fast we have to answer, by {first['title']} ({cited['id']}):\n{first['content'].strip()}"


def _in_short(generated: Mapping[str, Any]) -> str:
    return f"In short, by {generated['model']} ({generated['source']}): {generated['answer'].strip()}"


def _driver(driver: Mapping[str, Any]) -> str:
    way = "raises it" if driver["effect"] > 0 else "lowers it" if driver["effect"] < 0 else "changes nothing"
    return f"{driver['fact'].replace('_', ' ')} {driver['value']:,.10g} ({way})"
