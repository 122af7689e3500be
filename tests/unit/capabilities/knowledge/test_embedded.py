"""The embedded base: found at once, gone at once, one document once, and the sample until there is something of one's own."""

import pytest

from faas_toolkit.core.errors import InvalidInput, NotFound
from tests.fakes.knowledge import OWN, SAMPLE, Family, documents, scope, texts


@pytest.fixture
def family(tmp_path):
    made = Family(tmp_path)
    yield made
    made.database.close()


def test_what_is_added_is_found_at_once(family):
    family.add("# Parking\n\nThe car park opens at seven.")
    answer = family.search("When does the car park open?")
    assert texts(answer) == ["The car park opens at seven."]
    assert answer.variables["citations"][0]["title"] == "Parking"
    assert answer.source == "notes"


def test_the_other_workspace_does_not_see_it(family):
    family.add("The car park opens at seven.")
    assert texts(family.search("car park", workspace="w2")) == []
    family.add("Something else.", workspace="w2")
    assert texts(family.search("car park", workspace="w2")) == []
    with pytest.raises(NotFound):
        family.remove(document="notes:99", workspace="w2")


def test_what_another_workspace_adds_changes_no_ranking(family):
    for text in ("The car park opens at seven.", "The park is green.", "Cars are red, and a car is blue."):
        family.add(text)
    before = family.search("car park").variables
    for number in range(30):
        family.add(f"A car, a park, and number {number}.", workspace="w2")
    assert family.search("car park").variables == before


def test_a_document_of_another_workspace_cannot_be_removed_by_its_id(family):
    (mine,) = family.add("The car park opens at seven.").variables["documents"]
    family.add("Something else.", workspace="w2")
    family.remove(document=mine["id"], workspace="w2")  # the same id names a document of their own
    assert texts(family.search("car park"))


def test_what_is_removed_is_gone_at_once(family):
    (stored,) = family.add("The car park opens at seven.").variables["documents"]
    assert family.remove(document=stored["id"]).variables["removed"] == 1
    assert texts(family.search("car park")) == []
    with pytest.raises(NotFound):
        family.remove(document=stored["id"])


def test_a_removed_documents_id_never_means_another_one(family):
    (first,) = family.add("One.").variables["documents"]
    family.remove(document=first["id"])
    (second,) = family.add("Two.").variables["documents"]
    assert second["id"] != first["id"]


def test_the_same_title_and_text_is_one_document(family):
    statuses = [family.add("Same.", title="T").variables["documents"][0] for _ in range(3)]
    assert [each["status"] for each in statuses] == ["added", "unchanged", "unchanged"]
    assert len({each["id"] for each in statuses}) == 1
    assert len(texts(family.search("same"))) == 1


def test_adding_again_changes_metadata_and_access_only_where_they_are_given(family):
    family.add("Same.", metadata={"team": "a"})
    assert family.add("Same.").variables["documents"][0]["status"] == "unchanged"
    assert family.add("Same.", metadata={"team": "b"}).variables["documents"][0]["status"] == "updated"
    assert texts(family.search("same", filters={"team": "a"})) == []
    assert texts(family.search("same", filters={"team": "b"})) == ["Same."]
    assert family.add("Same.", access={"roles": ["boss"]}).variables["documents"][0]["status"] == "updated"
    assert texts(family.search("same")) == []


def test_another_text_of_the_same_title_stands_beside_it_and_says_so(family):
    (first,) = family.add("Old words.", title="Terms").variables["documents"]
    answer = family.add("New words.", title="Terms")
    assert first["id"] in " ".join(answer.notices)
    assert sorted(texts(family.search("words"))) == ["New words.", "Old words."]


def test_a_document_is_replaced_where_its_id_is_given(family):
    (old,) = family.add("Old words.", metadata={"team": "a"}, access={"roles": ["member"]}).variables["documents"]
    (new,) = family.add("New words.", document=old["id"]).variables["documents"]
    assert (new["id"], new["status"]) == (old["id"], "replaced")
    assert texts(family.search("words", filters={"team": "a"})) == ["New words."]
    assert texts(family.search("words", who=scope("guest"))) == []


