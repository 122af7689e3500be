"""What every kind of knowledge base promises, whatever stands behind it; a new kind is done when it passes as a parameter."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from faas_toolkit.capabilities.knowledge.assembly import Knowledge
from faas_toolkit.capabilities.knowledge.config import ExternalKnowledgeConfig, FunctionKnowledgeConfig
from faas_toolkit.capabilities.knowledge.filters import parse_filters
from faas_toolkit.capabilities.knowledge.port import Question
from faas_toolkit.core.call import Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.net.config import Tls
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.platforms.http import HttpPlatform, HttpTarget
from faas_toolkit.platforms.port import Invocation
from functions.samples.policy_search.main import TEXTS
from tests.fakes.calls import make_call
from tests.fakes.clock import FakeClock
from tests.fakes.databases import Nodes
from tests.fakes.knowledge import OWN, Family, scope
from workbench.functions_runtime import Function, serving

ROOT = Path(__file__).parents[2]
EMBEDDED = ("embedded", "postgresql", "mysql")
"""The toolkit's own store: in a file, and on servers with a copy on each node."""
HOSTILE = [
    '"',
    "'; DROP TABLE knowledge_documents; --",
    "NEAR(a b, 5)",
    "a AND NOT b",
    "title : a",
    "*",
    "((((",
    "-a",
    "\\",
    "%_%",
]
HOSTILE += ["🙂🙂", "\u202eabc", "שלום", "नमस्ते", "张" * 1_000, "a b " * 500, "x" * 2_000, "\x01\x02", "\ufeff", "^", "1" * 2_000]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A real server of the External Knowledge API: the sample function, which answers at any path."""
    with serving([Function(ROOT / "functions" / "samples" / "policy_search")]) as running:
        yield running[0].url


@pytest.fixture(scope="module", params=["embedded", "postgresql", "mysql", "external_knowledge", "function"])
def base(request, address, tmp_path_factory, database_servers):
    """A base that holds the sample's texts."""
    bases = {
        **dict.fromkeys(EMBEDDED, OWN),
        "external_knowledge": ExternalKnowledgeConfig(kind="external_knowledge", url=address, id="policies"),
        "function": FunctionKnowledgeConfig(kind="function", function="policy_search", id="policies"),
    }
    environment = {"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://{urlsplit(address).netloc}"}
    guard = EgressGuard(environment=environment)
    platform = HttpPlatform(
        name="policy_search",
        target=HttpTarget(url=address),
        auth=None,
        tls=Tls(),
        client=HttpClient(guard=guard),
        now=FakeClock().epoch,
    )

    def invoke(name, payload, call):
        invocation = Invocation(function=name, payload=payload, message_id="m", trace_id="t")
        return platform.invoke(invocation, Deadline.after(FakeClock(), 10)).data

    folder = tmp_path_factory.mktemp(request.param)
    server = database_servers(request.param)
    shared = Nodes(request.param, folder, server).open() if server else None
    family = Family(folder, environment=environment, invoke=invoke, shared=shared, policies=bases[request.param])
    if request.param in EMBEDDED:
        for text in TEXTS:
            family.add(text["content"], title=text["title"], metadata=text["metadata"])
    assert isinstance(family.knowledge, Knowledge)
    yield family.knowledge.bases["policies"]
    family.database.close()


@pytest.fixture
def find(base):
    def ask(query, *, filters=None, limit=5, workspace="w1"):
        call = make_call({}, scope=scope())
        asked = Question(call=call, query=query, conditions=parse_filters(filters), limit=limit)
        return base.find(asked, Deadline.after(FakeClock(), 10))

    return ask


def titles(found):
    return [passage.title for passage in found.passages]


@pytest.mark.parametrize(
    ("query", "title"),
    [("hotel abroad", "Business trips"), ("working from home days a week", "Working from home"), ("境外酒店多少钱", "出差政策")],
)
def test_the_passage_that_answers_comes_first(find, query, title):
    assert titles(find(query))[0] == title


def test_passages_are_whole_and_in_order(find):
    found = find("work trips abroad days", limit=3)
    scores = [passage.score for passage in found.passages]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    for passage in found.passages:
        assert passage.content
        assert passage.document.startswith("policies:")
        assert passage.id.startswith(passage.document)
        assert passage.position >= 1
    assert len({passage.id for passage in found.passages}) == len(found.passages)


def test_no_more_than_the_limit_is_given(find):
    assert len(find("work abroad trips", limit=1).passages) == 1


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"department": "travel"}, {"Business trips"}),
        ({"department": {"ne": "travel"}}, {"Working from home"}),
        ({"department": ["people", "sales"]}, {"Working from home"}),
        ({"department": {"contains": "rave"}}, {"Business trips"}),
        ({"year": 2025}, {"Working from home"}),
        ({"year": {"gte": 2026}}, {"Business trips"}),
        ({"year": {"lt": 2026}}, {"Working from home"}),
        ({"year": {"gt": 2025}, "department": "people"}, set()),
        ({"department": {"empty": False}}, {"Business trips", "Working from home"}),
        ({"department": None}, set()),
    ],
    ids=str,
)
def test_filters_mean_the_same_everywhere(find, filters, expected):
    assert set(titles(find("work trips abroad", filters=filters))) == expected


def test_nothing_that_fits_is_an_empty_answer(find):
    assert find("zzzz qqqq").passages == ()


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_is_taken_as_a_language_of_the_store(find, query):
    assert len(find(query, limit=50).passages) <= len(TEXTS)


def test_checking_says_how_it_is_doing(base):
    assert base.check(make_call({}, scope=scope()), Deadline.after(FakeClock(), 3))


def test_a_change_counter_is_a_text_or_nothing(base):
    assert isinstance(base.version(Workspace("w1", bytes(32))), str | None)
