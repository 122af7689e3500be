"""A sample function: how likely a customer is to leave, from a few facts about them.

Runs on any functions-framework runtime: `functions-framework --target churn_score --source main.py`.

    POST {"open_tickets": 3, "days_since_last_activity": 45, "open_deal_value": 20000, "won_deals": 2, "lost_deals": 4}
    200  {"score": 0.36, "level": "medium", "drivers": [{"fact": "open_tickets", "value": 3.0, "effect": 0.9}, …],
          "formula": "…"}

The score is a logistic regression with weights set by hand, to show a function at work. It was not fitted to data; fit your own
before you rely on it:

    z =  -2.0
         +0.30 * open_tickets                         (at most 10 count)
         +0.60 * ln(1 + days_since_last_activity/30)
         -0.25 * ln(1 + open_deal_value/10000)        (EUR)
         +2.00 * (lost share of closed deals - 0.5)   (share = (lost+1)/(won+lost+2), so no history is 0.5)
    score = 1 / (1 + e^-z)
"""

import math
from collections.abc import Mapping
from typing import Any

import flask
import functions_framework

INTERCEPT = -2.0
TICKET_WEIGHT = 0.30
COUNTED_TICKETS = 10
SILENCE_WEIGHT = 0.60
PIPELINE_WEIGHT = -0.25
LOSS_WEIGHT = 2.00
HIGH = 0.6
MEDIUM = 0.3

BOUNDS: Mapping[str, float] = {
    "open_tickets": 10_000,
    "days_since_last_activity": 36_500,
    "open_deal_value": 1e12,
    "won_deals": 100_000,
    "lost_deals": 100_000,
}
"""Every fact is a number from 0 to its bound; a fact that is left out counts as 0."""
WHOLE = frozenset({"open_tickets", "won_deals", "lost_deals"})
EXAMPLE = {"open_tickets": 3, "days_since_last_activity": 45, "open_deal_value": 20000, "won_deals": 2, "lost_deals": 4}


@functions_framework.http
def churn_score(request: flask.Request) -> tuple[dict[str, Any], int]:
    """The HTTP entry point."""
    body: Any = request.get_json(silent=True, force=True)
    problems = problems_of(body)
    if problems:
        return {"error": {"message": "The facts cannot be used.", "problems": problems, "example": EXAMPLE}}, 400
    return score({name: float(body.get(name, 0)) for name in BOUNDS}), 200


def problems_of(body: object) -> list[str]:
    """What is wrong with a request's body, all at once."""
    if not isinstance(body, dict):
        return ["The body must be a JSON object of facts about the customer."]
    unknown = [f"{name[:50]}: there is no such fact; the facts are {', '.join(BOUNDS)}." for name in body if name not in BOUNDS]
    if not any(name in BOUNDS for name in body):
        unknown.append(f"At least one fact is needed: {', '.join(BOUNDS)}.")
    return unknown + [problem for name in BOUNDS if name in body for problem in _problems_of_fact(name, body[name])]


def score(facts: Mapping[str, float]) -> dict[str, Any]:
    """The score with what drove it, the strongest first."""
    effects = {
        "open_tickets": TICKET_WEIGHT * min(facts["open_tickets"], COUNTED_TICKETS),
        "days_since_last_activity": SILENCE_WEIGHT * math.log1p(facts["days_since_last_activity"] / 30),
        "open_deal_value": PIPELINE_WEIGHT * math.log1p(facts["open_deal_value"] / 10_000),
        "lost_share": LOSS_WEIGHT * (lost_share(facts["won_deals"], facts["lost_deals"]) - 0.5),
    }
    probability = 1 / (1 + math.exp(-(INTERCEPT + sum(effects.values()))))
    values = {**facts, "lost_share": round(lost_share(facts["won_deals"], facts["lost_deals"]), 3)}
    drivers = [{"fact": name, "value": values[name], "effect": round(effect, 3)} for name, effect in effects.items()]
    return {
        "score": round(probability, 3),
        "level": "high" if probability >= HIGH else "medium" if probability >= MEDIUM else "low",
        "drivers": sorted(drivers, key=lambda driver: -abs(driver["effect"])),
        "formula": "logistic regression, weights set by hand for this sample; not fitted to data",
    }


def lost_share(won: float, lost: float) -> float:
    """The share of closed deals that were lost, pulled towards one half while there are few."""
    return (lost + 1) / (won + lost + 2)


def _problems_of_fact(name: str, value: object) -> list[str]:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return [f"{name}: must be a number, got {type(value).__name__}."]
    if not 0 <= value <= BOUNDS[name]:
        return [f"{name}: must be from 0 to {BOUNDS[name]:,.0f}, got {value}."]
    if name in WHOLE and value != int(value):
        return [f"{name}: must be a whole number, got {value}."]
    return []
