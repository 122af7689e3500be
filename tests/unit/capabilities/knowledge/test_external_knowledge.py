"""The External Knowledge API: what is sent, what is taken, and what each way of failing means."""

import json

import pytest

from faas_toolkit.capabilities.knowledge import citations
from faas_toolkit.capabilities.knowledge.config import ExternalKnowledgeConfig
from faas_toolkit.capabilities.knowledge.filters import parse_filters
from faas_toolkit.capabilities.knowledge.port import Passage, Question
from faas_toolkit.capabilities.knowledge.sources.external_knowledge import ExternalKnowledge
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, Throttled, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.net.config import Auth
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from tests.fakes.calls import make_call
from tests.fakes.knowledge import scope
from tests.fakes.servers import serving


def ask(script, *, path="", filters=None, auth=None, seconds=5.0):
    """The answer, and the exchanges that the server saw."""
    with serving(script) as server:
        url = f"http://127.0.0.1:{server.port}"
        base = ExternalKnowledge(
            name="partner",
            config=ExternalKnowledgeConfig(kind="external_knowledge", url=url + path, id="main", auth=auth),
            client=HttpClient(guard=EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": url})),
            now=SystemClock().epoch,
        )
        question = Question(call=make_call({}, scope=scope()), query="How long?", conditions=parse_filters(filters), limit=3)
        return base.find(question, Deadline.after(SystemClock(), seconds)), server.exchanges


def answering(body, status="200 OK"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda exchange: exchange.answer(content, status=status)


RECORD = {"content": "Thirty days.", "score": 0.9, "title": "Returns", "metadata": {"document_id": "7", "path": "a/b"}}


@pytest.mark.parametrize("path", ["", "/", "/api/retrieval", "/retrieval/"])
def test_the_request_is_exactly_what_the_contract_says(path):
    token = "a-key-of-the-test"
    _, (exchange,) = ask(answering({"records": []}), path=path, auth=Auth(bearer=token))
    assert exchange.first_line.split()[:2] == ["POST", path if "retrieval" in path else "/retrieval"]
    assert exchange.headers["authorization"] == f"Bearer {token}"
    assert exchange.headers["content-type"] == "application/json"
    assert json.loads(exchange.body) == {
        "knowledge_id": "main",
        "query": "How long?",
        "retrieval_setting": {"top_k": 3, "score_threshold": 0.0},
        "metadata_condition": None,
    }


def test_filters_become_conditions_in_the_words_of_the_api():
    filters = {
        "team": "support",
        "year": {"gte": 2025, "lt": 2027.5},
        "tags": {"contains": "eu"},
        "code": {"contains": 20},
        "kind": ["a", 2],
        "due": {"gt": "2026-01-01"},
        "gone": None,
        "here": {"empty": False},
        "open": True,
        "size": {"ne": 3},
    }
    _, (exchange,) = ask(answering({"records": []}), filters=filters)
    condition = json.loads(exchange.body)["metadata_condition"]
    assert condition["logical_operator"] == "and"
    assert [(each["name"], each["comparison_operator"], each["value"]) for each in condition["conditions"]] == [
        ("team", "is", "support"),
        ("year", "≥", 2025),
        ("year", "<", 2027.5),
        ("tags", "contains", "eu"),
        ("code", "contains", "20"),
        ("kind", "in", ["a", 2]),
        ("due", "after", "2026-01-01"),
        ("gone", "empty", None),
        ("here", "not empty", None),
        ("open", "is", "true"),
        ("size", "≠", 3),
    ]


def test_a_record_becomes_a_passage():
    found, _ = ask(answering({"records": [RECORD]}))
    (passage,) = found.passages
    assert (passage.id, passage.title, passage.content, passage.score) == ("partner:7#1", "Returns", "Thirty days.", 0.9)
    assert passage.metadata == RECORD["metadata"]


@pytest.mark.parametrize(
    "record",
    [
        {"content": "x"},
        {"content": "x", "metadata": None, "title": None, "score": None},
        {"content": "x", "metadata": [], "title": 5, "score": "high"},
        {"content": "x", "score": 17, "metadata": {"position": "first"}},
        {"content": "x", "score": -1, "metadata": {"document_id": {"a": 1}}},
        {"content": "x", "score": True, "extra": 1},
    ],
)
def test_what_a_record_lacks_or_says_wrong_costs_nothing(record):
    found, _ = ask(answering({"records": [record]}))
    (passage,) = found.passages
    assert passage.content == "x"
    assert 0 <= passage.score <= 1
    assert passage.title
    json.dumps(passage.metadata)


def test_the_best_come_first_and_no_more_than_asked_for():
    records = [{**RECORD, "content": str(n), "score": n / 10} for n in range(8)] + [{"content": " "}]
    found, _ = ask(answering({"records": records}))
    assert [passage.content for passage in found.passages] == ["7", "6", "5"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"<html>login</html>",
        b"[]",
        b"{}",
        b"null",
        b'{"records": null}',
        b'{"records": [1]}',
        b"\xff\xfe",
        b'{"records": [{"title": "x"}]}',
        b'{"records": [{"content": null}]}',
        b'{"records": [{"content": NaN}]}',
        b'{"records": [{"content": "\\ud800"}]}',
        b"[" * 100_000,
    ],
)
def test_garbage_is_a_bad_response_that_teaches(body):
    with pytest.raises(BadResponse) as caught:
        ask(answering(body))
    assert "partner" in caught.value.message


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable", "taught"),
    [
        ("403 Forbidden", {"error_code": 1002, "error_msg": "no"}, Unavailable, False, "knowledge.partner.auth"),
        ("500 Server Error", {"error_code": 1001, "error_msg": "no"}, Unavailable, False, "knowledge.partner.auth"),
        ("404 Not Found", {"error_code": 2001, "error_msg": "no"}, Unavailable, False, "knowledge.partner.id"),
        ("401 Unauthorized", b"", Unavailable, False, "knowledge.partner.auth"),
        ("404 Not Found", b"<html>", Unavailable, False, "knowledge.partner.url"),
        ("405 Method Not Allowed", b"", Unavailable, False, "knowledge.partner.url"),
        ("500 Server Error", {"message": "index is broken"}, Unavailable, True, "index is broken"),
        ("503 Unavailable", b"", Unavailable, True, "503"),
        ("429 Too Many", b"", Throttled, True, "too often"),
        ("302 Found", b"", BadResponse, False, "Redirects"),
    ],
)
def test_each_way_of_failing_names_what_to_repair(status, body, kind, retryable, taught):
    with pytest.raises(kind) as caught:
        ask(answering(body, status))
    assert caught.value.retryable is retryable
    assert taught in caught.value.as_text()


def test_an_answer_that_is_too_large_is_not_read():
    with pytest.raises(TooLarge):
        ask(answering(b'{"records": [{"content": "' + b"x" * 1_000_000 + b'"}]}'))


def test_a_server_that_says_nothing_is_not_waited_for():
    with pytest.raises(TimeoutUnknown):
        ask(lambda exchange: exchange.closing.wait(5), seconds=0.3)


def test_metadata_of_a_hundred_thousand_values_is_measured_once(monkeypatch):
    measured = []
    size = citations.json_size
    monkeypatch.setattr(citations, "json_size", lambda value: measured.append(size(value)) or measured[-1])
    metadata = {"text": "x" * 5_000, **{f"a{number}": number for number in range(100_000)}}
    passage = Passage(document="b:1", position=1, title="T", content="C", score=1.0, metadata=metadata)
    (item,) = citations.as_context([("b", passage)])
    kept = item["metadata"]["doc_metadata"]
    assert size(kept) <= 4_000
    assert len(kept) > 300
    assert "text" not in kept
    assert sum(measured) < 100_000
