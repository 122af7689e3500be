"""Reads that are kept, reads that become one, and effects that run once."""

import threading
from dataclasses import replace

import pytest

from faas_toolkit.core.call import Answer, Call, Caller, Origin, Record, Scope, Workspace
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.errors import (
    BadResponse,
    Cancelled,
    Forbidden,
    FunctionError,
    InvalidInput,
    TimeoutUnknown,
    Unavailable,
    every_kind,
)
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.schema import Shape
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.cache import Cache
from faas_toolkit.pipeline.cached_read import Lifetimes
from faas_toolkit.pipeline.refresh import Refreshes
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.outcomes import Outcomes
from faas_toolkit.state.cache.tiers import TieredCache
from tests.fakes.calls import InTurn

LOOKUP = Operation(name="crm.lookup", tool="crm_lookup", grant="crm.read", shape=Shape())
UPDATE = Operation(name="crm.update", tool="crm_update", grant="crm.write", shape=Shape())
ONE = Workspace("one", bytes(32))
OTHER = Workspace("other", bytes(32))
READ = Traits(version="7")
ONCE = Traits(effects="once")
ANSWER = Answer(
    variables={"records": [{"id": "p1", "name": "李雷\ud800"}], "total": 1}, source="main", notices=("The list was cut.",)
)


@pytest.fixture
def later():
    """What the policy does in the background, when the test lets it."""
    return []


def audited(call, proceed):
    return proceed(call)


@pytest.fixture
def policy(clock, database, later):
    """Builds the policy over stores that stay the same, as they do when a process builds a new runtime."""
    store = TieredCache(near=MemoryCache(clock=clock), spawn=InlineOffload().spawn)
    outcomes = Outcomes(database=database, clock=clock)

    def build(traits, catalog_hash="catalog", **lifetimes):
        return Cache(
            store=store,
            memory=store,
            outcomes=outcomes,
            traits=lambda call: traits,
            catalog_hash=catalog_hash,
            lifetimes=Lifetimes(**lifetimes),
            refreshes=Refreshes(spawn=later.append, audit=audited, clock=clock),
        )

    return build


@pytest.fixture
def call(clock):
    def build(operation=LOOKUP, *, workspace=ONE, deadlines=None, **changes):
        made = Call(
            operation=operation,
            arguments={"query": "li lei", "limit": 5},
            origin=Origin(workspace=workspace, surface="workflow"),
            deadlines=deadlines or Deadlines.start(clock),
            record=Record(request_id="r", started=clock.monotonic()),
            host=None,
            caller=Caller(subject="user:1"),
            scope=Scope(grants=frozenset({"crm.read"}), sources={"crm": ("main",)}),
        )
        return replace(made, **changes)

    return build


def decisions(call):
    return [str(decision) for decision in call.record.decisions]


# ---- reads


def test_an_equal_read_is_answered_from_the_cache_and_says_so(policy, call):
    inner, cache = InTurn(ANSWER), policy(READ)
    first, second = call(), call()

    assert cache(first, inner) == ANSWER
    assert cache(second, inner) == ANSWER
    assert len(inner.calls) == 1
    assert (first.record.cached, second.record.cached) == (False, True)
    assert (decisions(first), decisions(second)) == (["cache: miss"], ["cache: hit (memory)"])


@pytest.mark.parametrize(
    "changed",
    [
        {"workspace": OTHER},
        {"operation": UPDATE},
        {"arguments": {"query": "li lei", "limit": 6}},
        {"arguments": {"query": "li lei", "limit": "5"}},
        {"arguments": {"query": "li lei\ud800", "limit": 5}},
        {"scope": Scope(grants=frozenset({"crm.read"}), sources={"crm": ("sales",)})},
        {"scope": Scope(grants=frozenset({"crm.read"}), sources={"crm": ("main",)}, hidden=frozenset({"person.phone"}))},
        {"scope": Scope(grants=frozenset({"crm.read"}), sources={"crm": ("main",)}, groups=frozenset({"east"}))},
        {"scope": Scope(grants=frozenset({"crm.read"}), sources={"crm": ("main",)}, owner="user:1")},
    ],
    ids=str,
)
def test_whatever_changes_an_answer_is_part_of_the_key(policy, call, changed):
    inner, cache = InTurn(ANSWER), policy(READ)
    cache(call(), inner)
    cache(call(**changed), inner)
    assert len(inner.calls) == 2