def test_the_change_counter_moves_with_every_change_and_only_then(family):
    versions = [family.version()]
    (one,) = family.add("One.").variables["documents"]
    versions.append(family.version())
    family.search("one")
    assert family.version() == versions[-1]
    family.add("Two.", workspace="w2")
    assert family.version() == versions[-1]
    family.remove(document=one["id"])
    versions.append(family.version())
    assert len(set(versions)) == 3


def test_filters_remove_what_fulfils_them_and_nothing_else(family):
    for number in range(3):
        family.add(f"Text {number}.", metadata={"year": 2024 + number})
    assert family.remove(filters={"year": {"lt": 2026}}).variables["removed"] == 2
    assert texts(family.search("text")) == ["Text 2."]
    assert family.remove(filters={"year": {"lt": 2026}}).variables["removed"] == 0
    with pytest.raises(InvalidInput, match="year"):
        family.remove(filters={"yaer": 2026})


def test_an_unknown_filter_field_is_an_error_that_names_those_there_are(family):
    family.add("Text.", metadata={"department": "sales"})
    with pytest.raises(InvalidInput, match="Did you mean 'department'"):
        family.search("text", filters={"departmnt": "sales"})


def test_an_empty_answer_says_whether_the_filters_took_it(family):
    family.add("Text of sales.", metadata={"department": "sales"})
    said = " ".join(family.search("text", filters={"department": "support"}).notices)
    assert "1 passages fit" in said
    assert "No passage fits" in " ".join(family.search("zebra").notices)


def test_a_base_without_documents_says_so(family):
    assert "no documents yet" in " ".join(family.search("text").notices)


@pytest.fixture
def with_sample(tmp_path):
    made = Family(tmp_path, handbook=SAMPLE)
    yield made
    made.database.close()


@pytest.mark.parametrize(
    ("question", "title", "words"),
    [
        ("How long can goods be returned?", "Returns and refunds", "30 days"),
        ("a webhook is called twice", "Exports, API and webhooks", "at least once"),
        ("cannot sign in after password reset", "Signing in and accounts", "60 minutes"),
        ("who approves a discount above 10 %", "Prices and discounts", "head of sales"),
        ("商品多少天内可以退货", "退货与退款", "30 天"),
        ("发票地址有误怎么办", "发票与付款", "账单资料"),
        ("数据保存在哪里", "数据保护", "法兰克福"),
    ],
)
def test_the_sample_answers_in_two_languages(with_sample, question, title, words):
    answer = with_sample.search(question, top_k=2)
    assert answer.source == "sample"
    assert any(item["title"] == title and words in item["content"] for item in answer.variables["result"])


def test_the_sample_can_be_filtered_and_not_written(with_sample):
    assert {
        item["metadata"]["doc_metadata"]["language"]
        for item in with_sample.search("refund 退款", filters={"language": "zh"}).variables["result"]
    } == {"zh"}
    with pytest.raises(NotFound, match="may remove"):
        with_sample.remove(document="handbook:1")
    assert with_sample.search("refund").source == "sample"


def test_the_sample_disappears_with_the_first_document_and_stays_away(with_sample):
    (mine,) = with_sample.add("Refunds take a week.").variables["documents"]
    assert texts(with_sample.search("refunds")) == ["Refunds take a week."]
    with_sample.remove(document=mine["id"])
    assert texts(with_sample.search("refunds")) == []
    assert with_sample.search("refunds", workspace="w2").source == "sample"


def test_a_base_named_in_a_catalog_starts_empty(tmp_path):
    family = Family(tmp_path, handbook=OWN)
    assert texts(family.search("refunds")) == []
    family.database.close()


def test_long_documents_are_found_by_the_passage_that_answers(family):
    family.add("# Manual\n\n" + "\n\n".join(f"## Part {n}\n\nValve {n} is closed with key {n * 7}." for n in range(300)))
    answer = family.search("valve 211", top_k=1)
    assert texts(answer) == ["Valve 211 is closed with key 1477."]
    assert answer.variables["citations"][0]["heading"] == "Part 211"
    assert documents(answer) == ["notes:1"]
