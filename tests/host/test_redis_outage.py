"""Redis is killed and started again under a steady load on the plugin as a process."""

import json
import time
from collections import Counter
from pathlib import Path

import gevent
import pytest

from tests.fakes.data_servers import RedisServer, running
from tests.fakes.redis_arrangements import redis_cli
from workbench.host import PluginHost

ROOT = Path(__file__).parents[2]
PER_SECOND = 50


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path_factory.mktemp("data")), "FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"}
    with PluginHost(ROOT, environment=environment) as host:
        yield host


@pytest.fixture
def redis(tmp_path):
    with running(RedisServer, tmp_path) as server:
        yield server


def credentials(redis, **said):
    catalog = {
        "version": 1,
        "roles": {"member": {"allow": ["crm.read"], "crm": {"sources": ["*"]}}},
        "crm": {"main": {"kind": "embedded", "limits": [{"requests": 100_000, "per": 60}, {"concurrency": 200}]}},
        "limits": [{"of": "requests", "limit": 100_000, "per": 60, "by": ["workspace"]}],
        **said,
    }
    return {"catalog": json.dumps(catalog), "redis_url": redis.url}


def asked(plugin, given, number, name="load"):
    return plugin.invoke_tool(
        "crm_lookup", {"query": f"person {number}", "on_error": "return"}, workspace=name, credentials=given, timeout=60
    )


def on_redis(redis):
    return redis_cli(redis.port, "KEYS", "*:crm:main")


@pytest.mark.parametrize(("away", "back"), [("kill", "start"), ("pause", "resume")])
def test_every_call_is_answered_while_redis_is_killed_or_hangs_and_comes_back(plugin, redis, until, away, back):
    given = credentials(redis)
    assert asked(plugin, given, 0).variables["ok"]
    assert on_redis(redis)
    events = {PER_SECOND: getattr(redis, away), 3 * PER_SECOND: getattr(redis, back)}
    calls, began = [], time.monotonic()
    for number in range(5 * PER_SECOND):
        events.get(number, lambda: None)()
        calls.append(gevent.spawn(asked, plugin, given, number + 1))
        gevent.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
    gevent.joinall(calls, raise_error=True, timeout=60)
    assert Counter((call.value.error, call.value.variables["ok"]) for call in calls) == {(None, True): 5 * PER_SECOND}
    numbers = iter(range(10_000, 20_000))
    until(lambda: asked(plugin, given, next(numbers)).variables["ok"] and on_redis(redis), seconds=10)


def test_where_the_catalog_says_closed_what_is_limited_is_a_clear_error_until_redis_is_back(plugin, redis, until):
    given = credentials(redis, state={"redis_gone": "closed"}, limits=[])
    assert asked(plugin, given, 0, "closed").variables["ok"]
    redis.kill()
    refused = asked(plugin, given, 1, "closed").variables
    assert (refused["ok"], refused["error"]["kind"], refused["error"]["retryable"]) == (False, "unavailable", True)
    assert "Redis does not answer" in refused["error"]["message"]
    report = plugin.invoke_tool("diagnose", {"check": "storage"}, workspace="closed", credentials=given, timeout=60).text
    assert "`state.redis_gone: closed`" in report
    redis.start()
    numbers = iter(range(10_000, 20_000))
    until(lambda: asked(plugin, given, next(numbers), "closed").variables["ok"], seconds=10)


def test_an_address_that_is_none_is_told_when_the_settings_are_saved(plugin, redis):
    reply = plugin.validate_credentials({**credentials(redis), "redis_url": "redis://h?no=1"})
    assert "redis_url" in reply.error.message
    assert plugin.validate_credentials(credentials(redis)).error is None
