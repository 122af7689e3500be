import base64

import pytest

from faas_toolkit.catalog.origin import CATALOG_DIR, read_origin
from faas_toolkit.catalog.syntax import SyntaxProblem
from faas_toolkit.core.errors import Blocked


def no_fetch(url):
    raise AssertionError(url)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "catalogs").mkdir()
    (tmp_path / "outside.yaml").write_text("version: 1\n")
    (tmp_path / "catalogs" / "sales.yaml").write_text("version: 1\n# Größe\n", encoding="utf-8")
    return tmp_path / "catalogs"


def test_the_setting_itself():
    assert read_origin("version: 1\n", {}, None).text == "version: 1\n"


@pytest.mark.parametrize("form", ["base64:{}", " base64: {} \n"])
def test_base64_with_or_without_padding_and_spaces(form):
    encoded = base64.b64encode("version: 1  # 大".encode()).decode()
    for written in (encoded, encoded.rstrip("="), encoded[:8] + "\n " + encoded[8:]):
        assert read_origin(form.format(written), {}, None).text == "version: 1  # 大"


@pytest.mark.parametrize("broken", ["base64:", "base64:%%%", "base64:////", "base64:a"])
def test_what_is_not_base64_says_how_to_make_it(broken):
    if broken == "base64:":
        assert read_origin(broken, {}, None).text == ""
        return
    with pytest.raises(SyntaxProblem, match="not UTF-8 text in base64") as caught:
        read_origin(broken, {}, None)
    assert "python -m workbench catalog encode" in caught.value.hint


def test_a_file_of_the_operator_is_read_anew_after_a_while(folder):
    read = read_origin("file:sales.yaml", {CATALOG_DIR: str(folder)}, None)
    assert read.text == "version: 1\n# Größe\n"
    assert read.origin == "file:sales.yaml"
    assert read.fresh_for == 10


@pytest.mark.parametrize(
    "name",
    [
        "../outside.yaml",
        "/etc/hostname",
        "a/b.yaml",
        "..",
        ".",
        "",
        "sales.yaml\0",
        "C:\\x",
        "~root",
        "x" * 200,
        ".hidden",
        "a..b",
    ],
)
def test_only_plain_names_below_the_operators_directory(folder, name):
    with pytest.raises(SyntaxProblem) as caught:
        read_origin(f"file:{name}", {CATALOG_DIR: str(folder)}, None)
    assert str(folder) not in caught.value.message + caught.value.hint


def test_a_link_that_leads_out_is_not_followed(folder):
    (folder / "link.yaml").symlink_to(folder.parent / "outside.yaml")
    with pytest.raises(SyntaxProblem, match="leads out"):
        read_origin("file:link.yaml", {CATALOG_DIR: str(folder)}, None)


def test_a_missing_file_a_directory_and_a_loop_of_links_are_no_file(folder):
    (folder / "directory").mkdir()
    (folder / "loop").symlink_to(folder / "loop")
    for name in ("missing.yaml", "directory", "loop"):
        with pytest.raises(SyntaxProblem, match="no readable file"):
            read_origin(f"file:{name}", {CATALOG_DIR: str(folder)}, None)


def test_a_file_that_is_no_text_says_so(folder):
    (folder / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SyntaxProblem, match="not UTF-8"):
        read_origin("file:binary", {CATALOG_DIR: str(folder)}, None)


def test_without_the_operators_directory_no_file_is_read():
    with pytest.raises(SyntaxProblem) as caught:
        read_origin("file:sales.yaml", {}, None)
    assert CATALOG_DIR in caught.value.hint


def test_an_address_is_fetched_and_shown_without_its_query():
    read = read_origin("https://config.example/c.yaml?key=hidden", {}, lambda url: (f"# {url}\nversion: 1\n", 60.0))
    assert "key=hidden" in read.text
    assert (read.origin, read.fresh_for) == ("https://config.example/c.yaml", 60)


def test_plain_http_is_refused_before_anything_is_asked():
    with pytest.raises(SyntaxProblem, match="https:// addresses only"):
        read_origin("http://config.example/c.yaml", {}, no_fetch)


def test_a_refused_address_keeps_the_refusals_words():
    def refuse(url):
        raise Blocked("config.internal is a private address.", hint="Ask the operator.")

    with pytest.raises(SyntaxProblem, match="private address") as caught:
        read_origin("https://config.internal/", {}, refuse)
    assert caught.value.hint == "Ask the operator."


@pytest.mark.parametrize("url", ["https://[", "https://[::1"])
def test_a_broken_address_is_said_to_be_one(url):
    with pytest.raises(SyntaxProblem, match="not an address"):
        read_origin(url, {}, no_fetch)


def test_a_fetched_text_names_no_further_origin(load, findings):
    (finding,) = findings("https://config.example/c.yaml", fetch=lambda url: ("file:/etc/passwd", 60.0))
    assert "keys with values" in finding.message
