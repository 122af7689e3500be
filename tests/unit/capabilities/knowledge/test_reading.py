"""From files to passages: every form, every encoding, and documents that mean harm. Time is bounded by work, not by a clock."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faas_toolkit.capabilities.knowledge.reading import cutting, decoding, html_text
from faas_toolkit.capabilities.knowledge.reading.cutting import MAX_WIDTH, cut
from faas_toolkit.capabilities.knowledge.reading.decoding import decode
from faas_toolkit.capabilities.knowledge.reading.document import MAX_FILE_BYTES, Given, Said, draft_of
from faas_toolkit.capabilities.knowledge.reading.html_text import text_of_html
from faas_toolkit.core.errors import Failure, InvalidInput, TooLarge
from faas_toolkit.core.redaction import mask_text


def read(content, name="a.txt", said=None, **more):
    draft, notices = draft_of(Given(content=content, name=name, **more), said or Said())
    return draft, notices


def text_of(draft):
    return "\n".join(passage.text for passage in draft.passages)


CHINESE = "退货政策:客户可以在三十天内退货,前提是商品未使用。请联系客户服务部门。" * 3


@pytest.mark.parametrize(
    ("content", "expected", "guessed"),
    [
        ("Héllo".encode(), "Héllo", False),
        ("\ufeffHéllo".encode(), "Héllo", False),
        ("Héllo".encode("utf-16"), "Héllo", False),
        ("\ufeffHéllo".encode("utf-16-be"), "Héllo", False),
        ("Héllo".encode("utf-32"), "Héllo", False),
        (CHINESE.encode("gb18030"), CHINESE, True),
        (CHINESE.replace("费", "").encode("big5", "ignore"), None, True),
        (
            "返品は三十日以内に受け付けます。ご連絡ください。".encode("shift_jis"),
            "返品は三十日以内に受け付けます。ご連絡ください。",
            True,
        ),
        (
            "Política de devolução: até 30 dias após a compra.".encode("cp1252"),
            "Política de devolução: até 30 dias após a compra.",
            True,
        ),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree", False),
    ],
)
def test_text_is_read_in_its_encoding_and_a_guess_is_told(content, expected, guessed):
    draft, notices = read(content)
    assert expected is None or text_of(draft) == expected
    assert bool(notices) is guessed
    assert all("guess" in notice for notice in notices)


def test_an_encoding_that_the_sender_names_is_taken():
    draft, notices = read("Größe".encode("cp1252"), charset="cp1252")
    assert (text_of(draft), notices) == ("Größe", ())


@pytest.mark.parametrize(
    ("content", "name", "taught"),
    [
        (b"", "a.txt", "holds no text"),
        (b"   \n\t ", "a.txt", "holds no text"),
        (b"\xef\xbb\xbf", "a.txt", "holds no text"),
        (b"%PDF-1.7 rest", "a.txt", "a PDF file"),
        (b"PK\x03\x04rest", "a.md", "DOCX"),
        (b"\x89PNG\r\n", "a.txt", "picture"),
        (b"text\x00with a null", "a.txt", "not a text file"),
        (bytes(range(256)) * 20, "a.txt", "not a text file"),
        (b"x", "a.pdf", ".pdf is not served"),
        (b"x", "a.docx", "txt, md, html and csv"),
        (b"x", "a", "is not served"),
        (b"a,b\n", "a.csv", "no rows"),
        (b"<script>x</script>", "a.html", "holds no text"),
        (b"<!-- never closed", "a.html", "holds no text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_could_be(content, name, taught):
    with pytest.raises(InvalidInput) as caught:
        read(content, name)
    assert taught in caught.value.as_text()


def test_files_and_texts_are_bounded():
    with pytest.raises(TooLarge, match="5,000,000"):
        read(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(TooLarge, match="2,000,000"):
        read(b"word " * 500_000)
    with pytest.raises(TooLarge, match="passages"):
        read(b"# a\nx\n" * 5_000, "a.md")


def test_a_kind_is_told_by_name_else_by_media_type():
    assert read(b"<p>x</p>", "page", media_type="text/html; charset=utf-8")[0].kind == "html"
    assert read(b"x", "NOTES.MD")[0].kind == "md"
    assert read(b"x", "https://a.example/v1.2/terms", media_type="text/plain")[0].kind == "txt"


@pytest.mark.parametrize(
    ("content", "name", "said", "title"),
    [
        (b"# Returns\n\nText", "a.md", "", "Returns"),
        (b"Text", "folder/a.md", "", "a.md"),
        (b"<title>T &amp; C</title><p>Text", "a.html", "", "T & C"),
        (b"# Returns\n\nText", "a.md", "Terms", "Terms"),
    ],
)
def test_a_document_has_the_title_it_brings_along_unless_one_is_given(content, name, said, title):
    assert read(content, name, Said(title=said))[0].title == title


def test_a_text_without_a_title_is_called_by_its_first_words():
    assert read("Goods can be returned.\nMore.", "")[0].title == "Goods can be returned."
    title = read("word " * 100, "")[0].title
    assert title.startswith("word word")
    assert title.endswith("…")
    assert len(title) <= 80


@pytest.mark.parametrize(
    ("value", "left"), [("zhang.wei@example.com", "zhang"), ("+86 138 0013 8000", "138"), ("4111 1111 1111 1111", "411")]
)
@pytest.mark.parametrize("before", range(62, 80, 2))
def test_the_first_words_hold_no_half_address_or_number(value, left, before):
    for filler in ("中" * before, ("word " * before)[:before] + " "):
        title = read(f"{filler}{value} and more words that follow", "")[0].title
        assert value in title or left not in title


def test_html_keeps_headings_items_and_cells_and_leaves_out_what_nobody_reads():
    title, text = text_of_html(
        "<html><head><title>Page</title><style>p{}</style><script>if (a < b) {}</script></head><body><nav>Menu</nav>"
        "<h1>Top</h1><p>One&nbsp;two<br>three &lt;four&gt;</p><ul><li>first<li>second</ul>"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table><h2>Sub</h2>end<!-- no --></body>"
    )
    assert title == "Page"
    assert "# Top\n\nOne two\nthree <four>" in text
    assert "- first\n- second" in text
    assert "a | b" in text
    assert "1 | 2" in text
    assert "## Sub\n\nend" in text
    assert not {"p{}", "if (a", "no -->"} & {part for part in ("p{}", "if (a", "no -->") if part in text}


def test_headings_become_the_context_of_passages():
    pieces = list(cut("intro\n# A\ntext a\n## B\ntext b\n### C\ntext c\n## D\ntext d\n# E\n"))
    assert [(piece.heading, piece.text) for piece in pieces] == [
        ("", "intro"),
        ("A", "text a"),
        ("A > B", "text b"),
        ("A > B > C", "text c"),
        ("A > D", "text d"),
        ("", "E"),
    ]


def test_what_looks_like_a_heading_in_code_is_none():
    (piece,) = cut("```\n# no heading\n```\n#nor this\n" + "# " + "long " * 200)
    assert piece.heading == ""
    assert "# no heading" in piece.text


def test_a_table_becomes_rows_with_the_names_of_their_columns():
    draft, _ = read(b'name;price\nScanner;"1;2"\n;\nCradle;80;extra\n', "a.csv")
    assert text_of(draft) == "name: Scanner; price: 1;2\nname: Cradle; price: 80; column 3: extra"


def test_a_table_of_a_hundred_thousand_cells_is_read():
    draft, _ = read(b"a,b\n" + b"1,2\n" * 50_000, "a.csv")
    assert len(draft.passages) > 100
    with pytest.raises(TooLarge, match="cells"):
        read(b"a,b\n" + b"1,2\n" * 101_000, "a.csv")
    with pytest.raises(InvalidInput, match="CSV"):
        read(b'a,b\n"' + b"x" * 200_000, "a.csv")


@pytest.mark.parametrize(
    "html",
    [
        "<!--" * 250_000,
        "<" * 1_000_000,
        "<a " * 250_000,
        "</" * 400_000,
        "<![CDATA[" * 100_000,
        "<!DOCTYPE" * 100_000,
        "<?" * 400_000,
        "<script>" * 120_000,
        "<title>" * 130_000,
        "<div>" * 150_000 + "deep",
        "<svg>" * 150_000 + "</svg>" * 150_000,
        "<a href='" * 100_000,
        "<a " + "x=1 " * 200_000 + ">",
        "&" * 500_000,
        "&#x" * 300_000,
        "<p>" + " " * 1_000_000,
    ],
    ids=lambda html: html[:10],
)
def test_malformed_pages_cost_no_more_than_their_size(html):
    """Each of these took the standard parser minutes, or grew with the square of its length; the suite's time limit tells."""
    text_of_html(html)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "张" * 500_000,
        "word " * 200_000,
        "a. " * 300_000,
        "# " * 400_000,
        "\n" * 900_000 + "x",
        "a\n\n" * 300_000,
        "# a" + " " * 900_000 + "b",
        "# a" + " #" * 300_000,
        "```\n" * 200_000,
        "\u2028" * 300_000,
        "🙂" * 300_000,
    ],
    ids=lambda text: ascii(text[:4]),
)
def test_any_text_is_cut_into_passages_of_bounded_size(text):
    pieces = list(cut(text))
    assert all(0 < len(piece.text) <= MAX_WIDTH for piece in pieces)
    assert all(piece.text.strip() for piece in pieces)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=3_000) | st.text(alphabet="a #\n.!。张`~-|", max_size=3_000))
