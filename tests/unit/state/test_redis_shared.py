"""What decides while Redis is away, and how it comes back: on a real server that is killed, paused and started again."""

import pytest

from faas_toolkit.core.errors import Blocked, Unavailable
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.pipeline.gate_steps import Enter, Settle
from faas_toolkit.pipeline.quota_steps import Release, Share, Spend
from faas_toolkit.pipeline.script_forms import script_forms
from faas_toolkit.state.memory import MemoryCells
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.cells import RedisCells, keys_of
from faas_toolkit.state.redis.connection import TRY_EVERY, RedisConnection
from faas_toolkit.state.redis.members import GONE_AFTER, TELL_EVERY, Members
from faas_toolkit.state.redis.shared import SharedCells
from tests.fakes.data_servers import RedisServer, running
from tests.fakes.redis_arrangements import redis_cli
from tests.unit.state.test_redis_connection import connect

KEY = ("w:target",)
SECOND = 1_000_000


@pytest.fixture
def server(tmp_path):
    with running(RedisServer, tmp_path) as redis:
        yield redis


class Process:
    """One plugin process' cells, with what it counted."""

    def __init__(self, server, clock, gone="local_share", connection=None):
        self.counted = []
        self.connection = connection or connect(server.url, clock=clock)
        self.members = Members(self.connection, clock)
        self.local = MemoryCells(clock)
        self.cells = SharedCells(
            shared=RedisCells(self.connection, script_forms()),
            local=self.local,
            members=self.members,
            forms=script_forms(),
            gone=gone,
            count=self.counted.append,
        )

    def enter(self, call, limited, **said):
        said = {"cost": {}, "first": True, "patience": 0, "lease": 60 * SECOND, "probe_lease": SECOND, **said}
        return self.cells.apply(KEY, Enter(target=limited, call=call, **said)).outcome

    def settle(self, call, **said):
        return self.cells.apply(KEY, Settle(call, True, **said))


def limited(*lines):
    return Target(id="target", limits=lines)


TEN = limited(LimitLine("requests", 10, 60.0))


def test_processes_share_a_limit_and_each_knows_how_many_they_are(server, clock):
    first, second = Process(server, clock), Process(server, clock)
    outcomes = [process.enter(f"{number}-{at}", TEN) for number in range(6) for at, process in enumerate((first, second))]
    assert outcomes.count("go") == 10
    clock.advance(TELL_EVERY)
    first.enter("x", TEN)
    assert (first.members.count("w"), second.members.count("w"), first.members.count("other")) == (2, 2, 1)


def test_a_process_without_calls_stops_counting(server, clock):
    first, second = Process(server, clock), Process(server, clock)
    second.enter("a", TEN)
    redis_cli(server.port, "ZADD", "{w}:processes", "1", "of-long-ago")
    first.enter("b", TEN)
    assert first.members.count("w") == 2
    assert 0 < int(redis_cli(server.port, "TTL", "{w}:processes")) <= GONE_AFTER


def test_each_process_goes_on_with_its_share_while_redis_is_away(server, clock):
    first, second = Process(server, clock), Process(server, clock)
    for process in (first, second, first):
        clock.advance(TELL_EVERY)
        process.enter(f"{clock.monotonic()}", TEN)
    server.kill()
    for process in (first, second):
        assert [process.enter(str(number), TEN) for number in range(8)].count("go") == 5
    assert first.counted == ["local_share"] * 8


def test_a_share_is_at_least_one(server, clock):
    alone = Process(server, clock)
    alone.members.count = lambda workspace: 30
    server.kill()
    assert [alone.enter(str(number), TEN) for number in range(3)] == ["go", "too_late", "too_late"]


def test_what_is_larger_than_the_share_takes_the_whole_share_and_what_is_larger_than_the_limit_never_has_a_place(server, clock):
    alone = Process(server, clock)
    alone.members.count = lambda workspace: 4
    server.kill()
    tokens = limited(LimitLine("tokens", 100, 60.0))
    assert alone.enter("a", tokens, cost={"tokens": 80}) == "go"
    assert alone.enter("b", tokens, cost={"tokens": 1}) == "too_late"
    assert alone.enter("c", tokens, cost={"tokens": 101}) == "never"


def test_quotas_are_shared_too(server, clock):
    alone = Process(server, clock)
    alone.members.count = lambda workspace: 2
    server.kill()
    line = LimitLine("requests", 4, 60.0)
    replies = [alone.cells.apply(("w:quota",), Spend(str(number), (Share(line),), SECOND)) for number in range(3)]
    assert [reply is None for reply in replies] == [True, True, False]


def test_closed_refuses_and_loses_no_answer(server, clock):
    strict = Process(server, clock, gone="closed")
    strict.enter("a", TEN)
    server.kill()
    with pytest.raises(Unavailable, match="Redis does not answer"):
        strict.enter("b", TEN)
    assert strict.settle("a") is None
    assert strict.cells.apply(("w:quota",), Release("a")) is None
    assert strict.counted == ["closed"]


def test_open_limits_nothing_and_still_has_a_breaker(server, clock):
    lax = Process(server, clock, gone="open")
    server.kill()
    assert {lax.enter(str(number), TEN, cost={"requests": 1}) for number in range(50)} == {"go"}
    line = LimitLine("concurrency", 1)
    assert {lax.cells.apply(("w:quota",), Spend(str(number), (Share(line),), SECOND)) for number in range(5)} == {None}
    for number in range(5):
        lax.cells.apply(KEY, Settle(str(number), False))
    assert lax.enter("x", TEN) == "failed"


