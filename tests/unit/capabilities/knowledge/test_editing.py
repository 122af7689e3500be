"""What may be given to be added, what becomes of what cannot be read, and where it may be written."""

import pytest

from faas_toolkit.core.errors import Blocked, InvalidInput, NotFound, TooLarge, Unavailable
from faas_toolkit.core.upload import Upload
from tests.fakes.knowledge import OWN, Family, scope, texts
from tests.fakes.servers import serving


@pytest.fixture
def family(tmp_path):
    made = Family(tmp_path, notes=OWN, drafts=OWN)
    yield made
    made.database.close()


def test_files_are_added_together_and_those_that_cannot_be_read_are_named(family):
    files = [
        Upload(name="a.md", read=lambda: b"# A\n\nApples."),
        Upload(name="b.pdf", read=lambda: pytest.fail("a PDF is not even fetched")),
        Upload(name="c.txt", read=lambda: b"\x00\x01"),
        Upload(name="d.csv", read=lambda: b"fruit,price\npear,2\n"),
    ]
    answer = family.add(files=files, base="notes")
    assert [document["title"] for document in answer.variables["documents"]] == ["A", "d.csv"]
    assert [refused["name"] for refused in answer.variables["report"]["refused"]] == ["b.pdf", "c.txt"]
    assert answer.partial
    assert texts(family.search("pear")) == ["fruit: pear; price: 2"]


def test_where_no_file_can_be_read_the_call_fails_with_the_first_reason(family):
    with pytest.raises(InvalidInput, match="a PDF file"):
        family.add_file("a.txt", b"%PDF", base="notes")


def test_a_file_that_is_too_large_is_not_fetched(family):
    with pytest.raises(TooLarge, match="5,000,000"):
        family.add(files=[Upload(name="a.txt", size=5_000_001, read=lambda: pytest.fail("fetched"))], base="notes")


def test_a_host_that_does_not_give_the_file_is_unavailable(family):
    def broken():
        raise Unavailable("Dify does not give the file.")

    with pytest.raises(Unavailable, match="does not give"):
        family.add(files=[Upload(name="a.txt", read=broken)], base="notes")


@pytest.mark.parametrize(
    ("given", "taught"),
    [
        ({}, "none of them"),
        ({"text": "a", "url": "https://a.example"}, "text and url"),
        ({"files": [None]}, "none of them"),
        ({"text": "a", "base": ""}, "notes, drafts"),
        ({"files": [Upload(name="a.txt"), Upload(name="b.txt")], "title": "T"}, "one by one"),
        ({"files": [Upload(name="a.txt"), Upload(name="b.txt")], "document": "notes:1"}, "one by one"),
        ({"text": "a", "document": "drafts:1"}, "drafts"),
        ({"text": "a", "document": "x"}, "notes:12"),
    ],
)
def test_what_cannot_be_meant_teaches(family, given, taught):
    given = dict(given)
    text = given.pop("text", "")
    with pytest.raises(InvalidInput) as caught:
        family.add(text, **{"base": "notes", **given})
    assert taught in caught.value.as_text()


def test_the_only_base_that_can_be_written_to_need_not_be_named(family):
    (document,) = family.add("Text.", who=scope(bases=("drafts",))).variables["documents"]
    assert document["id"] == "drafts:1"
    with pytest.raises(NotFound, match="notes"):
        family.add("Text.", base="notes", who=scope(bases=("drafts",)))


def test_bases_of_one_workspace_are_apart(family):
    family.add("Apples.", base="notes")
    assert texts(family.search("apples", bases="drafts")) == []
    assert family.remove(base="drafts", filters={"kind": "text"}).variables["removed"] == 0
    assert texts(family.search("apples", bases="notes")) == ["Apples."]


@pytest.mark.parametrize(
    ("given", "taught"),
    [
        ({"base": "notes"}, "a document, or filters"),
        ({"document": "notes:1", "filters": {"a": 1}}, "not both"),
        ({"document": "1"}, "notes, drafts"),
        ({"document": "notes:x"}, "notes:12"),
        ({"document": "drafts:1", "base": "notes"}, "not of the base"),
    ],
)
def test_what_cannot_be_meant_is_not_removed(family, given, taught):
    with pytest.raises(InvalidInput) as caught:
        family.remove(**given)
    assert taught in caught.value.as_text()


PAGE = b"<title>Terms</title><h1>Returns</h1><p>Within thirty days.</p>"


@pytest.fixture
def page():
    def script(exchange):
        path = exchange.first_line.split()[1]
        if path == "/moved":
            exchange.answer(b"", status="302 Found", headers="Location: http://169.254.169.254/")
        elif path == "/gone":
            exchange.answer(b"", status="404 Not Found")
        elif path == "/large":
            exchange.answer(b"x" * 5_000_001, headers="Content-Type: text/plain")
        elif path == "/pdf":
            exchange.answer(b"%PDF", headers="Content-Type: application/pdf")
        elif path == "/latin":
            exchange.answer("Größe".encode("latin-1"), headers="Content-Type: text/plain; charset=latin-1")
        else:
            exchange.answer(PAGE, headers="Content-Type: text/html; charset=utf-8")

    with serving(script) as server:
        yield f"http://127.0.0.1:{server.port}"


def test_a_page_is_fetched_through_the_guard_and_read(tmp_path, page):
    family = Family(tmp_path, environment={"FAAS_TOOLKIT_NETWORK_ALLOW": page})
    (stored,) = family.add(url=f"{page}/terms?session=secret").variables["documents"]
    assert stored["title"] == "Terms"
    answer = family.search("thirty days")
    assert texts(answer) == ["Within thirty days."]
    assert "secret" not in str(answer.variables)
    assert family.targets[0] == "knowledge:url"
    (latin,) = family.add(url=f"{page}/latin").variables["documents"]
    assert latin["title"] == "latin"
    assert texts(family.search("größe")) == ["Größe"]
    for path, error, taught in (
        ("moved", Exception, "leads to in the end"),
        ("gone", NotFound, "404"),
        ("large", TooLarge, "5,000,000"),
        ("pdf", InvalidInput, "application/pdf is not served"),
    ):
        with pytest.raises(error) as caught:
            family.add(url=f"{page}/{path}")
        assert taught in caught.value.as_text()
    family.database.close()


def test_what_the_guard_closes_is_not_fetched(family, page):
    for url in (page, "https://169.254.169.254/x", "https://localhost/x", "https://10.0.0.1/"):
        with pytest.raises(Blocked):
            family.add(url=url, base="notes")
    for url in ("file:///etc/passwd", "notes", "https://user:pass@a.example/", "https://"):
        with pytest.raises(InvalidInput, match="https address"):
            family.add(url=url, base="notes")


def test_a_file_whose_address_the_host_did_not_sign_goes_through_the_guard(family, page):
    with pytest.raises(Blocked):
        family.add(files=[Upload(name="a.txt", url=page)], base="notes")
