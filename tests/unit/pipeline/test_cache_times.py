"""Answers past their time, that nothing was found, and how long each is kept."""

import json
from dataclasses import replace

import pytest

from faas_toolkit.core.call import Answer, Caller, Scope
from faas_toolkit.core.errors import (
    BadResponse,
    Blocked,
    Forbidden,
    FunctionError,
    Internal,
    NotFound,
    Throttled,
    TimeoutUnknown,
    TooLarge,
    Unavailable,
)
from faas_toolkit.core.host import AbsentHost
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Traits
from faas_toolkit.pipeline.cache import Cache
from faas_toolkit.pipeline.cached_read import LONGEST_SECONDS, Lifetimes
from faas_toolkit.pipeline.refresh import MOST_AT_ONCE, Refreshes
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.tiers import TieredCache
from tests.fakes.calls import LOOKUP, InTurn, make_call
from tests.fakes.clock import FakeClock

FIVE_MINUTES = Traits(fresh_for=300)
OLD = Answer(variables={"records": ["old"], "total": 1}, source="main")
NEW = Answer(variables={"records": ["new"], "total": 1}, source="main")
OPERATION = replace(LOOKUP, empty={"records": [], "total": 0})
EMPTY = Answer(variables={"records": [], "total": 0}, source="main")


class World:
    """One cache policy, and what it does in the background when the test lets it."""

    def __init__(self, traits, **lifetimes):
        self.clock = FakeClock()
        self.background = []
        self.audited = []
        self.policy = Cache(
            store=TieredCache(near=MemoryCache(clock=self.clock), spawn=InlineOffload().spawn),
            memory=TieredCache(near=MemoryCache(clock=self.clock), spawn=InlineOffload().spawn),
            outcomes=None,
            traits=lambda call: traits,
            catalog_hash="catalog",
            lifetimes=Lifetimes(**lifetimes),
            refreshes=Refreshes(spawn=self.background.append, audit=self.audit, clock=self.clock),
        )

    def audit(self, call, proceed):
        self.audited.append(call)
        return proceed(call)

    def ask(self, inner, query="ana", **changes):
        call = make_call({"query": query}, operation=OPERATION, clock=self.clock, **changes)
        try:
            return call, self.policy(call, inner)
        except Exception as failure:  # noqa: BLE001 - looked at by the test
            return call, failure

    def run_background(self):
        while self.background:
            self.background.pop(0)()


def last(call):
    return str(call.record.decisions[-1])


# ---- past its time


def test_without_a_word_in_the_catalog_nothing_is_given_past_its_time():
    world, inner = World(FIVE_MINUTES), InTurn(OLD, NEW)
    world.ask(inner)
    world.clock.advance(300)
    assert world.ask(inner)[1] == NEW
    assert world.background == []


def test_an_answer_past_its_time_is_given_at_once_and_asked_anew_once():
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD, NEW)
    world.ask(inner)
    world.clock.advance(301)
    for _ in range(3):
        call, answer = world.ask(inner)
        assert (answer, call.record.cached, call.record.stale, last(call)) == (OLD, True, True, "cache: hit (memory, stale)")
    assert len(inner.calls) == 1
    assert len(world.background) == 1

    world.run_background()
    call, answer = world.ask(inner)
    assert (answer, call.record.stale, last(call)) == (NEW, False, "cache: hit (memory)")
    assert len(inner.calls) == 2


def test_after_that_it_is_a_miss():
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD, NEW)
    world.ask(inner)
    world.clock.advance(360)
    call, answer = world.ask(inner)
    assert (answer, call.record.cached) == (NEW, False)


