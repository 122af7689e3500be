import json

import pytest

from faas_toolkit.catalog.bounds import MAX_CHARS, MAX_DEPTH
from faas_toolkit.catalog.document import read_document
from faas_toolkit.catalog.findings import Mark
from faas_toolkit.catalog.syntax import SyntaxProblem

BLOCK = """
version: 1
roles:
  member:
    allow: [crm.read, "*"]   # all of it
    mask: {email: partial}
limits:
  - of: requests
    limit: 200
    rate: 0.5
    off: null
    yes: true
"""
PLAIN = {
    "version": 1,
    "roles": {"member": {"allow": ["crm.read", "*"], "mask": {"email": "partial"}}},
    "limits": [{"of": "requests", "limit": 200, "rate": 0.5, "off": None, "yes": True}],
}


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        json.dumps(PLAIN),
        json.dumps(PLAIN, indent=2),
        json.dumps(PLAIN, indent="\t"),
        "\ufeff" + BLOCK,
        BLOCK.replace("\n", "\r\n"),
    ],
    ids=["block", "json", "json indented", "json with tabs", "byte order mark", "carriage returns"],
)
def test_json_and_yaml_mean_the_same(text):
    assert read_document(text).value == PLAIN


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("2026-11-01", "2026-11-01"),
        ("2026-11-01T10:00:00Z", "2026-11-01T10:00:00Z"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        ("-7", -7),
        ("~", None),
        ("", None),
        ("True", True),
        ('"1.10"', "1.10"),
        ("!!str 1.10", "1.10"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written, meant):
    assert read_document(f"key: {written}\n").value == {"key": meant}


def test_a_key_called_on_or_yes_or_a_number_stays_a_text():
    assert read_document("on: 1\nyes: 2\n3: 4\nnull: 5\n").value == {"on": 1, "yes": 2, "3": 4, "null": 5}


def test_json_that_libyaml_does_not_read_is_read():
    assert read_document('{"smile": "\\ud83d\\ude00", "slash": "a\\/b"}').value == {"smile": "😀", "slash": "a/b"}


def test_an_empty_text_has_no_keys():
    assert read_document("").value == read_document("# only a comment\n").value == {}


def test_every_part_knows_its_place():
    document = read_document(BLOCK)
    assert document.mark(("roles", "member", "allow", 1)) == Mark(5, 23)
    assert document.mark(("roles", "member", "mask"), at_key=True) == Mark(6, 5)
    assert document.mark(("roles", "member", "nothing here")) == Mark(5, 5)


def test_one_line_of_json_has_columns():
    assert read_document('{"version": 1, "x": [1, 2]}').mark(("x", 1)) == Mark(1, 25)


def test_aliases_are_unfolded():
    assert read_document("a: &x {k: [1]}\nb: *x\n").value == {"a": {"k": [1]}, "b": {"k": [1]}}


@pytest.mark.parametrize(
    "pasted",
    [
        "version: 1 roles:   member:     allow: [crm.read]",
        "version: 1roles:  member:    allow: [crm.read]",
        "version: 1   # the version roles:   member: ",
        "functions:   score:     platform: http     target: {url: https://x.example}",
        'version: 1 review: {refuse: [{pattern: "a: b"}]} limits: []',
    ],
)
def test_block_yaml_that_lost_its_line_breaks_is_recognised(pasted):
    with pytest.raises(SyntaxProblem, match="line breaks were lost") as caught:
        read_document(pasted)
    assert "python -m workbench catalog encode" in caught.value.hint
    assert "{version: 1" in caught.value.hint


@pytest.mark.parametrize(
    "line",
    [
        "version: 1",
        "version: 1 # first",
        "{version: 1, roles: {}}",
        'describe: "it says: a and b: c"',
        "roles: {a: {b: c}, d: {}}",
    ],
)
def test_an_honest_line_is_not_taken_for_a_broken_paste(line):
    read_document(line)


@pytest.mark.parametrize(
    ("text", "message", "hint", "mark"),
    [
        ("a:\n\t- b\n", "tab", "two spaces", Mark(2, 1)),
        ("a: 1\n---\nb: 2\n", "more than one document", "Keep one", Mark(2, 1)),
        ("a: *\nb: 1", "alias", "Quote", Mark(1, 5)),
        ("a: [*x]\n", "names nothing", "Quote", Mark(1, 5)),
        ("a: &x [*x]\n", "inside what it names", "Write the part out", Mark(1, 4)),
        ("a: [1\nb: 2\n", "not YAML", "brackets", Mark(2, 2)),
        ("a: b: c\nd: 1\n", "a colon stands", "brackets", Mark(1, 5)),
        ("a: \0\n", "null character", "Remove", Mark(1, 4)),
        ("a: 1\nb: x\ud800\n", "half of a character", "Remove", Mark(2, 5)),
        ("a: \x07\n", "does not allow", "control characters", Mark(1, 4)),
        ('{"a": "\\ud800"}', "half of a character", "whole", None),
        ('{"a": 1,\n "b": ]}', "starts as JSON", "brackets", Mark(2, 7)),
        ('{"s": "\\ud83d\\ude00", "a": NaN}', "NaN", "finite", None),
        ("{a: 1, # first b: 2}", "not YAML", "comment", Mark(2, 1)),
        ("x" * (MAX_CHARS + 1), "1,000,001 characters", "Shorten", None),
        ("[" * (MAX_DEPTH + 1), "deeper than 40", "brackets", None),
    ],
)
def test_what_cannot_be_read_says_why_and_where(text, message, hint, mark):
    with pytest.raises(SyntaxProblem) as caught:
        read_document(text)
    assert message in caught.value.message
    assert hint in caught.value.hint
    if mark is not None:
        assert caught.value.mark == mark


@pytest.mark.parametrize(
    ("text", "message", "mark"),
    [
        ("a: 1\nb: 2\na: 3\n", "stands twice; first in line 1", Mark(3, 1)),
        ("<<: {a: 1}\n", "merge keys", Mark(1, 1)),
        ("? [a]\n: b\n", "a key is not a text", Mark(1, 3)),
        ("a: !!python/object/apply:os.system [id]\n", "Nothing of Python", None),
        ("a: !custom 1\n", "tag !custom", None),
        ("a: !!binary aGk=\n", "tag !!binary", None),
        ("a: .nan\n", "not a number that JSON can say", None),
        ("a: -.inf\n", "not a number that JSON can say", None),
        ("a: 1e999\n", "not a number that JSON can say", None),
        (f"a: {'9' * 5000}\n", "not a number that JSON can say", None),
        ('{"k": 1, "s": "\\ud83d\\ude00", "k": 2}', "k stands twice", None),
    ],
)
def test_problems_in_a_readable_text_are_collected(text, message, mark):
    (problem,) = read_document(text).problems
    assert message in problem.message
    assert problem.mark == mark


def test_all_of_them_at_once():
    assert len(read_document("a: 1\na: 2\nb: .nan\nc: !x 1\n").problems) == 3
