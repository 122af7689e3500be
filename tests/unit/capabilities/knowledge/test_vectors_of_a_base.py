"""Hybrid search: found by meaning too, never lost when the model is down, and only by vectors of the model in force."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from faas_toolkit.capabilities.knowledge.config import DifyEmbedding, EmbeddedKnowledgeConfig, OpenAiEmbedding
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.net.config import Auth
from tests.fakes.knowledge import OWN, WITH_VECTORS, Family, texts
from tests.fakes.openai_server import serving
from tests.fakes.servers import serving as serving_scripts


@pytest.fixture
def family(tmp_path):
    made = Family(tmp_path, notes=WITH_VECTORS)
    yield made
    made.database.close()


def test_what_means_the_same_is_found_without_a_word_in_common(family):
    report = family.add("Every automobile has a place of its own.", title="Spaces").variables["report"]
    family.add("The canteen opens at noon.", title="Food")
    assert (report["vectors"], report["vectors_missing"]) == (1, 0)
    assert texts(family.search("Where do I leave my car?", top_k=1)) == ["Every automobile has a place of its own."]
    assert texts(family.search("car", mode="lexical")) == []


def test_both_rankings_count(family):
    family.add("Every automobile has a place.", title="A")
    family.add("A car park is open.", title="B")
    family.add("Nothing.", title="C")
    answer = family.search("car park", top_k=2)
    assert texts(answer) == ["A car park is open.", "Every automobile has a place."]
    assert answer.variables["result"][0]["metadata"]["score"] > answer.variables["result"][1]["metadata"]["score"]


@pytest.mark.parametrize("mode", ["auto", "hybrid"])
def test_a_model_that_is_down_costs_the_meaning_and_not_the_answer(family, mode):
    family.add("A car park is open.")
    family.host.down = True
    answer = family.search("car", mode=mode)
    assert texts(answer) == ["A car park is open."]
    assert answer.partial
    assert "Words alone" in answer.notices[0]


def test_a_model_that_is_down_while_adding_is_told_and_made_up_for_later(family):
    family.host.down = True
    answer = family.add("Every automobile has a place.")
    assert answer.partial
    assert answer.variables["report"]["vectors_missing"] == 1
    assert "no vectors yet" in " ".join(answer.notices)
    assert "no vectors yet" in " ".join(family.search("car", mode="hybrid").notices)
    family.host.down = False
    assert family.add("Something else.").variables["report"]["vectors"] == 2
    assert "Every automobile has a place." in texts(family.search("car"))


def test_the_same_again_makes_missing_vectors_and_no_others(family):
    family.add("Every automobile has a place.")
    asked = len(family.host.asked)
    assert family.add("Every automobile has a place.").variables["report"]["vectors"] == 0
    assert len(family.host.asked) == asked


def test_vectors_outdate_answers_that_were_kept_without_them(family):
    family.host.down = True
    family.add("One.")
    before = family.version()
    family.host.down = False
    family.add("One.")
    assert family.version() != before


def test_vectors_go_with_their_document(family):
    (stored,) = family.add("Every automobile has a place.").variables["documents"]
    family.add("Other.")
    family.add("Holiday plans.", document=stored["id"])
    assert texts(family.search("car", top_k=1)) != ["Every automobile has a place."]
    family.remove(document=stored["id"])
    assert "Holiday plans." not in texts(family.search("vacation", top_k=50))


def test_vectors_of_another_model_are_not_compared(family, tmp_path):
    family.add("Every automobile has a place.")
    other = EmbeddedKnowledgeConfig(kind="embedded", embedding=DifyEmbedding(kind="dify", provider="a/b/c", model="other"))
    changed = Family(tmp_path, notes=other)
    assert texts(changed.search("car")) == []
    assert changed.add("Something.").variables["report"]["vectors"] == 2
    assert "Every automobile has a place." in texts(changed.search("car"))
    changed.database.close()


def test_a_model_that_answers_nonsense_is_told(family, monkeypatch):
    for nonsense in ([], [[]], [[1.0], [1.0]], [[float("nan")]]):
        monkeypatch.setattr(family.host, "embed", lambda *_, answer=nonsense, **__: answer)
        answer = family.add(f"Text {nonsense}.")
        assert answer.partial
        assert answer.notices


def test_questions_and_documents_are_told_apart_and_sent_in_batches(family):
    family.add("\n\n".join(f"# Part {n}\n\nText {n}." for n in range(70)))
    family.search("text")
    assert family.host.asked == [*[("document", 16)] * 4, ("document", 6), ("query", 1)]


def test_a_base_without_a_model_says_so_only_where_meaning_was_asked_for(tmp_path):
    family = Family(tmp_path, notes=OWN)
    family.add("A car park.")
    assert family.search("car").notices == ()
    assert "no embedding model" in family.search("car", mode="hybrid").notices[0]
    family.database.close()


def test_a_call_that_is_short_of_time_leaves_the_rest_for_later(family):
    family.host.down = True
    for number in range(4):
        family.add(f"Text {number}.")
    family.host.down = False
    embed = family.host.embed

    def slow(texts, provider, model, *, purpose, deadline):
        family.clock.sleep(30)  # of the 50 seconds that a call has
        return embed(texts, provider, model, purpose=purpose, deadline=deadline)

    family.host.embed = slow
    report = family.add("Text 0.").variables["report"]
    assert (report["vectors"], report["vectors_missing"]) == (2, 2)


@contextmanager
def refusing(status):
    with serving_scripts(lambda exchange: exchange.answer(status=status)) as server:
        yield SimpleNamespace(url=f"http://127.0.0.1:{server.port}/v1")


def by_server(folder, server, key):
    embedding = OpenAiEmbedding(kind="openai", url=server.url, model="small", auth=Auth(bearer=key))
    base = EmbeddedKnowledgeConfig(kind="embedded", embedding=embedding)
    return Family(folder, environment={"FAAS_TOOLKIT_NETWORK_ALLOW": server.url.removesuffix("/v1")}, notes=base)


def test_any_server_of_openais_api_makes_vectors(tmp_path):
    with serving([]) as server:
        family = by_server(tmp_path, server, server.key)
        assert family.add("Every automobile has a place.").variables["report"]["vectors"] == 1
        assert texts(family.search("zebra")) == ["Every automobile has a place."]
    assert [(request["model"], request["input"]) for request in server.requests] == [
        ("small", ["Every automobile has a place.\nEvery automobile has a place."]),
        ("small", ["zebra"]),
    ]
    assert [target for target in family.targets if target.startswith("model:")] == ["model:127.0.0.1/small"] * 2
    assert "Words alone" in family.search("automobile").notices[0]  # the server is gone
    family.database.close()


def test_a_server_that_refuses_our_key_is_told_with_the_place_in_the_catalog(tmp_path):
    with serving([]) as server:
        family = by_server(tmp_path, server, "wrong-key")
        assert "`knowledge.notes.embedding` in the catalog: `auth`" in " ".join(family.add("Text.").notices)
    family.database.close()


def test_a_server_that_makes_no_vectors_is_told_with_the_place_in_the_catalog(tmp_path):
    with refusing("404 Not Found") as server:
        family = by_server(tmp_path, server, "a-key-of-ours")
        said = " ".join(family.add("Text.").notices)
    assert "`knowledge.notes.embedding` in the catalog: `model`, and `url`" in said
    assert "function" not in said
    family.database.close()


def test_vectors_of_a_text_that_was_replaced_meanwhile_are_not_kept(family):
    family.add("Money matters.")
    embed = family.host.embed

    def while_another_replaces_it(texts, provider, model, *, purpose, deadline):
        family.host.embed = embed
        family.host.down = True
        family.add("Holiday plans.", document="notes:2")
        family.host.down = False
        return embed(texts, provider, model, purpose=purpose, deadline=deadline)

    family.host.embed = while_another_replaces_it
    family.add("Every automobile has a place.")
    assert texts(family.search("vacation", top_k=1)) == ["Holiday plans."]


@pytest.mark.parametrize("number", ["1" * 400, "[" * 100_000, "null", "{}", '"a"', "[]", "1e300"])
def test_a_server_that_answers_no_numbers_costs_the_vectors_and_not_the_document(tmp_path, number):
    body = f'{{"data": [{{"index": 0, "embedding": [0.5, {number}]}}]}}'.encode()
    with serving_scripts(lambda exchange: exchange.answer(body, headers="Content-Type: application/json")) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        base = EmbeddedKnowledgeConfig(kind="embedded", embedding=OpenAiEmbedding(kind="openai", url=url, model="small"))
        family = Family(tmp_path, environment={"FAAS_TOOLKIT_NETWORK_ALLOW": url.removesuffix("/v1")}, notes=base)
        answer = family.add("Every automobile has a place.")
    assert answer.variables["report"]["vectors_missing"] == 1
    assert "vectors" in " ".join(answer.notices)
    assert texts(family.search("automobile")) == ["Every automobile has a place."]
    family.database.close()


def test_a_document_that_the_model_refuses_keeps_no_other_one_from_its_vectors(family, monkeypatch):
    family.host.down = True
    family.add("Money matters.")
    family.host.down = False
    embed = family.host.embed

    def refusing(texts, provider, model, **more):
        if any("poison" in text for text in texts):
            raise InvalidInput("This text is refused.")
        return embed(texts, provider, model, **more)

    monkeypatch.setattr(family.host, "embed", refusing)
    answer = family.add("A poison of a text.")
    assert answer.variables["report"]["vectors_missing"] == 1
    assert "This text is refused." in " ".join(answer.notices)
    assert texts(family.search("refund", top_k=1)) == ["Money matters."]


def test_a_model_of_dify_s_that_answers_no_numbers_costs_the_vectors_and_not_the_document(family, monkeypatch):
    for number in (10**400, None, [], "a"):
        monkeypatch.setattr(family.host, "embed", lambda *_, answer=number, **__: [[answer]])
        assert family.add("A text.").variables["report"]["vectors_missing"] == 1