def test_a_refresh_asks_as_its_caller_with_time_of_its_own_and_without_the_host():
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD, NEW)
    scope = Scope(grants=frozenset({"crm.read"}), sources={"crm": ("main",)}, owner="user:1")
    world.ask(inner, scope=scope)
    world.clock.advance(301)
    call, _ = world.ask(inner, scope=scope, caller=Caller(subject="user:1"))
    world.clock.advance(40)
    world.run_background()

    (refresh,) = world.audited
    assert inner.calls[-1] is refresh
    assert (refresh.scope, refresh.caller, refresh.arguments) == (scope, call.caller, call.arguments)
    assert refresh.record.caller == call.caller
    assert refresh.record is not call.record
    assert refresh.record.request_id == "r1-refresh"
    assert str(refresh.record.decisions[0]) == "cache: refresh"
    assert refresh.deadlines.first_content.remaining() == 50
    assert isinstance(refresh.host, AbsentHost)
    with pytest.raises(Unavailable, match="has ended"):
        _ = refresh.host.storage


@pytest.mark.parametrize(
    "problem",
    [Unavailable("Down."), Throttled("Later."), KeyError("a bug"), replace(NEW, partial=True)],
    ids=lambda p: type(p).__name__,
)
def test_a_refresh_that_fails_keeps_the_old_answer_until_its_end(problem, caplog):
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD, problem)
    world.ask(inner)
    world.clock.advance(301)
    world.ask(inner)
    world.run_background()
    assert world.ask(inner)[1] == OLD
    assert "a bug" not in caplog.text
    world.clock.advance(59)
    assert world.ask(inner)[1] is not OLD


def test_a_target_that_is_down_is_not_asked_by_every_call():
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD, Unavailable("Down."))
    world.ask(inner)
    world.clock.advance(301)
    for _ in range(10):
        world.ask(inner)
        world.run_background()
    assert len(inner.calls) == 2
    world.clock.advance(5)
    world.ask(inner)
    world.run_background()
    assert len(inner.calls) == 3


def test_what_is_gone_by_now_replaces_the_old_answer():
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD, NotFound("No such customer."))
    world.ask(inner)
    world.clock.advance(301)
    world.ask(inner)
    world.run_background()
    assert isinstance(world.ask(inner)[1], NotFound)


def test_so_many_are_renewed_at_once_and_no_more():
    world, inner = World(FIVE_MINUTES, stale=60), InTurn(OLD)
    for number in range(30):
        world.ask(inner, query=str(number))
    world.clock.advance(301)
    for number in range(30):
        assert world.ask(inner, query=str(number))[1] == OLD
    assert len(world.background) == MOST_AT_ONCE
    world.run_background()
    world.ask(inner, query="29")
    assert len(world.background) == 1


def test_what_needs_the_host_cannot_be_renewed_so_it_is_never_given_past_its_time():
    world, inner = World(replace(FIVE_MINUTES, needs_host=True), stale=60), InTurn(OLD, NEW)
    world.ask(inner)
    world.clock.advance(301)
    assert world.ask(inner)[1] == NEW
    assert world.background == []


def test_an_answer_under_a_change_counter_is_never_stale():
    world, inner = World(Traits(version="7"), stale=60), InTurn(OLD, NEW)
    world.ask(inner)
    world.clock.advance(LONGEST_SECONDS - 1)
    call, answer = world.ask(inner)
    assert (answer, call.record.stale) == (OLD, False)
    world.clock.advance(1)
    assert world.ask(inner)[1] == NEW


# ---- nothing found


def test_that_there_is_nothing_is_remembered_for_a_short_time():
    world, inner = World(FIVE_MINUTES), InTurn(NotFound("No such customer.", hint="Look again."), NEW)
    _, first = world.ask(inner)
    call, second = world.ask(inner)
    assert second.as_dict() == first.as_dict()
    assert (call.record.cached, last(call)) == (True, "cache: hit (memory, not_found)")
    assert len(inner.calls) == 1
    world.clock.advance(10)
    assert world.ask(inner)[1] == NEW


def test_an_answer_without_anything_is_kept_as_short():
    world, inner = World(FIVE_MINUTES, negative=3), InTurn(EMPTY, NEW)
    world.ask(inner)
    world.clock.advance(2.9)
    assert world.ask(inner)[1] == EMPTY
    world.clock.advance(0.1)
    assert world.ask(inner)[1] == NEW


