"""Whether an answer of the demo rests on what the tools said, and on which of them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.agent import Step
from workbench.facts import Fact, facts_in, facts_of_text

PROVEN = {"churn_score": "score", "exchange_rates": "total"}
"""The value of each function's reply that an answer must hold."""

_ORIGINS = {"crm_lookup": "the store", "knowledge_search": "the handbook", "model_generate": "a model"}
_PASSAGE = re.compile(r"\b\w+:\d+#\d+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_SHORTEST_SENTENCE = 20

_PROOF_ORDER = ("function_call", "model_generate", "knowledge_search", "crm_lookup")
_WORDS_OF_THE_STORE = frozenset({"entity", "source", "match", "stage"})
"""Fields whose values are ordinary words."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact of the answer came from."""

    fact: Fact
    tool: str
    source: str


def evidence(question: str, answer: str, steps: Sequence[Step]) -> list[Evidence]:
    """The facts of the answer with their origin, each once: what the functions replied, then all else, the store last."""
    found: dict[str | float, Evidence] = {}
    for step in sorted(steps, key=lambda step: _PROOF_ORDER.index(step.call.tool) if step.call.tool in _PROOF_ORDER else -1):
        source = str(step.variables.get("source", ""))
        for fact in _facts(question, answer, step, source):
            found.setdefault(fact.value, Evidence(fact, step.call.tool, source))
    return list(found.values())


def _facts(question: str, answer: str, step: Step, source: str) -> list[Fact]:
    if not step.ok:
        return []
    if step.call.tool == "crm_lookup":
        if "records" in step.variables:
            facts = facts_in(answer, {"records": step.variables["records"]}, known=question)
            return [fact for fact in facts if fact.path.rsplit(".")[-1] not in _WORDS_OF_THE_STORE]
        return facts_of_text(answer, step.observation, known=question)
    if step.call.tool == "knowledge_search":
        return _cited(answer, step)
    if step.call.tool == "model_generate":
        return _said(answer, str(step.variables.get("answer") or step.observation))
    data = step.variables.get("data") or _json_in(step.observation)
    proven = PROVEN.get(source, "")
    return facts_in(answer, {proven: data.get(proven)}, known=question) if isinstance(data, dict) else []


def _cited(answer: str, step: Step) -> list[Fact]:
    """The passages that the answer names by their ids; agents read them in the text."""
    ids = [cited["id"] for cited in step.variables.get("citations") or ()] or _PASSAGE.findall(step.observation)
    return [Fact("citations", passage) for passage in dict.fromkeys(ids) if passage in answer]


def _said(answer: str, text: str) -> list[Fact]:
    """The sentences of a model that the answer repeats word for word."""
    sentences = (sentence.strip() for sentence in _SENTENCE.findall(text))
    return [Fact("answer", sentence) for sentence in sentences if len(sentence) >= _SHORTEST_SENTENCE and sentence in answer][:1]


def _json_in(text: str) -> object:
    """The document in the text of a function's answer: agents get no variable of it."""
    try:
        return json.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        return None


def missing_sources(found: Sequence[Evidence]) -> list[str]:
    """What the answer should rest on and does not."""
    held = {item.source if item.tool == "function_call" else _ORIGINS[item.tool] for item in found}
    return [name for name in (*_ORIGINS.values(), *PROVEN) if name not in held]
