"""Connections to real Redis servers in each arrangement, and what is said when they fail."""

import re
from pathlib import Path
from urllib.parse import quote

import gevent
import pytest

from faas_toolkit.core.errors import Blocked, InvalidInput, Unavailable
from faas_toolkit.core.outbound import LimitLine, Target
from faas_toolkit.net.egress import OPERATOR_ALLOW, EgressGuard
from faas_toolkit.pipeline.gate_steps import Enter
from faas_toolkit.pipeline.script_forms import script_forms
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.cells import RedisCells
from faas_toolkit.state.redis.connection import TRY_EVERY, RedisConnection
from faas_toolkit.state.redis.script import Script
from tests.fakes.clock import FakeClock
from tests.fakes.data_servers import RedisServer, running
from tests.fakes.redis_arrangements import SentinelServer, TlsRedisServer, redis_cli, running_cluster

ROOT = Path(__file__).parents[3]
COUNT = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


def connect(url, *, clock=None, opened="127.0.0.1/32,::1/128", resolve=None):
    guard = EgressGuard(environment={OPERATOR_ALLOW: opened}, **({"resolve": resolve} if resolve else {}))
    return RedisConnection(address=RedisAddress.parse(url), guard=guard, clock=clock or FakeClock())


@pytest.fixture
def server(tmp_path):
    with running(RedisServer, tmp_path) as redis:
        yield redis


def test_commands_and_scripts_are_answered(server):
    redis = connect(server.url)
    assert redis.ask("k", "SET", "k", "1") == b"OK"
    assert redis.ask("k", "GET", "k") == b"1"
    assert redis.run(COUNT, ("k",), (5,)) == 6
    assert redis.run(COUNT, ("k",), (5,)) == 11


def test_a_script_that_the_server_forgot_is_sent_again(server):
    redis = connect(server.url)
    redis.run(COUNT, ("k",), (1,))
    redis_cli(server.port, "SCRIPT", "FLUSH")
    assert redis.run(COUNT, ("k",), (1,)) == 2


def test_the_database_of_the_url_is_the_one_that_is_asked(server):
    connect(server.url.replace("/0", "/5")).ask("k", "SET", "k", "1")
    assert redis_cli(server.port, "-n", "5", "GET", "k") == "1"


def test_a_user_name_and_a_password_are_shown(tmp_path):
    with running(lambda folder: RedisServer(folder, "--user", *["app", "on", ">p@ss", "~{*", "+@all"]), tmp_path) as server:
        with pytest.raises(Unavailable, match="refuses the user name or password"):
            connect(server.url.replace("//", "//app:wrong@")).ask("{w}", "GET", "{w}")
        assert connect(server.url.replace("//", "//app:p%40ss@")).ask("{w}", "GET", "{w}") is None


def test_what_the_user_may_not_do_is_said_and_does_not_count_as_away(tmp_path):
    with running(lambda folder: RedisServer(folder, "--user", *["app", "on", ">pw", "~{*", "+get"]), tmp_path) as server:
        redis = connect(server.url.replace("//", "//app:pw@"))
        with pytest.raises(Unavailable, match="what that user may do") as caught:
            redis.ask("{w}", "SET", "{w}", "1")
        assert not caught.value.retryable
        assert redis.ask("{w}", "GET", "{w}") is None


def test_the_user_that_the_pages_describe_may_do_what_a_decision_needs(tmp_path):
    page = (ROOT / "docs" / "redis.md").read_text()
    rights = re.search("The user of an ACL needs `([^`]+)`", page)[1].split()
    with running(lambda folder: RedisServer(folder, "--user", *["app", "on", ">pw", *rights]), tmp_path) as server:
        redis = connect(server.url.replace("//", "//app:pw@"))
        redis.check()
        line = Target(id="target", limits=(LimitLine("requests", 5, 10.0), LimitLine("concurrency", 2)))
        step = Enter(target=line, call="a", cost={}, first=True, patience=0, lease=1_000_000, probe_lease=1_000_000)
        assert RedisCells(redis, script_forms()).apply(("w:target",), step).outcome == "go"