def test_another_catalog_or_another_version_of_the_source_is_another_answer(policy, call):
    inner = InTurn(ANSWER)
    for cache in (policy(READ), policy(READ, "another catalog"), policy(Traits(version="8")), policy(READ)):
        cache(call(), inner)
    assert len(inner.calls) == 3


def test_callers_with_one_scope_share_an_answer(policy, call):
    inner, cache = InTurn(ANSWER), policy(READ)
    cache(call(), inner)
    cache(call(caller=Caller(subject="user:2")), inner)
    assert len(inner.calls) == 1


def test_an_answer_is_kept_as_long_as_declared(policy, call, clock):
    inner, cache = InTurn(ANSWER), policy(Traits(fresh_for=300))
    cache(call(), inner)
    clock.advance(299)
    cache(call(), inner)
    assert len(inner.calls) == 1
    clock.advance(1)
    cache(call(), inner)
    assert len(inner.calls) == 2


@pytest.mark.parametrize("traits", [Traits(), Traits(version="7", fresh_for=0), Traits(effects="once", fresh_for=300)], ids=str)
def test_what_may_not_be_kept_is_asked_each_time(policy, call, traits):
    inner, cache, last = InTurn(ANSWER), policy(traits), call()
    cache(call(), inner)
    cache(last, inner)
    assert len(inner.calls) == 2
    assert decisions(last) == ["cache: off"]


@pytest.mark.parametrize(
    "answer",
    [
        replace(ANSWER, partial=True),
        replace(ANSWER, variables={"score": float("nan")}),
        replace(ANSWER, variables={"blob": b"bytes"}),
        replace(ANSWER, variables={"text": "x" * 1_000_001}),
    ],
    ids=["partial", "NaN", "bytes", "too large"],
)
def test_an_answer_that_cannot_be_kept_is_given_and_asked_again(policy, call, answer):
    inner, cache = InTurn(answer), policy(READ)
    assert cache(call(), inner) is answer
    cache(call(), inner)
    assert len(inner.calls) == 2


def test_a_stream_is_handed_on_and_never_kept(policy, call):
    cache = policy(READ)
    first = cache(call(), InTurn(Stream.primed(iter(["a", "b"]))))
    second = cache(call(), InTurn(Stream.primed(iter(["c"]))))
    assert [item for item in first if isinstance(item, str)] == ["a", "b"]
    assert [item for item in second if isinstance(item, str)] == ["c"]


def test_a_failure_is_not_kept(policy, call):
    inner, cache = InTurn(Unavailable("The source is down."), ANSWER), policy(READ)
    with pytest.raises(Unavailable):
        cache(call(), inner)
    assert cache(call(), inner) == ANSWER


def test_a_kept_value_that_is_no_answer_any_more_is_a_miss(policy, call, monkeypatch):
    inner, cache = InTurn(ANSWER), policy(READ)
    cache(call(), inner)
    kept = cache._store.get(ONE, cache._name(call(), READ))
    cache._store.put(ONE, cache._name(call(), READ), kept._replace(value=b'{"of": "another version"}'))
    assert cache(call(), inner) == ANSWER
    assert len(inner.calls) == 2


# ---- equal reads at once


class Slow:
    """Further in, a source that takes until the test lets it go on."""

    def __init__(self, *results):
        self.inner = InTurn(*results)
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, call):
        self.begun.set()
        assert self.go_on.wait(20)
        return self.inner(call)


def at_once(cache, slow, leader, followers, before_it_ends=lambda: None):
    """What each call came to; the first one leads, and its source answers when all others wait (or have given up)."""
    results = {}

    def run(number, call):
        try:
            results[number] = cache(call, slow)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            results[number] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate([leader, *followers])]
    threads[0].start()
    assert slow.begun.wait(20)
    for thread in threads[1:]:
        thread.start()
    threads[-1].join(0.2)  # long enough to join the flight; not a condition of any assertion
    before_it_ends()
    slow.go_on.set()
    for thread in threads:
        thread.join(20)
    return [results[number] for number in range(len(threads))]


def test_equal_reads_at_once_ask_once(policy, call):
    slow, calls = Slow(ANSWER), [call() for _ in range(8)]
    assert at_once(policy(READ), slow, calls[0], calls[1:]) == [ANSWER] * 8
    assert len(slow.inner.calls) == 1
    assert [each.record.cached for each in calls] == [False] + [True] * 7


