"""The cache in a real Redis: what lies there, what is believed of it, who leads, and what happens when Redis is away."""

import logging

import pytest
from redis import Redis

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept, Lead
from faas_toolkit.state.cache.redis import RedisCache
from faas_toolkit.state.cache.tiers import TieredCache
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.connection import RedisConnection
from tests.fakes.clock import FakeClock
from tests.fakes.data_servers import RedisServer, running
from tests.fakes.redis_arrangements import running_cluster
from tests.fakes.tampering import TAMPERED

ONE = Workspace("workspace-one", bytes(range(32)))
OTHER = Workspace("workspace-other", bytes(range(32)))
LONG = 20.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(RedisServer, tmp_path_factory.mktemp("redis")) as redis:
        yield redis


@pytest.fixture
def raw(server):
    """As an operator sees it."""
    client = Redis(port=server.port)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def clock():
    return FakeClock(epoch=SystemClock().epoch())


@pytest.fixture
def process(server, raw, clock):
    """Builds the cache of one more process."""
    opened = []

    def build(url=server.url):
        guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"})
        opened.append(RedisConnection(address=RedisAddress.parse(url), guard=guard, clock=clock))
        return RedisCache(connection=opened[-1], clock=clock)

    yield build
    for connection in opened:
        connection.close()


def value_of(cache, workspace, name):
    kept = cache.get(workspace, name)
    return kept and kept.value


# ---- what lies there


def test_nothing_but_the_workspace_s_id_can_be_read_there(process, raw):
    process().put(ONE, "the name", Kept(b"the value", 60))
    (key,) = raw.keys()
    assert key.startswith(b"{workspace-one}:cache:")
    assert len(key) == len(b"{workspace-one}:cache:") + 64
    for clear in (b"the name", b"the value", ONE.key):
        assert clear not in key + raw.get(key)


def test_the_server_itself_drops_what_is_over(process, raw):
    process().put(ONE, "name", Kept(b"value", 60))
    (key,) = raw.keys()
    assert 58_000 < raw.pttl(key) <= 60_000


def test_who_makes_a_value_last_longer_in_redis_gains_nothing(process, raw, clock):
    cache = process()
    cache.put(ONE, "name", Kept(b"value", 60))
    (key,) = raw.keys()
    raw.persist(key)
    clock.advance(61)
    assert cache.get(ONE, "name") is None


@pytest.mark.parametrize("change", TAMPERED)
def test_what_was_tampered_with_is_a_miss(process, raw, change):
    cache = process()
    cache.put(ONE, "name", Kept(b"value", 60))
    (key,) = raw.keys()
    raw.set(key, change(raw.get(key)))
    assert cache.get(ONE, "name") is None
    assert cache.problem == ""


def test_a_value_in_anothers_place_is_a_miss(process, raw):
    cache = process()
    cache.put(ONE, "mine", Kept(b"value", 60))
    (mine,) = raw.keys()
    sealed = raw.get(mine)
    cache.put(ONE, "yours", Kept(b"other", 60))
    cache.put(OTHER, "mine", Kept(b"of the other", 60))
    for key in raw.scan_iter():
        raw.set(key, sealed)
    assert value_of(cache, ONE, "mine") == b"value"
    assert cache.get(ONE, "yours") is None
    assert cache.get(OTHER, "mine") is None


def test_a_workspace_with_another_key_finds_nothing(process):
    process().put(ONE, "name", Kept(b"value", 60))
    assert process().get(Workspace(ONE.id, bytes(32)), "name") is None


def test_something_else_under_its_key_is_a_miss(process, raw):
    cache = process()
    cache.put(ONE, "name", Kept(b"value", 60))
    (key,) = raw.keys()
    raw.delete(key)
    raw.lpush(key, "a list")
    assert cache.get(ONE, "name") is None


def test_a_value_above_the_bound_does_not_reach_redis(process, raw):
    process().put(ONE, "name", Kept(bytes(MAX_VALUE_BYTES + 1), 60))
    assert raw.keys() == []


def test_after_flushall_everything_goes_on(process, raw):
    cache = process()
    cache.put(ONE, "name", Kept(b"value", 60))
    token = cache.take(ONE, "other", LONG).token
    raw.flushall()
    raw.script_flush()
    assert cache.get(ONE, "name") is None
    assert cache.finish(ONE, "other", token, Kept(b"value", 60))
    assert value_of(cache, ONE, "other") == b"value"


# ---- who leads