def test_a_user_who_lacks_what_a_decision_needs_is_told_when_the_settings_are_checked(tmp_path):
    rights = ["~{*", "+@read", "+@write", "+@scripting", "+ping"]
    with running(lambda folder: RedisServer(folder, "--user", *["app", "on", ">pw", *rights]), tmp_path) as server:
        redis = connect(server.url.replace("//", "//app:pw@"))
        with pytest.raises(Unavailable, match="what that user may do") as caught:
            redis.check()
    assert "TIME" in caught.value.hint
    assert redis.away_since is None


def test_tls_checks_the_name_and_the_authority(tmp_path):
    with running(TlsRedisServer, tmp_path) as server:
        ours = f"?ca={quote(server.ca)}"
        assert connect(f"rediss://localhost:{server.tls_port}{ours}").ask("k", "PING") == b"PONG"
        for url in (f"rediss://127.0.0.1:{server.tls_port}{ours}", f"rediss://localhost:{server.tls_port}"):
            with pytest.raises(Unavailable, match="does not answer") as caught:
                connect(url).ask("k", "PING")
            assert caught.value.not_executed


def test_a_ca_that_is_no_certificate_is_refused_with_what_would_be_right():
    pem = quote("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(InvalidInput, match="no certificate"):
        connect(f"rediss://localhost:6379?ca={pem}")


def test_an_address_that_the_guard_does_not_open_is_never_connected_to(server):
    with pytest.raises(Blocked, match="no catalog opens"):
        connect(server.url, opened="").ask("k", "PING")


def test_the_connection_goes_to_the_checked_address_and_not_to_the_name(server):
    redis = connect(f"redis://redis.invalid:{server.port}", resolve=lambda host, port: ["127.0.0.1"])
    assert redis.ask("k", "PING") == b"PONG"


def test_the_next_address_is_tried_where_one_refuses(server):
    redis = connect(
        f"redis://redis.invalid:{server.port}", resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"], opened="127.0.0.0/8"
    )
    assert redis.ask("k", "PING") == b"PONG"


def test_a_name_without_an_address_is_asked_for_once_per_pause():
    asked = []

    def resolve(host, port):
        asked.append(host)
        raise OSError("no such name")

    redis = connect("redis://redis.invalid", resolve=resolve)
    for _ in range(3):
        with pytest.raises(Unavailable, match="cannot be resolved"):
            redis.ask("k", "PING")
    assert len(asked) == 1


def test_while_redis_is_away_one_call_per_pause_tries_and_the_others_fail_at_once(server):
    clock = FakeClock()
    redis = connect(server.url, clock=clock)
    redis.ask("k", "PING")
    server.kill()
    with pytest.raises(Unavailable):
        redis.ask("k", "PING")
    server.start()
    with pytest.raises(Unavailable) as caught:
        redis.ask("k", "PING")
    assert caught.value.not_executed
    assert 0 < caught.value.retry_after <= TRY_EVERY
    clock.advance(TRY_EVERY)
    assert redis.ask("k", "PING") == b"PONG"
    assert redis.away_since is None


def test_a_restart_between_two_commands_is_not_noticed(server):
    redis = connect(server.url)
    redis.ask("k", "PING")
    server.kill()
    server.start()
    assert redis.ask("k", "PING") == b"PONG"


def test_a_command_that_was_sent_and_not_answered_may_have_run(server):
    redis = connect(server.url)
    redis.ask("k", "PING")
    server.pause()
    try:
        with pytest.raises(Unavailable) as caught:
            redis.ask("k", "INCR", "k")
    finally:
        server.resume()
    assert not caught.value.not_executed


def test_nothing_is_sent_twice(server):
    clock = FakeClock()
    redis = connect(server.url, clock=clock)
    redis.ask("k", "PING")
    server.pause()
    with pytest.raises(Unavailable):
        redis.ask("k", "INCR", "k")
    server.resume()
    clock.advance(TRY_EVERY)
    assert redis.ask("k", "INCR", "k") == 2


def test_a_full_memory_is_said_also_when_it_is_checked(server):
    connect(server.url).check()
    redis_cli(server.port, "CONFIG", "SET", "maxmemory", "1")
    for refused in (lambda redis: redis.ask("k", "SET", "k", "1"), RedisConnection.check):
        with pytest.raises(Unavailable, match="no memory left"):
            refused(connect(server.url))


def test_many_greenlets_share_a_bounded_number_of_connections(server):
    redis = connect(server.url)
    jobs = [gevent.spawn(redis.run, COUNT, ("k",), (1,)) for _ in range(200)]
    gevent.joinall(jobs, raise_error=True)
    assert redis.ask("k", "GET", "k") == b"200"
    connected = next(
        line for line in redis_cli(server.port, "INFO", "clients").splitlines() if line.startswith("connected_clients:")
    )
    assert int(connected.partition(":")[2]) <= 34


def test_sentinels_lead_to_the_server_they_watch_and_to_its_successor(tmp_path):
    for name in ("first", "second", "sentinel"):
        (tmp_path / name).mkdir()
    clock = FakeClock()
    with running(RedisServer, tmp_path / "first") as first:
        follow = ("--replicaof", f"127.0.0.1 {first.port}", "--repl-diskless-sync-delay", "0")
        with (
            running(lambda folder: RedisServer(folder, *follow), tmp_path / "second") as second,
            running(lambda folder: SentinelServer(folder, first.port), tmp_path / "sentinel") as sentinel,
        ):
            redis = connect(f"redis+sentinel://127.0.0.1:{sentinel.port}/main/0", clock=clock)
            assert redis.ask("k", "SET", "k", "1") == b"OK"
            wait_until(lambda: "slaves=1" in redis_cli(sentinel.port, "INFO", "sentinel"))
            first.kill()
            with pytest.raises(Unavailable):
                redis.ask("k", "SET", "k", "2")
            wait_until(lambda: answered(redis, clock))
            assert redis_cli(second.port, "GET", "k") == "3"


def answered(redis, clock):
    clock.advance(TRY_EVERY)
    try:
        return redis.ask("k", "SET", "k", "3") == b"OK"
    except Unavailable:
        return False


def wait_until(fact, seconds=30):
    with gevent.Timeout(seconds):
        while not fact():
            gevent.sleep(0.1)


def test_a_host_that_a_sentinel_announces_passes_the_guard_too(tmp_path):
    (tmp_path / "sentinel").mkdir()
    with running(lambda folder: SentinelServer(folder, 6379), tmp_path / "sentinel") as sentinel:
        redis_cli(sentinel.port, "SENTINEL", "MONITOR", "other", "169.254.169.254", "6379", "1")
        with pytest.raises(Blocked, match="link-local"):
            connect(f"redis+sentinel://127.0.0.1:{sentinel.port}/other").ask("k", "PING")


def test_a_cluster_answers_for_every_workspace_and_after_a_slot_has_moved(tmp_path):
    with running_cluster(tmp_path) as nodes:
        redis = connect(f"redis+cluster://127.0.0.1:{nodes[0].port},127.0.0.1:{nodes[1].port}")
        keys = [f"{{workspace-{number}}}:k" for number in range(20)]
        assert [redis.run(COUNT, (key, f"{key}2"), (1,)) for key in keys] == [1] * 20
        move_slot(nodes, keys[0])
        assert redis.run(COUNT, (keys[0],), (1,)) == 2


def move_slot(nodes, key):
    slot = redis_cli(nodes[0].port, "CLUSTER", "KEYSLOT", key)
    ids = {node.port: redis_cli(node.port, "CLUSTER", "MYID") for node in nodes}
    owner = next(node for node in nodes if redis_cli(node.port, "GET", key) == "1")
    taker = next(node for node in nodes if node is not owner)
    redis_cli(taker.port, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[owner.port])
    redis_cli(owner.port, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[taker.port])
    redis_cli(owner.port, "MIGRATE", "127.0.0.1", str(taker.port), key, "0", "1000")
    for node in (taker, owner):
        redis_cli(node.port, "CLUSTER", "SETSLOT", slot, "NODE", ids[taker.port])


def test_a_cluster_that_is_named_like_one_server_is_said_to_be_one(tmp_path):
    with running_cluster(tmp_path) as nodes:
        redis = connect(f"redis://127.0.0.1:{nodes[0].port}")
        elsewhere = next(key for key in map(str, range(100)) if redis_cli(nodes[0].port, "GET", key).startswith("MOVED"))
        with pytest.raises(InvalidInput, match="node of a Cluster"):
            redis.ask(elsewhere, "GET", elsewhere)


def test_a_cluster_whose_nodes_are_not_opened_is_blocked():
    with pytest.raises(Blocked):
        connect("redis+cluster://127.0.0.1:7000", opened="").ask("k", "PING")
