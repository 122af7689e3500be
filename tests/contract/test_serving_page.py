"""docs/serving.md holds the three contracts of functions that serve a family: what it shows is what is sent, and is taken."""

import json
import re

import pytest

from faas_toolkit.capabilities.knowledge.filters import parse_filters
from faas_toolkit.capabilities.knowledge.port import Question
from faas_toolkit.capabilities.knowledge.sources.retrieval import found_in, request_of
from faas_toolkit.capabilities.models.port import Asked, Report
from faas_toolkit.capabilities.models.sources.chat_completion import read_answer, request_body
from faas_toolkit.core.host import Message
from tests.fakes.calls import make_call
from tests.rules.tree import ROOT

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
SECTIONS = {"customers": "As a CRM", "documents": "As a knowledge base", "models": "As a model"}
SAMPLES = {"customers": "partner_directory", "documents": "policy_search", "models": "summarise"}


def section(family):
    return PAGE.partition(f"## {SECTIONS[family]}\n")[2].partition("\n## ")[0]


def blocks(family):
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", section(family), re.DOTALL)]


@pytest.mark.parametrize("family", SECTIONS)
def test_each_contract_stands_once_with_a_question_an_answer_and_a_sample(family):
    assert PAGE.count(f"## {SECTIONS[family]}\n") == 1
    assert len(blocks(family)) == 2
    assert f"(../functions/samples/{SAMPLES[family]}/main.py)" in section(family)


def test_a_knowledge_base_is_asked_and_answers_as_the_page_says():
    asked, given = blocks("documents")
    question = Question(
        call=make_call(), query=asked["query"], conditions=parse_filters({"department": "support"}), limit=5, mode="auto"
    )
    assert request_of(question, "archive") == asked
    (passage,) = found_in(given, question, "archive", "The function").passages
    assert (passage.id, passage.title, passage.content) == ("archive:7#1", "Returns", "Within 30 days.")


def test_a_model_is_asked_and_answers_as_the_page_says():
    asked, given = blocks("models")
    messages = (Message("system", "…"), Message("user", "…"))
    assert request_body(Asked(messages=messages, temperature=0.2, max_tokens=500), "") == asked
    report = Report()
    assert read_answer(given, report, "The function", part="message") == "…"
    assert (report.model, report.finish_reason, report.prompt_tokens, report.completion_tokens) == ("my-model", "stop", 12, 40)
