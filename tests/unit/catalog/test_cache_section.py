"""The section `cache`: what stands there when nothing does, and what is said of what is wrong."""

import pytest

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.cache.memory import entries_of

KEYS = 'auth: {access_key_id: "${secret:aws_id}", secret_access_key: "${secret:aws_key}"}'
S3 = "cache: {cold: {kind: s3, bucket: answers, endpoint: 'https://s3.example.com', %s" + KEYS + "}}"


def test_without_a_word_answers_are_kept_on_disk_and_none_is_given_past_its_time(load):
    cache = load("version: 1").catalog.cache
    assert (cache.memory.seconds, cache.cold.kind, cache.stale, cache.negative) == (300, "disk", 0, 10)


def test_a_bucket_shows_no_secret_of_its_own(load, secrets):
    cold = load("version: 1\n" + S3 % "").catalog.cache.cold
    assert (cold.prefix, cold.region, cold.addressing, cold.timeout) == ("faas-toolkit/", "us-east-1", "path", 2)
    assert cold.auth.secret_access_key.get_secret_value() == secrets["aws_key"]
    assert secrets["aws_key"] not in repr(cold)


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("cache: 5m", "cache", "keys with values"),
        ("cache: {memry: {}}", "cache.memry", "`memory`"),
        ("cache: {memory: {seconds: 0}}", "cache.memory.seconds", "more than 0"),
        ("cache: {stale: 2d}", "cache.stale", "at most 86400"),
        ("cache: {stale: .nan}", "cache.stale", "finite"),
        ("cache: {negative: 6m}", "cache.negative", "at most 300"),
        ("cache: {negative: -1}", "cache.negative", "30s"),
        ("cache: {cold: {kind: s4}}", "cache.cold", "disk, s3, none"),
        ("cache: {cold: {}}", "cache.cold", "kind"),
        ("cache: {cold: {kind: disk, bucket: answers}}", "cache.cold.bucket", "no such key"),
        ("cache: {cold: {kind: s3, bucket: answers, " + KEYS + "}}", "cache.cold.endpoint", "missing"),
        (S3.replace(".com", ".com/answers") % "", "cache.cold.endpoint", "without a path"),
        (S3.replace("answers", "My_Bucket") % "", "cache.cold.bucket", "form"),
        (S3 % "prefix: /a/, ", "cache.cold.prefix", "form"),
        (S3 % "prefix: a/../b/, ", "cache.cold.prefix", "form"),
        (S3 % "timeout: 1m, ", "cache.cold.timeout", "at most 10"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(findings, text, path, said):
    (finding,) = findings(f"version: 1\n{text}")
    assert finding.path == path
    assert said in str(finding)


def test_keys_of_a_bucket_are_no_literals(findings):
    literal = "A" * 16 + "0123"
    found = findings("version: 1\n" + (S3 % "").replace("${secret:aws_key}", literal * 2))
    assert any("${secret:" in str(finding) for finding in found)


def test_the_operator_says_how_many_answers_memory_holds():
    assert entries_of({}) == entries_of({"FAAS_TOOLKIT_CACHE_ENTRIES": " "}) == 10_000
    assert entries_of({"FAAS_TOOLKIT_CACHE_ENTRIES": "50"}) == 50


@pytest.mark.parametrize("setting", ["0", "-1", "1e5", "1000000", "ten", "٣", "\ud800", "9" * 5_000])
def test_a_number_that_is_none_is_refused(setting):
    with pytest.raises(Unavailable, match="FAAS_TOOLKIT_CACHE_ENTRIES") as caught:
        entries_of({"FAAS_TOOLKIT_CACHE_ENTRIES": setting})
    assert len(caught.value.message) < 200