def test_a_failure_of_the_target_is_shared_with_those_who_wait(policy, call):
    slow = Slow(Unavailable("The source is down.", hint="Wait.", retry_after=3), ANSWER)
    failures = at_once(policy(READ), slow, call(), [call() for _ in range(4)])
    assert [failure.as_dict() for failure in failures] == [failures[0].as_dict()] * 5
    assert len({id(failure) for failure in failures}) == 5
    assert len(slow.inner.calls) == 1


def test_after_a_leader_that_went_away_a_follower_leads(policy, call):
    slow, calls = Slow(Cancelled("The reader is gone."), ANSWER), [call() for _ in range(4)]
    results = at_once(policy(READ), slow, calls[0], calls[1:])
    assert isinstance(results[0], Cancelled)
    assert results[1:] == [ANSWER] * 3
    assert len(slow.inner.calls) == 2


def test_after_a_leader_that_was_killed_a_follower_leads(policy, call):
    slow = Slow(SystemExit(), ANSWER)
    results = at_once(policy(READ), slow, call(), [call(), call()])
    assert isinstance(results[0], SystemExit)
    assert results[1:] == [ANSWER] * 2


def test_a_leader_without_time_does_not_decide_for_those_who_have_more(policy, call, clock):
    slow = Slow(Unavailable("No time was left.", not_executed=True), ANSWER)
    hurried, patient = call(deadlines=Deadlines.start(clock, first_content=1)), call(deadlines=Deadlines.start(clock, 50))
    results = at_once(policy(READ), slow, hurried, [patient], before_it_ends=lambda: clock.advance(2))
    assert isinstance(results[0], Unavailable)
    assert results[1] == ANSWER


def test_a_follower_keeps_its_own_deadline(policy, call, clock):
    slow, hurried = Slow(ANSWER), call(deadlines=Deadlines.start(clock, first_content=0.05))
    cache, patient = policy(READ), call()
    leader = threading.Thread(target=cache, args=(patient, slow))
    leader.start()
    assert slow.begun.wait(20)
    with pytest.raises(TimeoutUnknown, match="equal call"):
        cache(hurried, slow)
    slow.go_on.set()
    leader.join(20)
    assert len(slow.inner.calls) == 1
    assert cache._flights._in_the_air == {}


# ---- effects


def update(call, key="order-4711", **changes):
    return call(**{"operation": UPDATE, "idempotency_key": key, **changes})


def test_an_effect_without_a_key_runs_each_time(policy, call):
    inner, cache = InTurn(ANSWER), policy(ONCE)
    cache(call(UPDATE), inner)
    cache(call(UPDATE), inner)
    assert len(inner.calls) == 2


def test_an_effect_under_a_key_runs_once_and_its_answer_is_replayed(policy, call):
    inner, cache, again = InTurn(replace(ANSWER, partial=True)), policy(ONCE), update(call)
    first = cache(update(call), inner)
    assert cache(again, inner) == first
    assert len(inner.calls) == 1
    assert again.record.cached
    assert decisions(again) == ["cache: replayed"]


def test_a_new_catalog_or_process_does_not_make_it_run_again(policy, call):
    inner = InTurn(ANSWER)
    policy(ONCE)(update(call), inner)
    policy(ONCE, "another catalog")(update(call), inner)
    assert len(inner.calls) == 1


@pytest.mark.parametrize(
    "changed",
    [{"workspace": OTHER}, {"caller": Caller(subject="user:2")}, {"key": "order-4712"}, {"operation": LOOKUP}],
    ids=["workspace", "caller", "key", "operation"],
)
def test_a_key_counts_for_one_caller_and_operation(policy, call, changed):
    inner, cache = InTurn(ANSWER), policy(ONCE)
    cache(update(call), inner)
    cache(update(call, **changed), inner)
    assert len(inner.calls) == 2


def test_another_request_under_the_same_key_is_refused(policy, call):
    inner, cache = InTurn(ANSWER), policy(ONCE)
    cache(update(call), inner)
    with pytest.raises(InvalidInput, match="another request"):
        cache(update(call, arguments={"query": "someone else"}), inner)
    assert len(inner.calls) == 1


