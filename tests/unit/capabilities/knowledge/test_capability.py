"""Several bases as one answer: which are asked, how passages are merged and fitted, and what is said when one is missing."""

import json

import pytest

from faas_toolkit.capabilities.knowledge.bases import Bases
from faas_toolkit.capabilities.knowledge.capability import KnowledgeSearch
from faas_toolkit.capabilities.knowledge.operations import SEARCH
from faas_toolkit.capabilities.knowledge.port import Found, Passage
from faas_toolkit.capabilities.knowledge.presentation import present_add, present_remove, present_search
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Cancelled, InvalidInput, NotFound, Unavailable
from faas_toolkit.core.outbound import Target
from tests.fakes.calls import make_call
from tests.fakes.clock import FakeClock
from tests.fakes.knowledge import scope, texts


class FakeBase:
    """A base that gives its passages, or fails."""

    kind = "fake"
    needs_host = False

    def __init__(self, *contents, failure=None, version=None, gated=True, fresh_for=0.0, **found) -> None:
        self.fresh_for = fresh_for
        passages = [
            Passage(document=f"d:{text[:8]}", position=1, title="Title", content=text, score=1 / (1 + place))
            for place, text in enumerate(contents)
        ]
        self.found = Found(passages=tuple(passages), **found)
        self.failure = failure
        self.counter = version
        self.target = Target(id="knowledge:fake") if gated else None
        self.questions = []

    def find(self, question, deadline):
        self.questions.append(question)
        if self.failure:
            raise self.failure
        return self.found

    def version(self, workspace):
        return self.counter

    def check(self, call, deadline):
        if self.failure:
            raise self.failure
        return "fine"


def ask(who=None, *, capability=False, query="a question", given=None, **bases):
    targets = []

    def outbound(attempt):
        targets.append(attempt.target.id)
        return attempt.send(Deadline.after(FakeClock(), 10))

    search = KnowledgeSearch(bases=Bases(bases), outbound=outbound)
    call = make_call(SEARCH.shape.check({"query": query, **(given or {})}), operation=SEARCH, scope=who or scope())
    return (search, call, targets) if capability else search(call)


def test_passages_of_several_bases_alternate_by_rank():
    answer = ask(one=FakeBase("a", "b"), two=FakeBase("c", "d"), given={"top_k": 3})
    assert texts(answer) == ["a", "c", "b"]
    assert [item["metadata"]["dataset_name"] for item in answer.variables["result"]] == ["one", "two", "one"]
    assert answer.source == "one, two"


def test_the_same_text_in_two_bases_is_given_once():
    assert texts(ask(one=FakeBase("a", "b"), two=FakeBase("a", "c"))) == ["a", "b", "c"]


def test_a_base_that_is_down_is_missed_and_the_others_answer():
    answer = ask(one=FakeBase(failure=Unavailable("It is down.")), two=FakeBase("c"))
    assert texts(answer) == ["c"]
    assert answer.partial
    assert answer.notices == ("The base 'one' is missing in this answer: It is down.",)


def test_where_no_base_answers_the_call_fails_as_the_bases_did():
    with pytest.raises(NotFound, match="alone"):
        ask(one=FakeBase(failure=NotFound("alone")))
    with pytest.raises(Unavailable, match=r"one: It is down\. two: So is it\."):
        ask(one=FakeBase(failure=Unavailable("It is down.")), two=FakeBase(failure=Unavailable("So is it.")))


@pytest.mark.parametrize("failure", [InvalidInput("wrong"), Cancelled("gone")])
def test_what_the_caller_did_wrong_is_not_taken_for_a_base_that_is_down(failure):
    with pytest.raises(type(failure)):
        ask(one=FakeBase(failure=failure), two=FakeBase("c"))


def test_a_forbidden_base_and_one_that_does_not_exist_answer_alike():
    errors = []
    for name in ("secret", "nowhere"):
        with pytest.raises(NotFound) as caught:
            ask(scope(bases=("open",)), open=FakeBase("a"), secret=FakeBase("b"), given={"bases": name})
        errors.append(caught.value.as_text().replace(name, "X"))
    assert errors[0] == errors[1]
    assert texts(ask(scope(bases=("open",)), open=FakeBase("a"), secret=FakeBase("b"))) == ["a"]
    with pytest.raises(NotFound, match="No knowledge base is open"):
        ask(scope(bases=()), secret=FakeBase("b"))


def test_a_misspelt_base_is_answered_with_the_nearest():
    with pytest.raises(NotFound, match="Did you mean 'handbook'"):
        ask(handbook=FakeBase("a"), given={"bases": "handbok"})


def test_a_base_without_a_target_of_its_own_is_asked_directly():
    search, call, targets = ask(capability=True, one=FakeBase("a"), two=FakeBase("b", gated=False))
    search(call)
    assert targets == ["knowledge:fake"]