@pytest.mark.parametrize("outcome", [NotFound("No."), EMPTY], ids=["not_found", "empty"])
def test_it_is_not_remembered_longer_than_an_answer_would_be_nor_stale(outcome):
    world, inner = World(Traits(fresh_for=2), stale=60), InTurn(outcome, NEW)
    world.ask(inner)
    world.clock.advance(2)
    assert world.ask(inner)[1] == NEW


@pytest.mark.parametrize("outcome", [NotFound("No."), EMPTY], ids=["not_found", "empty"])
def test_it_is_not_remembered_where_the_catalog_says_so(outcome):
    world, inner = World(FIVE_MINUTES, negative=0), InTurn(outcome, NEW)
    world.ask(inner)
    assert world.ask(inner)[1] == NEW


def test_a_source_beside_us_is_asked_again_whether_there_is_something_by_now():
    world, inner = World(Traits(version="7", local=True)), InTurn(NotFound("No."), NEW)
    world.ask(inner)
    assert world.ask(inner)[1] == NEW


def test_an_empty_answer_under_a_change_counter_is_kept_as_any_other():
    world, inner = World(Traits(version="7")), InTurn(EMPTY, NEW)
    world.ask(inner)
    world.clock.advance(3_600)
    assert world.ask(inner)[1] == EMPTY


@pytest.mark.parametrize(
    "kind", [Throttled, Unavailable, Forbidden, Blocked, FunctionError, TimeoutUnknown, BadResponse, TooLarge, Internal]
)
def test_no_other_failure_is_remembered(kind):
    world, inner = World(FIVE_MINUTES), InTurn(kind("No."), NEW)
    world.ask(inner)
    assert world.ask(inner)[1] == NEW


def test_what_after_added_makes_an_answer_one():
    world, inner = World(FIVE_MINUTES, negative=3), InTurn(replace(EMPTY, added={"note": "known to sales"}), NEW)
    world.ask(inner)
    world.clock.advance(100)
    assert world.ask(inner)[1].added == {"note": "known to sales"}


# ---- how long, and how often


def test_an_answer_of_a_source_beside_us_is_kept_for_five_minutes_where_nothing_is_declared():
    world, inner = World(Traits(version="7", local=True)), InTurn(OLD, NEW)
    world.ask(inner)
    world.clock.advance(299)
    assert world.ask(inner)[1] == OLD
    world.clock.advance(1)
    assert world.ask(inner)[1] == NEW


def test_looks_are_counted_for_each_workspace():
    world, inner = World(FIVE_MINUTES), InTurn(OLD)
    call, _ = world.ask(inner)
    world.ask(inner)
    world.ask(inner, query="bo")
    assert world.policy.reads(call.workspace) == {"miss": 2, "memory": 1}
    assert world.policy.reads(replace(call.workspace, id="other")) == {}


@pytest.mark.parametrize(
    "value",
    [
        b'{"variables": {}, "source": "main", "added": {}, "partial": false, "notices": []}',
        b'{"fresh_until": null, "answer": {"variables": {}}}',
        b'{"fresh_until": "soon", "answer": {}}',
        json.dumps({"fresh_until": None, "failure": Forbidden("No.").as_dict()}).encode(),
        b'{"fresh_until": null, "failure": {"kind": "of another version"}}',
        b"[]",
        b"\xff",
        b"",
    ],
    ids=["before times", "cut", "no number", "another failure", "unknown kind", "list", "no text", "empty"],
)
def test_what_another_version_left_is_a_miss(value):
    world, inner = World(FIVE_MINUTES), InTurn(OLD, NEW)
    call, _ = world.ask(inner)
    ((_, name),) = world.policy._store.tiers[0]._entries
    kept = world.policy._store.get(call.workspace, name)
    world.policy._store.put(call.workspace, name, kept._replace(value=value))
    assert world.ask(inner)[1] == NEW


def test_half_characters_survive():
    world, inner = World(FIVE_MINUTES), InTurn(replace(OLD, variables={"records": ["\ud800 李雷"], "total": 1}))
    world.ask(inner)
    assert world.ask(inner)[1].variables["records"] == ["\ud800 李雷"]
