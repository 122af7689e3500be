"""Dify's External Knowledge API: what is asked and what may be answered, for servers and functions alike."""

import hashlib
from collections.abc import Mapping
from typing import Any

from faas_toolkit.capabilities.knowledge.filters import Condition
from faas_toolkit.capabilities.knowledge.port import Found, Passage, Question
from faas_toolkit.core.errors import BadResponse
from faas_toolkit.core.filters import as_choices
from faas_toolkit.core.untrusted import cut_short, printable

_TEXT_OPERATORS = {"eq": "is", "ne": "is not", "gt": "after", "gte": "after", "lt": "before", "lte": "before"}
_NUMBER_OPERATORS = {"eq": "=", "ne": "≠", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}
_DOCUMENT_IDS = ("document_id", "doc_id", "id", "path", "url", "source")
"""Where servers are known to put what tells documents apart."""
_MOST_RECORDS = 200
_CONTRACT = 'It must answer {"records": [{"content": "…", "score": 0.5, "title": "…", "metadata": {}}]}.'


def request_of(question: Question, knowledge_id: str) -> dict[str, object]:
    """The body of `POST /retrieval`; `metadata_condition` is null where there is none, as Dify sends it."""
    return {
        "knowledge_id": knowledge_id,
        "query": question.query,
        "retrieval_setting": {"top_k": question.limit, "score_threshold": 0.0},
        "metadata_condition": {"logical_operator": "and", "conditions": [_plain(each) for each in question.conditions]}
        if question.conditions
        else None,
    }


def found_in(answer: object, question: Question, base: str, what: str) -> Found:
    """The passages of an answer, best first.

    Raises:
        BadResponse: it is none; the text shows the contract. A record without metadata, title or score is taken as it is.
    """
    records = answer.get("records") if isinstance(answer, Mapping) else None
    if not isinstance(records, list) or not all(isinstance(record, Mapping) for record in records):
        raise BadResponse(f"{what} answered no list of records.", hint=_CONTRACT)
    passages = [_passage(record, number, base, what) for number, record in enumerate(records[:_MOST_RECORDS], 1)]
    passages.sort(key=lambda passage: -passage.score)
    return Found(passages=tuple(passage for passage in passages if passage.content)[: question.limit])


def _passage(record: Mapping[str, Any], number: int, base: str, what: str) -> Passage:
    content, title, score = record.get("content"), record.get("title"), record.get("score")
    if not isinstance(content, str):
        raise BadResponse(f"{what} answered a record without content (record {number}).", hint=_CONTRACT)
    given = record.get("metadata")
    metadata = dict(given) if isinstance(given, Mapping) else {}
    named = str(title) if title else ""
    known = next((str(metadata[name]) for name in _DOCUMENT_IDS if metadata.get(name)), "")
    position = metadata.get("position")
    made_up = hashlib.sha256((named or content).encode("utf-8", "replace")).hexdigest()[:12]
    return Passage(
        document=f"{base}:{printable(known, 100) or made_up}",
        position=position if isinstance(position, int) and not isinstance(position, bool) and position > 0 else 1,
        title=cut_short(named, 300) or base,
        content=content.strip(),
        score=_score(score),
        metadata=metadata,
    )


def _score(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # noqa: PLR0124 - NaN
        return 0.0
    return round(max(0.0, min(1.0, float(value))), 4)


def _plain(condition: Condition) -> dict[str, object]:
    """A condition in the API's words. It has no "at least" for texts, and so none for dates: those before and after stand in."""
    name, value = condition.field, condition.value
    if condition.operator == "empty":
        return {"name": name, "comparison_operator": "empty" if value else "not empty", "value": None}
    if condition.operator == "in":
        return {"name": name, "comparison_operator": "in", "value": [_written(each) for each in as_choices(value)]}
    if condition.operator == "contains":
        return {"name": name, "comparison_operator": "contains", "value": str(value)}
    operators = _NUMBER_OPERATORS if isinstance(value, float) else _TEXT_OPERATORS
    return {"name": name, "comparison_operator": operators[condition.operator], "value": _written(value)}


def _written(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return int(value) if isinstance(value, float) and value.is_integer() else value