def test_one_process_leads_and_the_others_are_given_its_value(process):
    one, two = process(), process()
    token = one.take(ONE, "name", LONG).token
    assert token
    assert two.take(ONE, "name", LONG) == Lead(None, None)
    assert one.finish(ONE, "name", token, Kept(b"value", 60))
    assert two.take(ONE, "name", LONG).kept.value == b"value"


def test_a_lease_is_one_workspace_s_own(process):
    cache = process()
    assert cache.take(ONE, "name", LONG).token
    assert cache.take(OTHER, "name", LONG).token
    assert cache.take(ONE, "another name", LONG).token


def test_a_leader_that_died_frees_by_expiry(process, raw):
    one, two = process(), process()
    one.take(ONE, "name", LONG)
    (lease,) = raw.keys()
    assert 18_000 < raw.pttl(lease) <= 20_000
    assert two.take(ONE, "name", LONG).token is None
    raw.delete(lease)  # as its expiry does
    assert two.take(ONE, "name", LONG).token


def test_a_late_leader_does_not_replace_a_newer_value(process, raw):
    late, new = process(), process()
    token = late.take(ONE, "name", LONG).token
    raw.flushall()  # its lease ended
    assert new.finish(ONE, "name", new.take(ONE, "name", LONG).token, Kept(b"newer", 60))
    assert not late.finish(ONE, "name", token, Kept(b"older", 60))
    assert value_of(new, ONE, "name") == b"newer"


def test_a_late_leader_does_not_end_the_lease_of_the_one_after_it(process, raw):
    late, new = process(), process()
    token = late.take(ONE, "name", LONG).token
    raw.flushall()
    newer = new.take(ONE, "name", LONG).token
    late.give_up(ONE, "name", token)
    late.finish(ONE, "name", token, Kept(b"older", 60))
    assert new.finish(ONE, "name", newer, Kept(b"newer", 60))
    assert value_of(new, ONE, "name") == b"newer"


def test_a_late_leader_s_own_memory_has_the_newer_value_too(process, raw, clock):
    late, new = process(), process()
    memory = MemoryCache(clock=clock)
    tiers = TieredCache(near=memory, shared=late, spawn=InlineOffload().spawn)
    token = tiers.take(ONE, "name", LONG).token
    raw.flushall()
    new.finish(ONE, "name", new.take(ONE, "name", LONG).token, Kept(b"newer", 60))
    tiers.put(ONE, "name", Kept(b"older", 60), token)
    assert value_of(memory, ONE, "name") == b"newer"


def test_after_a_leader_without_a_value_nobody_waits(process, raw):
    one, two = process(), process()
    one.give_up(ONE, "name", one.take(ONE, "name", LONG).token)
    assert two.take(ONE, "name", LONG) == Lead("", None)
    assert one.take(ONE, "name", LONG) == Lead("", None)
    (lease,) = raw.keys()
    assert 0 < raw.pttl(lease) <= 1_000


def test_on_a_cluster_value_and_lease_lie_on_one_server(process, tmp_path):
    with running_cluster(tmp_path) as servers:
        cache = process(f"redis+cluster://127.0.0.1:{servers[0].port}")
        for number in range(20):
            workspace = Workspace(f"workspace-{number}", bytes(32))
            token = cache.take(workspace, "name", LONG).token
            assert cache.finish(workspace, "name", token, Kept(b"value", 60))
            assert value_of(cache, workspace, "name") == b"value"
        assert cache.problem == ""


# ---- when it is away


def test_a_redis_that_is_away_fails_no_call_and_is_left_alone_for_a_moment(tmp_path, process, clock, caplog):
    with running(RedisServer, tmp_path) as redis:
        cache = process(redis.url)
        cache.put(ONE, "name", Kept(b"value", 60))
        redis.kill()
        with caplog.at_level(logging.WARNING):
            for _ in range(5):
                assert cache.get(ONE, "name") is None
                cache.put(ONE, "name", Kept(b"value", 60))
                assert cache.take(ONE, "name", LONG) == Lead("", None)
                cache.give_up(ONE, "name", "token")
        assert len(caplog.records) == 1
        assert "Redis" in cache.problem
        redis.start()
        clock.advance(2)
        cache.put(ONE, "name", Kept(b"value", 60))
        assert value_of(cache, ONE, "name") == b"value"


def test_what_the_guard_does_not_open_is_not_asked(server, clock):
    connection = RedisConnection(address=RedisAddress.parse(server.url), guard=EgressGuard(environment={}), clock=clock)
    cache = RedisCache(connection=connection, clock=clock)
    cache.put(ONE, "name", Kept(b"value", 60))
    assert cache.get(ONE, "name") is None
    assert "loopback" in cache.problem