def test_a_key_of_any_text_works_and_a_huge_one_is_refused(policy, call):
    inner, cache = InTurn(ANSWER), policy(ONCE)
    for key in ("\ud800", "\0", "';--", "密钥"):
        cache(update(call, key=key), inner)
        cache(update(call, key=key), inner)
    assert len(inner.calls) == 4
    with pytest.raises(InvalidInput, match="at most 200"):
        cache(update(call, key="x" * 201), inner)


@pytest.mark.parametrize(
    "failure", [FunctionError("No such order.", hint="Look."), BadResponse("Not JSON."), FunctionError("Busy.", retryable=True)]
)
def test_a_final_failure_is_replayed(policy, call, failure):
    inner, cache = InTurn(failure, ANSWER), policy(ONCE)
    with pytest.raises(type(failure)) as first:
        cache(update(call), inner)
    with pytest.raises(type(failure)) as second:
        cache(update(call), inner)
    assert second.value.as_dict() == first.value.as_dict()
    assert len(inner.calls) == 1


@pytest.mark.parametrize(
    "failure",
    [
        Unavailable("Connection refused.", not_executed=True),
        Forbidden("Not you."),
        every_kind()["throttled"]("Later."),
        every_kind()["function_error"]("It did nothing.", not_executed=True),
    ],
    ids=lambda failure: failure.kind,
)
def test_after_a_failure_that_did_nothing_the_same_key_may_run(policy, call, failure):
    inner, cache = InTurn(failure, ANSWER), policy(ONCE)
    with pytest.raises(type(failure)):
        cache(update(call), inner)
    assert cache(update(call), inner) == ANSWER


@pytest.mark.parametrize(
    "failure", [TimeoutUnknown("No answer."), Unavailable("502 from a gateway."), SystemExit(), KeyError("bug")]
)
def test_an_effect_that_may_have_happened_is_not_run_again(policy, call, failure):
    inner, cache = InTurn(failure, ANSWER), policy(ONCE)
    with pytest.raises(type(failure)):
        cache(update(call), inner)
    with pytest.raises(TimeoutUnknown, match="began") as caught:
        cache(update(call), inner)
    assert "new key" in caught.value.hint
    assert len(inner.calls) == 1


@pytest.mark.parametrize("failure", [TimeoutUnknown("No answer."), Unavailable("502 from a gateway."), SystemExit()])
def test_an_effect_that_may_be_repeated_runs_again(policy, call, failure):
    inner, cache = InTurn(failure, ANSWER), policy(Traits(effects="idempotent"))
    with pytest.raises(type(failure)):
        cache(update(call), inner)
    assert cache(update(call), inner) == ANSWER
    assert cache(update(call), inner) == ANSWER
    assert len(inner.calls) == 2


def test_duplicates_at_once_wait_for_the_first_and_are_given_its_answer(policy, call):
    slow, calls = Slow(ANSWER), [update(call) for _ in range(6)]
    assert at_once(policy(ONCE), slow, calls[0], calls[1:]) == [ANSWER] * 6
    assert len(slow.inner.calls) == 1


def test_nothing_runs_when_the_note_cannot_be_written(policy, call, database, tmp_path):
    inner, cache = InTurn(ANSWER), policy(ONCE)
    database._path = tmp_path  # a directory
    with pytest.raises(Unavailable) as caught:
        cache(update(call), inner)
    assert caught.value.not_executed
    assert inner.calls == []


def test_the_caller_learns_the_outcome_also_when_it_cannot_be_kept(policy, call, database, tmp_path):
    cache, made = policy(ONCE), update(call)

    def store_goes_away(call):
        database.close()
        database._path = tmp_path
        return ANSWER

    assert cache(made, store_goes_away) == ANSWER
    assert decisions(made) == ["cache: miss", "cache: not kept"]
    database._path = tmp_path / "data.db"
    with pytest.raises(TimeoutUnknown):
        cache(update(call), InTurn(ANSWER))


def test_an_answer_that_json_cannot_say_is_given_and_not_run_again(policy, call):
    inner, cache = InTurn(replace(ANSWER, variables={"score": float("inf")})), policy(ONCE)
    cache(update(call), inner)
    with pytest.raises(TimeoutUnknown):
        cache(update(call), inner)


def test_a_stream_with_effects_does_not_run_twice(policy, call):
    inner, cache = InTurn(Stream.primed(iter(["a"]))), policy(ONCE)
    assert isinstance(cache(update(call), inner), Stream)
    with pytest.raises(TimeoutUnknown):
        cache(update(call), inner)
