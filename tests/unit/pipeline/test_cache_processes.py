"""Several processes that share a Redis ask once: each is a cache policy with a memory and a connection of its own."""

import gevent
import pytest
from gevent.event import Event

from faas_toolkit.core.call import Answer
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.errors import TimeoutUnknown, Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Traits
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.pipeline.cache import Cache
from faas_toolkit.pipeline.cached_read import LEASE_SECONDS, Lifetimes
from faas_toolkit.pipeline.refresh import Refreshes
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.redis import RedisCache
from faas_toolkit.state.cache.tiers import TieredCache
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.connection import RedisConnection
from tests.fakes.calls import make_call
from tests.fakes.clock import FakeClock
from tests.fakes.data_servers import RedisServer, running
from tests.fakes.redis_arrangements import redis_cli

ANSWER = Answer(variables={"total": 1}, source="main")


class Clock(FakeClock):
    """Waiting lets the other greenlets run, and does what the test has planned for this wait."""

    def __init__(self):
        super().__init__(epoch=SystemClock().epoch())
        self.plan = {}

    def sleep(self, seconds):
        super().sleep(seconds)
        self.plan.get(len(self.slept), lambda: None)()
        gevent.sleep(0.001)


class Upstream:
    """A source that answers when the test lets it."""

    def __init__(self, result=ANSWER):
        self.result = result
        self.asked = 0
        self.go_on = Event()

    def __call__(self, call):
        self.asked += 1
        assert self.go_on.wait(20)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(RedisServer, tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def process(server, clock):
    redis_cli(server.port, "FLUSHALL")
    opened = []

    def build(stale=0.0):
        guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"})
        opened.append(RedisConnection(address=RedisAddress.parse(server.url), guard=guard, clock=clock))
        return Cache(
            store=TieredCache(
                near=MemoryCache(clock=clock),
                shared=RedisCache(connection=opened[-1], clock=clock),
                spawn=InlineOffload().spawn,
                near_seconds=300,
            ),
            memory=TieredCache(near=MemoryCache(clock=clock), spawn=InlineOffload().spawn),
            outcomes=None,
            traits=lambda call: Traits(fresh_for=300),
            catalog_hash="catalog",
            lifetimes=Lifetimes(stale=stale),
            refreshes=Refreshes(spawn=gevent.spawn, audit=lambda call, proceed: proceed(call), clock=clock),
        )

    yield build
    for connection in opened:
        connection.close()


def lease(server):
    return [key for key in redis_cli(server.port, "KEYS", "*").split() if key.endswith(":lease")]


def test_equal_reads_in_many_processes_ask_once(process, clock):
    upstream = Upstream()
    clock.plan[12] = upstream.go_on.set  # when all others have looked more than once
    calls = [make_call(clock=clock) for _ in range(6)]
    answers = [gevent.spawn(process(), call, upstream) for call in calls]
    gevent.joinall(answers, timeout=20, raise_error=True)

    assert [each.value for each in answers] == [ANSWER] * 6
    assert upstream.asked == 1
    assert sorted(call.record.tier for call in calls) == ["miss", *["redis"] * 5]


def test_a_follower_keeps_its_own_deadline(process, clock):
    upstream = Upstream()
    leader = gevent.spawn(process(), make_call(clock=clock), upstream)
    while not upstream.asked:
        gevent.sleep(0.001)
    hurried = make_call(clock=clock)
    object.__setattr__(hurried, "deadlines", Deadlines.start(clock, first_content=2))
    with pytest.raises(TimeoutUnknown, match="another process"):
        process()(hurried, upstream)
    upstream.go_on.set()
    assert leader.get(timeout=20) == ANSWER
    assert upstream.asked == 1


def test_after_a_leader_that_died_another_process_leads(process, clock, server):
    dead = Upstream()
    leader = gevent.spawn(process(), make_call(clock=clock), dead)
    while not dead.asked:
        gevent.sleep(0.001)
    (key,) = lease(server)
    assert 0 < int(redis_cli(server.port, "PTTL", key)) <= LEASE_SECONDS * 1_000
    clock.plan[3] = lambda: redis_cli(server.port, "DEL", key)  # as its expiry does

    alive = Upstream()
    alive.go_on.set()
    assert process()(make_call(clock=clock), alive) == ANSWER
    assert alive.asked == 1
    assert len(clock.slept) == 3

    dead.result = Answer(variables={"total": 0}, source="too late")
    dead.go_on.set()
    leader.get(timeout=20)
    assert process()(make_call(clock=clock), Upstream()) == ANSWER


@pytest.mark.parametrize(
    "result", [Unavailable("Down."), Answer(variables={"total": 1}, source="main", partial=True)], ids=["failure", "partial"]
)
def test_after_a_leader_without_a_value_the_others_do_not_queue(process, clock, result):
    upstream = Upstream(result)
    clock.plan[6] = upstream.go_on.set
    asking = [gevent.spawn(process(), make_call(clock=clock), upstream) for _ in range(4)]
    gevent.joinall(asking, timeout=20)
    assert all(each.ready() for each in asking)
    assert upstream.asked == 4
    assert max(clock.slept) <= 0.25


def test_while_redis_is_away_each_process_asks_for_itself(tmp_path, process, clock, server):
    upstream = Upstream()
    upstream.go_on.set()
    policies = [process(), process()]
    server.kill()
    try:
        for policy in policies:
            assert policy(make_call(clock=clock), upstream) == ANSWER
            assert policy(make_call(clock=clock), upstream) == ANSWER
    finally:
        server.start()
    assert upstream.asked == 2


def test_an_answer_past_its_time_is_renewed_by_one_process(process, clock):
    upstream = Upstream()
    upstream.go_on.set()
    policies = [process(stale=60) for _ in range(4)]
    policies[0](make_call(clock=clock), upstream)
    clock.advance(301)
    upstream.go_on.clear()
    calls = [make_call(clock=clock) for _ in policies]
    for policy, call in zip(policies, calls, strict=True):
        assert policy(call, upstream) == ANSWER
    assert all(call.record.stale for call in calls)
    gevent.sleep(0.05)  # lets every refresh look for the lease; not a condition of any assertion
    upstream.go_on.set()
    gevent.sleep(0.05)
    assert upstream.asked == 2
