"""Calls, scopes and records."""

import dataclasses

import pytest

from faas_toolkit.core.call import ANONYMOUS, Origin, Record, Scope, TargetAttempt, Workspace
from faas_toolkit.core.canonical import digest
from faas_toolkit.core.operation import Traits
from tests.fakes.calls import make_call

SCOPE = Scope(grants=frozenset({"crm.read", "knowledge.*"}), sources={"crm": ("main", "sales_*"), "functions": ("score",)})


@pytest.mark.parametrize(("family", "name", "allowed"), [
    ("crm", "main", True), ("crm", "sales_eu", True), ("crm", "sales", False), ("crm", "MAIN", False), ("crm", "", False),
    ("crm", "*", False), ("functions", "score", True), ("functions", "score\n", False), ("knowledge", "main", False),
])  # fmt: skip
def test_a_scope_allows_the_names_and_globs_of_a_family(family, name, allowed):
    assert SCOPE.allows(family, name) is allowed


def test_a_glob_is_not_a_name():
    assert SCOPE.names_exactly("crm", "main")
    assert not SCOPE.names_exactly("crm", "sales_eu")
    assert not SCOPE.names_exactly("knowledge", "main")


@pytest.mark.parametrize(
    ("grant", "held"), [(None, True), ("crm.read", True), ("crm.write", False), ("knowledge.write", True), ("*", False)]
)
def test_grants_are_names_or_globs(grant, held):
    assert SCOPE.grants_operation(grant) is held


def test_an_empty_scope_allows_nothing():
    assert not Scope().allows("crm", "main")
    assert not Scope().grants_operation("crm.read")


def test_equal_scopes_have_equal_fingerprints_in_whatever_order():
    one = Scope(grants=frozenset({"a", "b"}), sources={"crm": ("x", "y"), "functions": ()}, hidden=frozenset({"p.q"}))
    other = Scope(grants=frozenset({"b", "a"}), sources={"functions": (), "crm": ("y", "x")}, hidden=frozenset({"p.q"}))
    assert digest(one.fingerprint()) == digest(other.fingerprint())


@pytest.mark.parametrize("change", [
    {"grants": frozenset({"c"})}, {"sources": {"crm": ("z",)}}, {"hidden": frozenset({"p.r"})}, {"groups": frozenset({"g"})},
    {"owner": "alice"},
])  # fmt: skip
def test_everything_that_changes_an_answer_changes_the_fingerprint(change):
    assert dataclasses.replace(SCOPE, **change).fingerprint() != SCOPE.fingerprint()
    assert set(SCOPE.fingerprint()) == {field.name for field in dataclasses.fields(Scope)}


def test_secrets_do_not_show_in_a_call_s_text():
    call = make_call(origin_identity_token="the-token")
    assert "the-token" not in repr(call)
    assert repr(Workspace("w1", b"0123456789")) == "Workspace(id='w1')"
    assert "the-token" not in repr(Origin(workspace=call.workspace, surface="workflow", identity_token="the-token"))


def test_a_record_keeps_what_happened_in_order():
    record = Record(request_id="r", started=1.0)
    record.decide("access", "granted", "member")
    record.decide("cache", "hit")
    record.attempted(TargetAttempt(target="crm:main", number=1, outcome="ok", duration=0.1))
    record.masked("email")
    record.masked("email", 2)
    assert [str(decision) for decision in record.decisions] == ["access: granted (member)", "cache: hit"]
    assert record.attempts[0].target == "crm:main"
    assert record.masks == {"email": 3}
    assert record.caller is ANONYMOUS


def test_two_records_share_nothing():
    one, other = Record(request_id="a", started=0.0), Record(request_id="b", started=0.0)
    one.masked("email")
    one.decide("x", "y")
    assert (other.masks, other.decisions) == ({}, [])


@pytest.mark.parametrize(("traits", "cacheable"), [
    (Traits(), False), (Traits(fresh_for=5), True), (Traits(fresh_for=0, version="1"), False), (Traits(version="1"), True),
    (Traits(effects="once", version="1"), False), (Traits(effects="idempotent", fresh_for=5), False),
])  # fmt: skip
def test_only_reads_with_a_life_or_a_version_are_kept(traits, cacheable):
    assert traits.cacheable is cacheable