ONE = limited(LimitLine("concurrency", 1))


def test_a_place_comes_back_of_a_call_that_ended_while_redis_hung(server, clock):
    process, other = Process(server, clock), Process(server, clock)
    process.enter("a", ONE)
    server.pause()
    process.settle("a")
    server.resume()
    assert other.enter("b", ONE) == "full"
    clock.advance(TRY_EVERY)
    process.settle("of another call")
    assert other.enter("c", ONE) == "go"


@pytest.mark.parametrize(("gone", "expected"), [("closed", Unavailable), ("local_share", "full")])
def test_who_was_refused_while_redis_hung_keeps_no_place_there_although_redis_heard_of_it_later(
    server, clock, until, gone, expected
):
    process = Process(server, clock, gone=gone)
    process.local.apply(KEY, Enter(target=ONE, call="x", cost={}, first=True, patience=0, lease=SECOND, probe_lease=SECOND))
    process.enter("to connect", TEN)
    process.settle("to connect")
    server.pause()
    try:
        outcome = process.enter("a", ONE)
    except Unavailable:
        outcome = Unavailable
    assert outcome == expected
    server.resume()
    until(lambda: redis_cli(server.port, "ZCARD", keys_of(KEY[0])[1]) == "1")
    clock.advance(TRY_EVERY)
    assert process.enter("b", ONE) == "go"


def test_who_asks_again_after_redis_hung_keeps_the_place_that_redis_gave_meanwhile(server, clock, until):
    process = Process(server, clock, gone="closed")
    process.enter("to connect", TEN)
    process.settle("to connect")
    server.pause()
    with pytest.raises(Unavailable):
        process.enter("a", ONE)
    server.resume()
    until(lambda: redis_cli(server.port, "ZCARD", keys_of(KEY[0])[1]) == "1")
    clock.advance(TRY_EVERY)
    assert process.enter("a", ONE) == "go"
    assert process.enter("b", ONE) == "full"


def test_no_answer_is_lost_over_the_counters_of_an_outage_that_are_all_in_use(server, clock):
    process = Process(server, clock)
    process.local = process.cells._local = MemoryCells(clock, max_cells=1)
    process.enter("a", ONE)
    server.kill()
    process.cells.apply(
        ("w:other",), Enter(target=TEN, call="b", cost={}, first=True, patience=0, lease=SECOND, probe_lease=SECOND)
    )
    assert process.settle("a") is None
    server.start()
    clock.advance(TRY_EVERY)
    assert process.settle("a") is None


def test_no_answer_is_lost_where_the_address_may_not_be_opened_any_more(server, clock):
    process = Process(server, clock)
    process.enter("a", ONE)

    def blocked(keys, step):
        raise Blocked("The name leads to another place now.")

    process.cells._shared.apply = blocked
    assert process.settle("a") is None
    with pytest.raises(Blocked):
        process.enter("b", ONE)


def test_it_goes_back_to_redis_by_itself(server, clock):
    process = Process(server, clock)
    process.enter("a", TEN)
    server.kill()
    assert process.enter("b", TEN) == "go"
    server.start()
    clock.advance(TRY_EVERY)
    assert [process.enter(f"c{number}", TEN) for number in range(11)].count("go") == 10
    assert process.counted == ["local_share"]
    assert redis_cli(server.port, "EXISTS", keys_of(KEY[0])[0]) == "1"


def test_a_place_that_was_taken_here_is_given_back_here_after_redis_came_back(server, clock):
    one = limited(LimitLine("concurrency", 1))
    process = Process(server, clock)
    server.kill()
    assert process.enter("a", one) == "go"
    server.start()
    clock.advance(TRY_EVERY)
    process.settle("a")
    server.kill()
    clock.advance(TRY_EVERY)
    assert process.enter("b", one) == "go"


def test_a_place_whose_reply_was_lost_is_given_back_when_the_call_ends(server, clock):
    one = limited(LimitLine("concurrency", 1))
    process = Process(server, clock)
    process.enter("first", one)  # from now on the server knows the script
    process.settle("first")
    server.pause()
    assert process.enter("a", one) == "go"  # here, and in Redis, which reads it when it wakes up
    server.resume()
    clock.advance(TRY_EVERY)
    assert process.enter("b", one) == "full"
    process.settle("a")
    assert process.enter("b", one) == "go"


def test_a_settlement_counts_once_where_its_call_was_let_through(server, clock):
    tokens = limited(LimitLine("tokens", 100, 60.0))
    process = Process(server, clock)
    assert process.enter("a", tokens, cost={"tokens": 90}) == "go"
    server.kill()
    assert process.enter("b", tokens, cost={"tokens": 90}) == "go"
    process.settle("b", usage={"tokens": 100})
    process.settle("b", usage={"tokens": 0})
    assert process.enter("c", tokens, cost={"tokens": 1}) == "too_late"


def test_an_address_that_may_not_be_opened_is_an_error_and_not_an_outage(server, clock):
    shut = RedisConnection(address=RedisAddress.parse(server.url), guard=EgressGuard(environment={}), clock=clock)
    with pytest.raises(Blocked):
        Process(server, clock, connection=shut).enter("a", TEN)