def test_an_answer_is_kept_as_long_as_each_base_counts_its_changes_or_allows():
    search, call, _ = ask(capability=True, one=FakeBase(version="1"), two=FakeBase(version="2"))
    assert search.traits(call).version == "one=1 two=2"
    assert search.traits(call).cacheable
    search, call, _ = ask(capability=True, one=FakeBase(version="1"), two=FakeBase())
    assert not search.traits(call).cacheable
    bases = {"one": FakeBase(version="1"), "two": FakeBase(fresh_for=60), "three": FakeBase(fresh_for=20)}
    search, call, _ = ask(capability=True, **bases)
    assert (search.traits(call).cacheable, search.traits(call).fresh_for) == (True, 20)
    search, call, _ = ask(capability=True, one=FakeBase(version="1"), given={"bases": "nowhere"})
    assert not search.traits(call).cacheable


def test_the_inventory_shows_what_the_scope_shows():
    search, call, _ = ask(scope(bases=("one",)), capability=True, one=FakeBase(), two=FakeBase(failure=Unavailable("down")))
    assert [entry.name for entry in search.entries(call.scope)] == ["one"]
    assert [finding.item for finding in search.findings(call)] == ["knowledge:one"]
    search, call, _ = ask(capability=True, two=FakeBase(failure=Unavailable("It is down.")))
    (finding,) = search.findings(call)
    assert (finding.status, finding.repair) == ("failed", "Check `knowledge.two` in the catalog.")


def test_an_unknown_field_is_an_error_only_where_no_base_may_know_it():
    filters = {"filters": {"colour": "red"}}
    without = {"unknown": ("colour",), "fields": ("year",)}
    with pytest.raises(InvalidInput, match="colour"):
        ask(one=FakeBase("a", **without), given=filters)
    assert texts(ask(one=FakeBase("a", **without), two=FakeBase("b", unknown=()), given=filters))
    assert texts(ask(one=FakeBase("a", **without), two=FakeBase("b"), given=filters))
    assert "no documents" in " ".join(ask(one=FakeBase(notices=("no documents",)), given=filters).notices)


@pytest.mark.parametrize("max_chars", [500, 1_000, 8_000, 40_000])
def test_passages_fit_into_what_was_asked_for(max_chars):
    answer = ask(one=FakeBase(*(f"{n} " + "word " * 300 for n in range(50))), given={"top_k": 50, "max_chars": max_chars})
    assert sum(map(len, texts(answer))) <= max_chars
    assert texts(answer)
    notes = sum(len(notice) + 7 for notice in answer.notices)
    assert max_chars <= answer.text_chars <= max(max_chars, notes + 500)
    text = present_search(answer.variables, answer.text_chars - notes)
    assert len(text) + notes <= answer.text_chars
    assert (len(texts(answer)) < 50) == ("raise max_chars" in " ".join(answer.notices))
    assert texts(answer)[0][:400] in text


def test_each_passage_stands_in_the_text_once_with_what_the_next_call_needs():
    answer = ask(one=FakeBase("first passage", "second passage"))
    text = present_search(answer.variables, 8_000)
    assert text.count("first passage") == text.count("second passage") == 1
    assert "[1] Title (d:first pa#1, score 1.0)" in text


def test_result_has_the_shape_that_an_llm_node_takes_as_context():
    (item,) = ask(one=FakeBase("a")).variables["result"]
    assert set(item) == {"title", "content", "metadata"}
    assert item["metadata"]["_source"] == "knowledge"
    needed = {"dataset_id", "dataset_name", "document_id", "document_name", "data_source_type", "segment_id", "retriever_from"}
    needed |= {"position", "score", "segment_hit_count", "segment_word_count", "segment_position", "segment_index_node_hash"}
    assert needed | {"page", "doc_metadata"} <= set(item["metadata"])
    json.dumps(item)


def test_citations_hold_no_texts():
    assert "content" not in ask(one=FakeBase("a" * 5_000)).variables["citations"][0]


def test_nothing_found_and_nothing_to_remove_are_said():
    assert present_search({"result": [], "citations": []}, 100) == "No passage found."
    assert present_remove({"removed": 1}, 100) == "Removed: 1 document."
    stored = {"id": "n:1", "title": "T", "status": "added", "passages": 2}
    refused = {"name": "a.pdf", "message": "It cannot be read."}
    assert present_add({"documents": [stored], "report": {"refused": [refused]}}, 500).splitlines() == [
        "1 document can be found now:",
        "- n:1 T: added, 2 passages",
        "- not added: a.pdf: It cannot be read.",
    ]
    assert len(present_add({"documents": [stored] * 100, "report": {}}, 300)) <= 300
