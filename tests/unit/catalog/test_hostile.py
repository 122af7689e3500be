"""A catalog is written by a tenant: whatever stands in it, the answer is ours, soon."""

import json
import random
import time
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faas_toolkit.catalog.document import read_document
from faas_toolkit.catalog.findings import CatalogInvalid
from faas_toolkit.catalog.load import LoadedCatalog, load_catalog

SECONDS = 5.0
"""Generous for a busy machine; what is hostile takes minutes or for ever where a bound is missing."""

BILLION_LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BIG = 990_000
HOSTILE = {
    "alias bomb": BILLION_LAUGHS,
    "aliases to one text": "a: &a x\nb: [" + "*a," * 300_000 + "]",
    "alias in itself": "a: &a {b: *a}",
    "open brackets": "[" * BIG,
    "open braces": "{" * BIG,
    "open json": '{"a":' * (BIG // 5),
    "nested dashes": "- " * (BIG // 2),
    "nested question marks": "? " * (BIG // 2),
    "quotes": 'a: "' + "'\"" * (BIG // 2),
    "one long text": "a: " + "x" * BIG,
    "one long number": "a: " + "9" * BIG,
    "one long key": "x" * BIG + ": 1",
    "one line of keys": "a: " * (BIG // 3),
    "brackets in one line": "a: " + "[" * BIG,
    "line breaks": "\n" * BIG,
    "comments": "# x\n" * (BIG // 4),
    "items": "[" + "a," * (BIG // 2) + "]",
    "unknown keys": "version: 1\n" + "".join(f"k{n}: 1\n" for n in range(14_000)),
    "one key many times": "version: 1\n" * 14_000,
    "wrong functions": "version: 1\nfunctions:\n" + "".join(f"  k{n}: 1\n" for n in range(14_000)),
    "unknown names": "version: 1\nroles: {m: {functions: [" + ",".join(f"f{n}" for n in range(29_000)) + "]}}",
    "tokens": 'version: 1\nx: "' + "-eyJ" * (BIG // 4) + '"',
    "many texts like tokens": "version: 1\nx:\n" + "".join(' - "' + "-eyJ" * 4_900 + '"\n' for _ in range(49)),
    "many addresses": "version: 1\nx:\n" + "".join(' - "' + "a://" * 4_900 + '"\n' for _ in range(49)),
    "references": 'version: 1\nx: "' + "${secret:s}" * 80_000 + '"',
    "open references": 'version: 1\nx: "' + "${secret" * 120_000 + '"',
    "patterns": "version: 1\nreview: {refuse: [" + ",".join(['{pattern: "(a*)*(b{1,500}){1,2}c"}'] * 200) + "]}",
    "big schema": 'version: 1\nfunctions: {f: {platform: http, target: {url: "https://x.example"}, arguments: {enum: ['
    + ",".join(f"a{n}" for n in range(28_000))
    + "]}}}",
    "python": "a: !!python/object/apply:os.system ['touch /tmp/never']",
    "null bytes": "version: 1\0",
    "surrogates": "version: 1\nx: \ud800",
    "escaped surrogates": '{"version": 1, "x": "\\ud800"}',
    "nan": "version: 1\naudit: {keep: .nan}",
    "json nan": '{"version": 1, "limits": [{"limit": NaN, "per": 5, "x": "\\ud83d\\ude00"}]}',
    "huge exponent": "version: 1\nlimits: [{limit: 1e400, per: 5}]",
    "tabs": "version: 1\nroles:\n\tm: {}",
    "two documents": "version: 1\n---\nversion: 1",
    "directives": "%YAML 1.1\n%TAG ! tag:x,2000:\n---\nversion: 1\nx: !a b",
    "keys that are lists": "version: 1\n? [a, b]\n: c",
    "set": "version: 1\nroles: !!set {a, b}",
    "binary": "version: 1\nx: !!binary aGk=",
    "deep schema": 'version: 1\nfunctions: {f: {platform: http, target: {url: "https://x.example"}, arguments: '
    + "{properties: {a: " * 14
    + "{type: nonsense}"
    + "}}" * 14
    + "}}",
    "control characters": "version: 1\nx: \x1b[31m",
    "a schema that names itself": 'version: 1\nfunctions: {f: {platform: http, target: {url: "https://x.example"}, '
    "arguments: {$ref: '#'}, x: 1}}",
    "megabyte of words": "version: 1\n" + "word " * (BIG // 5),
}

HARMLESS = ("line breaks", "comments", "patterns", "big schema")
"""Large, and nothing is wrong with them."""


def outcome(text: str, secrets: Mapping[str, str] | None = None) -> LoadedCatalog | CatalogInvalid:
    secrets = {"s": "x" * 1_000_000} if secrets is None else secrets
    try:
        return load_catalog(text, secrets=secrets, environment={}, operations={"crm.lookup"})
    except CatalogInvalid as invalid:
        return invalid


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_refused_in_our_words_soon(name):
    start = time.perf_counter()
    refused = outcome(HOSTILE[name])
    assert time.perf_counter() - start < SECONDS
    if name in HARMLESS:
        assert isinstance(refused, LoadedCatalog)
        return
    assert isinstance(refused, CatalogInvalid)
    assert refused.findings
    assert len(refused.as_text()) < 4_000
    assert len(refused.findings) <= 201
    told = refused.report()
    told.encode()
    assert all(character.isprintable() or character == "\n" for character in told)
    assert "Traceback" not in told
    assert "pydantic" not in told


PIECES = [
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "#",
    "&a ",
    "*a",
    "!",
    "!!int ",
    "|",
    ">",
    "%",
    "@",
    "`",
    "~",
    "\0",
]
PIECES += [
    "${secret:",
    "${secret:wh}",
    "null",
    "1.10",
    ".nan",
    "-1",
    "yes",
    "\u2028",
    "\ufeff",
    "\ud800",
    "😀",
    "<<",
    "?",
    "9" * 40,
    "models",
    "*",
    "[*a]",
]


@st.composite
def mutated(draw, text: str) -> str:
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)))
        action = draw(st.sampled_from(["insert", "replace", "delete", "double"]))
        middle = {"insert": piece + text[start:end], "replace": piece, "delete": "", "double": text[start:end] * 2}[action]
        text = text[:start] + middle + text[end:]
    return text


@settings(max_examples=400, deadline=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), as_json=st.booleans())
def test_a_random_change_of_a_good_document_loads_or_is_refused_in_our_words(good, secrets, data, as_json):
    text = json.dumps(read_document(good).value) if as_json else good
    result = outcome(data.draw(mutated(text)), secrets)
    if isinstance(result, CatalogInvalid):
        assert result.findings
        assert all(value[:8] not in result.report() for name, value in secrets.items() if name != "words")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=300, deadline=5_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_the_place_of_any_other_loads_or_is_refused_with_its_path(good, secrets, data):
    document = read_document(good).value
    place, key = data.draw(st.sampled_from(list(places(document))))
    place[key] = data.draw(JSON)
    result = outcome(json.dumps(document), secrets)
    assert isinstance(result, LoadedCatalog) or all(finding.message for finding in result.findings)


def places(value):
    if isinstance(value, dict):
        for key in value:
            yield value, key
            yield from places(value[key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from places(item)


def test_bytes_of_noise_are_refused():
    noise = random.Random(7)
    for _ in range(300):
        outcome(noise.randbytes(200).decode("latin-1"))
