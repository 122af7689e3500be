"""The inverted index on a real SQLite."""

import pytest
from sqlalchemy import create_engine, select

from faas_toolkit.search.analysis import terms
from faas_toolkit.search.text_index import TextIndex


@pytest.fixture
def index():
    return TextIndex("words", {"name": 10, "detail": 1})


@pytest.fixture
def connection(index):
    with create_engine("sqlite://").connect() as connection:
        index.prepare(connection)
        index.prepare(connection)
        yield connection


def documents(hits):
    return [hit.document for hit in hits]


def test_a_hit_in_a_heavier_column_stands_first(index, connection):
    index.add(connection, 1, [(1, {"name": ["other"], "detail": ["smith"]}), (2, {"name": ["smith"], "detail": ["other"]})])
    assert documents(index.find(connection, 1, ["smith"], match="any", limit=9)) == [2, 1]


def test_all_terms_may_be_spread_over_the_columns(index, connection):
    index.add(connection, 1, [(1, {"name": ["ana"], "detail": ["recife"]}), (2, {"name": ["ana"]})])
    assert documents(index.find(connection, 1, ["ana", "recife"], match="all", limit=9)) == [1]
    assert documents(index.find(connection, 1, ["ana", "recife"], match="any", limit=9)) == [1, 2]


def test_a_column_that_is_not_asked_finds_nothing(index, connection):
    index.add(connection, 1, [(1, {"name": ["ana"], "detail": ["recife"]})])
    assert index.find(connection, 1, ["recife"], match="all", columns=["name"], limit=9) == []
    assert index.find(connection, 1, ["recife"], match="all", columns=[], limit=9) == []


def test_areas_share_neither_hits_nor_scores_nor_counts(index, connection):
    index.add(connection, 1, [(7, {"name": ["ana"]})])
    before = index.find(connection, 1, ["ana"], match="any", limit=9)
    index.add(connection, 11, [(number, {"name": ["ana"]}) for number in range(50)])

    after = index.find(connection, 1, ["ana"], match="any", limit=9)
    assert documents(after) == documents(before) == [7]
    assert index.rarest(connection, 1, ["ana"], 5) == ["ana"]
    assert index.rarest(connection, 2, ["ana"], 5) == []


def test_only_documents_of_the_range_are_found(index, connection):
    index.add(connection, 1, [(number, {"name": ["ana"]}) for number in range(10)])
    assert sorted(documents(index.find(connection, 1, ["ana"], match="any", within=(3, 5), limit=9))) == [3, 4, 5]


def test_what_was_removed_is_not_found(index, connection):
    index.add(connection, 1, [(1, {"name": ["ana"]}), (2, {"name": ["ana"]})])
    index.remove(connection, 1, [1, 99])
    assert documents(index.find(connection, 1, ["ana"], match="any", limit=9)) == [2]


def test_the_rarest_terms_come_first_and_unknown_ones_not_at_all(index, connection):
    index.add(connection, 1, [(1, {"name": ["a", "b"]}), (2, {"name": ["a"]}), (3, {"name": ["a", "c", "b"]})])
    assert index.rarest(connection, 1, ["a", "b", "c", "d"], 2) == ["c", "b"]


@pytest.mark.parametrize("text", ["张伟", "João", "नमस्ते", "𠮷野家", "ひろし", "שלום", "กรุงเทพ"])
def test_every_script_is_found_again(index, connection, text):
    index.add(connection, 1, [(1, {"name": terms(text)})])
    assert documents(index.find(connection, 1, terms(text), match="all", limit=9)) == [1]


def test_a_query_of_thousands_of_terms_is_answered(index, connection):
    index.add(connection, 1, [(1, {"name": ["t1"]})])
    assert documents(index.find(connection, 1, [f"t{n}" for n in range(5_000)], match="any", limit=9)) == [1]


def test_a_document_number_out_of_range_is_refused(index, connection):
    with pytest.raises(ValueError, match="out of range"):
        index.add(connection, 1, [(1 << 40, {"name": ["a"]})])


@pytest.fixture
def stemmed(connection):
    made = TextIndex("stems", {"title": 2, "body": 1}, stemmed=True)
    made.prepare(connection)
    return made


def scored(index, connection, area, *terms):
    hits = index.scored(area, terms)
    return [number for number, _ in connection.execute(select(hits).order_by(hits.c.score.desc(), hits.c.document))]


@pytest.mark.parametrize("area", [1, 7, 42, 99_999])
def test_endings_are_cut_from_terms_and_queries_alike(stemmed, connection, area):
    stemmed.add(connection, area, [(1, {"body": ["returned", "goods"]}), (2, {"body": ["running"]}), (3, {"body": ["退货"]})])
    assert scored(stemmed, connection, area, "returns") == scored(stemmed, connection, area, "returning") == [1]
    assert scored(stemmed, connection, area, "runs") == [2]
    assert scored(stemmed, connection, area, "退货") == [3]
    assert scored(stemmed, connection, area + 1, "returns") == []


def test_scores_can_be_joined_with_what_decides_who_sees_them(stemmed, connection):
    stemmed.add(connection, 1, [(number, {"body": ["word"] * number}) for number in (1, 2, 3)])
    hits = stemmed.scored(1, ["word"])
    assert connection.execute(select(hits.c.document).where(hits.c.document != 2).order_by(hits.c.document)).scalars().all() == [
        1,
        3,
    ]


@pytest.mark.parametrize("term", ['"', "a b", "NEAR", "*", "a:b", "-a", "(", "退"])
def test_a_term_is_never_taken_as_a_language(stemmed, connection, term):
    assert scored(stemmed, connection, 1, term.replace('"', "")) == []
