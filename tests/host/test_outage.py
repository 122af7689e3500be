"""A whole node in trouble: Redis, then PostgreSQL are killed under load and come back, at last the plugin itself is killed."""

import json
import os
import signal
import time
from pathlib import Path

import gevent
import pytest
from sqlalchemy import select

from faas_toolkit.observe.audit_table import audit_rows
from tests.fakes.data_servers import PostgresServer, RedisServer, running
from tests.fakes.databases import server_database
from workbench.host import PluginHost
from workbench.session import HostFailure

ROOT = Path(__file__).parents[2]
PER_SECOND = 50
CLEAR = {"unavailable", "timeout_unknown", "throttled"}
CATALOG = {
    "version": 1,
    "audit": {"write": "durable"},
    "roles": {"member": {"allow": ["crm.read"], "crm": {"sources": ["*"]}}},
    "crm": {"main": {"kind": "embedded", "limits": [{"requests": 100_000, "per": 60}, {"concurrency": 200}]}},
    "limits": [{"of": "requests", "limit": 100_000, "per": 60, "by": ["workspace"]}],
}


@pytest.fixture
def redis(tmp_path):
    with running(RedisServer, tmp_path / "redis") as server:
        yield server


@pytest.fixture
def postgres(tmp_path):
    with running(PostgresServer, tmp_path / "postgres") as server:
        yield server


@pytest.fixture
def node(tmp_path):
    """Starts the plugin as one node would be started again: same data directory, same storage of Dify."""
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path / "data"), "FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"}
    hosts = []

    def start():
        hosts.append(PluginHost(ROOT, environment=environment, storage_folder=tmp_path / "storage"))
        hosts[-1].start()
        return hosts[-1]

    yield start
    for host in hosts:
        host.stop()


class Call:
    """One lookup; the plugin may die before it is answered."""

    def __init__(self, plugin, given, number) -> None:
        self.began = time.monotonic()
        try:
            reply = plugin.invoke_tool(
                "crm_lookup", {"query": f"person {number}", "on_error": "return"}, credentials=given, timeout=60
            )
        except HostFailure:
            self.variables = None
            return
        self.seconds = time.monotonic() - self.began
        self.error = reply.error
        self.variables = reply.variables

    @property
    def ok(self):
        return self.variables is not None and self.variables.get("ok") is True


def audited(postgres):
    database = server_database(postgres.url)
    contents = database.read(lambda connection: connection.execute(select(audit_rows.c.content)).scalars().all())
    database.close()
    return {json.loads(content)["request"] for content in contents}


def test_answers_are_right_or_clear_all_recovers_and_no_audit_row_of_an_answered_call_is_missing(node, redis, postgres, until):
    given = {"catalog": json.dumps(CATALOG), "redis_url": redis.url, "database_url": postgres.url}
    plugin = node()
    assert Call(plugin, given, 0).ok
    made = under_load(plugin, given, {1: redis.kill, 2: redis.start, 3: postgres.kill, 5: postgres.start}, seconds=12)
    assert [call.error for call in made if call.error is not None] == []
    refused = [call.variables["error"] for call in made if not call.ok]
    assert {failure["kind"] for failure in refused} <= CLEAR, refused
    assert all(failure["message"] and "Traceback" not in failure["message"] for failure in refused)
    assert max(call.seconds for call in made) < 55
    until(lambda: Call(plugin, given, 10_000 + int(time.monotonic())).ok, seconds=60)  # it recovers unaided

    last = killed_while_the_database_is_away(plugin, given, postgres)
    wanted = {call.variables["meta"]["request_id"] for call in [*made, *last] if call.ok}
    again = node()
    until(lambda: Call(again, given, 20_000 + int(time.monotonic())).ok and not wanted - audited(postgres), seconds=60)


def under_load(plugin, given, events, seconds):
    calls, began = [], time.monotonic()
    for number in range(seconds * PER_SECOND):
        if number % PER_SECOND == 0:
            events.get(number // PER_SECOND, lambda: None)()
        calls.append(gevent.spawn(Call, plugin, given, number + 1))
        gevent.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
    gevent.joinall(calls, raise_error=True, timeout=90)
    return [call.value for call in calls]


def killed_while_the_database_is_away(plugin, given, postgres):
    """What is answered last has its row on this node's disk only, when the plugin dies."""
    postgres.kill()
    last = [gevent.spawn(Call, plugin, given, 20_000 + number) for number in range(PER_SECOND)]
    gevent.sleep(1)
    os.kill(plugin.process.pid, signal.SIGKILL)
    gevent.joinall(last, timeout=90)
    plugin.stop()
    postgres.start()
    return [call.value for call in last]