def test_no_word_is_lost(text):
    """Everything but heading marks, fences of white space, and white space is in some passage or its heading."""
    held = "".join(piece.heading + piece.text for piece in cut(text))
    for character in set(text) - set("# \n\t"):
        if not character.isspace():
            assert character in held


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=400), name=st.sampled_from(["a.txt", "a.md", "a.html", "a.csv"]))
def test_any_bytes_are_a_document_or_an_error_that_teaches(content, name):
    try:
        text = text_of(read(content, name)[0])
    except Failure as failure:
        text = failure.as_text()
    assert text.encode().strip()
    assert "\0" not in text


@pytest.mark.parametrize(
    ("value", "filler"),
    [
        ("zhang@example.com", "中"),
        ("zhang.wei@chenguang.example", "中"),
        ("11010519491231002X", "中"),
        ("4111 1111 1111 1111", "word "),
        ("+86 138 0013 8000", "word "),
        ("Tel. 4155550132", "word "),
        ("Tel. (mobile) 4155550132", "word. "),
        ("WhatsApp-number::::::4155550132", "中"),
        ("DE89 3704 0044 0532 0130 00", "word "),
        ("sk-proj1-" + "a1B2" * 20, "中"),
    ],
)
def test_what_a_detector_finds_in_a_long_line_is_whole_in_one_passage(value, filler):
    """A half address or number in a passage would be masked for nobody."""
    for before in range(1_050, 1_210, 3):
        text = (filler * before)[:before] + " " if filler.isascii() else filler * (before // 2)
        passages = [piece.text for piece in cut(f"{text}{value} {filler * 200}")]
        assert any(value in passage for passage in passages), (before, [passage[-40:] for passage in passages])


@pytest.mark.parametrize("before", [0, 400, 800, 1_150])
def test_a_private_key_of_the_usual_size_is_known_as_one_in_every_passage(before):
    lines = "\n".join(["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"] * 26)
    key = f"-----BEGIN PRIVATE KEY-----\n{lines}\nkQ==\n-----END PRIVATE KEY-----"
    passages = [piece.text for piece in cut(f"{'word ' * (before // 5)}\n{key}\nKeep it.")]
    assert not any("MIIEv" in mask_text(passage, ["secret"]) for passage in passages)


def test_damage_in_one_place_does_not_cost_the_document():
    assert "good" in decode(b"good text " * 50 + b"\xff" + b" more good text" * 50, "a.txt").text


class Watched:
    """A pattern that notes how much text one call of it is given: so long nothing else runs in the process."""

    def __init__(self, pattern, seen):
        self._pattern, self._seen = pattern, seen

    def __getattr__(self, name):
        if name == "match":  # looks at the beginning only
            return self._pattern.match

        def ask(*arguments):
            text, *bounds = arguments[1:] if name == "sub" else arguments
            first, last = [*bounds, 0, len(text)][:2] if len(bounds) != 1 else (bounds[0], len(text))
            self._seen.append(min(last, len(text)) - first)
            return getattr(self._pattern, name)(*arguments)

        return ask


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("汉".encode() * 1_600_000, "a.txt"),
        (b"a" * 20_000 + b"\x01" * 1_000_000, "a.txt"),
        (b"a" * 1_900_000, "a.md"),
        (b"<" * 400_000, "a.html"),
        (b"a " * 900_000, "a.html"),
        (b"<p>a</p>" * 100_000, "a.html"),
    ],
    ids=["one line of Chinese", "control characters", "one word", "angle brackets", "a page without tags", "tags"],
)
def test_no_pattern_looks_at_a_whole_document_at_once(content, name, monkeypatch):
    """Every call holds the interpreter's lock, so all calls of all workspaces wait for it."""
    seen = []
    for module in (cutting, decoding, html_text):
        for each, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, each, Watched(value, seen))
    read(content, name)
    assert max(seen) < 300_000


@pytest.mark.parametrize("encoding", ["unicode_escape", "raw_unicode_escape"])
def test_half_a_character_that_an_encoding_makes_is_left_out(encoding):
    draft, _ = read(b"caf\xe9 \\ud800 here", charset=encoding)
    assert text_of(draft) == "café  here"


def test_a_page_reads_the_same_whatever_its_size():
    page = "<title>T</title><h2>A &amp; B</h2><p>one <b>two</b> 2 < 3</p><script>no</script><ul><li>x</li></ul>\n"
    _, once = text_of_html(page)
    title, often = text_of_html(page * 2_000)
    assert title == "T"
    assert often.split() == once.split() * 2_000
