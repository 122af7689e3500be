"""A sample function: a knowledge base. It answers as Dify's External Knowledge API does, over a few texts that stand below.

Runs on any functions-framework runtime: `functions-framework --target policy_search --source main.py`.

    POST {"knowledge_id": "policies", "query": "hotel abroad", "retrieval_setting": {"top_k": 3, "score_threshold": 0.2},
          "metadata_condition": {"logical_operator": "and",
                                 "conditions": [{"name": "department", "comparison_operator": "is", "value": "travel"}]}}
    200  {"records": [{"content": "…", "score": 0.5, "title": "Business trips", "metadata": {"document_id": "trips", …}}]}
    400  {"error_code": 2001, "error_msg": "…"}

The score is the share of the question's words that a text holds: enough to show the contract, not a search engine.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import flask
import functions_framework

KNOWLEDGE_ID = "policies"
TEXTS: Sequence[Mapping[str, Any]] = (
    {
        "title": "Business trips",
        "content": "Trips above 1,000 EUR are approved by the head of the department. A hotel abroad costs at most 180 EUR.",
        "metadata": {"document_id": "trips", "department": "travel", "year": 2026},
    },
    {
        "title": "Working from home",
        "content": "Everyone may work from home on two days a week, and from abroad on 30 days a year, after a request.",
        "metadata": {"document_id": "home", "department": "people", "year": 2025},
    },
    {
        "title": "出差政策",
        "content": "超过 1,000 欧元的出差须经部门负责人批准。境外酒店每晚不超过 180 欧元。",
        "metadata": {"document_id": "trips-zh", "department": "travel", "year": 2026},
    },
)
WORD = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]{2}")
MAX_QUERY_CHARS = 2_000


@functions_framework.http
def policy_search(request: flask.Request) -> tuple[dict[str, Any], int]:
    """The HTTP entry point."""
    body: Any = request.get_json(silent=True, force=True)
    if not isinstance(body, dict) or not isinstance(body.get("query"), str) or not body["query"].strip():
        return refused(1001, 'The body must be a JSON object with a "query".')
    if body.get("knowledge_id") != KNOWLEDGE_ID:
        return refused(2001, f"There is no knowledge base of that id; there is {KNOWLEDGE_ID}.")
    setting = body.get("retrieval_setting") if isinstance(body.get("retrieval_setting"), dict) else {}
    top_k, threshold = setting.get("top_k", 3), setting.get("score_threshold", 0.0)
    if not isinstance(top_k, int) or not isinstance(threshold, (int, float)):
        return refused(1001, "retrieval_setting.top_k and retrieval_setting.score_threshold must be numbers.")
    chosen = [text for text in TEXTS if fulfils(text["metadata"], body.get("metadata_condition"))]
    records = [{**text, "score": score(body["query"][:MAX_QUERY_CHARS], text)} for text in chosen]
    kept = [record for record in records if record["score"] > 0 and record["score"] >= threshold]
    return {"records": sorted(kept, key=lambda record: -record["score"])[:top_k]}, 200


def refused(code: int, message: str) -> tuple[dict[str, Any], int]:
    """An error in the words of the API."""
    return {"error_code": code, "error_msg": message}, 400


def score(query: str, text: Mapping[str, Any]) -> float:
    """The share of the question's words (pairs of characters in Chinese) that stand in the title or the text."""
    asked = words(query)
    held = words(f"{text['title']} {text['content']}")
    return round(len(asked & held) / len(asked), 3) if asked else 0.0


def words(text: str) -> set[str]:
    """The words; every pair of neighbours where they are not set apart."""
    lowered = text.lower()
    return {match[0] for start in (0, 1) for match in WORD.finditer(lowered, start)}


def fulfils(metadata: Mapping[str, Any], condition: object) -> bool:
    """Whether a text fulfils `metadata_condition`; it is null where there is none."""
    if not isinstance(condition, dict):
        return True
    results = [holds(metadata.get(each.get("name")), each) for each in condition.get("conditions") or ()]
    return any(results) if condition.get("logical_operator") == "or" else all(results)


def holds(value: object, condition: Mapping[str, Any]) -> bool:
    """One condition; operators that this sample does not know hold for nothing."""
    wanted, operator = condition.get("value"), condition.get("comparison_operator")
    shown, asked = str(value).lower(), str(wanted).lower()
    if operator in ("empty", "not empty"):
        return (value is None) == (operator == "empty")
    if operator in (">", "<", "≥", "≤"):
        return compared(value, wanted, operator)
    return {
        "is": shown == asked,
        "=": shown == asked,
        "is not": shown != asked,
        "≠": shown != asked,
        "contains": asked in shown,
        "in": shown in [str(each).lower() for each in wanted] if isinstance(wanted, list) else False,
    }.get(str(operator), False)


def compared(value: object, wanted: object, operator: str) -> bool:
    """Whether a number stands in this order to another."""
    if not isinstance(value, (int, float)) or not isinstance(wanted, (int, float)):
        return False
    return {">": value > wanted, "<": value < wanted, "≥": value >= wanted, "≤": value <= wanted}[operator]
