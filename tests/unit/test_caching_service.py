"""The cache in the whole service, over a real Redis and a function that counts: tiers, restarts, warming, diagnosis."""

import json
from dataclasses import replace

import pytest

from faas_toolkit.core.call import ApiClient, Origin, Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.errors import Forbidden, InvalidInput, Throttled
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.pipeline.audit_row import RowWriter
from faas_toolkit.service import Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.clock import FakeClock
from tests.fakes.data_servers import RedisServer, running
from tests.fakes.host import FakeHost
from tests.fakes.redis_arrangements import redis_cli
from tests.fakes.servers import serving

SCORE = {"function": "score", "arguments": {"customer": "c1"}}
CALL = {"tool": "function_call", "arguments": SCORE}


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with running(RedisServer, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def clock():
    return FakeClock(epoch=SystemClock().epoch())


@pytest.fixture
def function():
    """A function that says how often it was asked; `status` changes how it answers."""

    def answer(exchange):
        server.asked += 1
        exchange.answer(json.dumps({"asked": server.asked}).encode(), status=server.status)

    with serving(answer) as server:
        server.asked, server.status = 0, "200 OK"
        yield server


@pytest.fixture
def catalog(function):
    one = {"platform": "http", "target": {"url": f"http://127.0.0.1:{function.port}/"}, "max_attempts": 1, "breaker": False}
    granted = {"crm": {"sources": ["*"]}, "functions": ["*"], "knowledge": ["*"]}
    reads = ["crm.read", "knowledge.read", "function.call"]
    return {
        "version": 1,
        "audit": {"write": "fast"},
        "roles": {
            "member": {"allow": reads, **granted},
            "admin": {"allow": [*reads, "admin.write"], **granted, "functions": ["*", "act"]},
        },
        "functions": {"score": {**one, "cache": "5m"}, "fresh": one, "act": {**one, "effects": "once"}},
    }


@pytest.fixture
def rows(monkeypatch):
    """The audit rows before they are sealed."""
    written = []

    def describe(self, *call):
        written.append(described(self, *call))
        return written[-1]

    described = RowWriter.__call__
    monkeypatch.setattr(RowWriter, "__call__", describe)
    return written


class Plugin:
    """A process of the plugin, over a data directory."""

    def __init__(self, folder, clock, catalog, function, redis_url=""):
        environment = {"FAAS_TOOLKIT_DATA_DIR": str(folder)}
        environment["FAAS_TOOLKIT_NETWORK_ALLOW"] = f"http://127.0.0.1:{function.port},127.0.0.1/32"
        self.process = Process(clock=clock, offload=InlineOffload(), environment=environment, working_directory=folder)
        self.service = Service(self.process)
        self.settings = RuntimeSettings(catalog=json.dumps(catalog), redis_url=redis_url)

    def ask(self, operation="function.call", acting="member", workspace="a", **arguments):
        origin = Origin(
            workspace=Workspace(workspace * 32, b"k" * 32), surface="gateway", client=ApiClient(name="c", role=acting)
        )
        asked = arguments or SCORE
        request = Request(operation=operation_named(operation), arguments=asked, origin=origin, host=FakeHost())
        return self.service.run(self.settings, request)

    def close(self):
        self.service.close()
        self.process.embedded.database.close()
        self.process.embedded.disk_cache.close()


@pytest.fixture
def plugin(tmp_path, clock, catalog, function):
    made = []

    def start(folder="data", redis_url="", **changes):
        made.append(Plugin(tmp_path / folder, clock, {**catalog, **changes}, function, redis_url))
        return made[-1]

    (tmp_path / "data").mkdir()
    yield start
    for each in made:
        each.close()


def told(outcome):
    return [line for line in outcome.meta["decisions"] if line.startswith("cache")]


# ---- tiers


def test_after_a_restart_the_disk_answers_then_memory(plugin, function):
    plugin().ask()
    restarted = plugin()
    assert told(restarted.ask()) == ["cache: hit (disk)"]
    assert told(restarted.ask()) == ["cache: hit (memory)"]
    assert function.asked == 1


def test_processes_on_one_database_share_what_redis_has(plugin, function, redis):
    redis_cli(redis.port, "FLUSHALL")
    alone = {"cold": {"kind": "none"}}
    plugin(redis_url=redis.url, cache=alone).ask()
    other = plugin(redis_url=redis.url, cache=alone)
    assert told(other.ask()) == ["cache: hit (redis)"]
    assert told(other.ask(workspace="b")) == ["cache: miss"]
    assert function.asked == 2


def test_after_flushall_the_colder_tier_answers_and_fills_redis_again(plugin, function, redis):
    redis_cli(redis.port, "FLUSHALL")
    plugin(redis_url=redis.url).ask()
    redis_cli(redis.port, "FLUSHALL")
    assert told(plugin(redis_url=redis.url).ask()) == ["cache: hit (disk)"]
    assert told(plugin(redis_url=redis.url).ask()) == ["cache: hit (redis)"]
    assert function.asked == 1


def test_without_a_cold_tier_nothing_outlives_the_process(plugin, function):
    plugin(cache={"cold": {"kind": "none"}}).ask()
    assert told(plugin(cache={"cold": {"kind": "none"}}).ask()) == ["cache: miss"]
    assert function.asked == 2


def test_an_answer_that_is_kept_for_an_hour_stays_in_memory_where_nothing_is_behind_it(plugin, function, catalog, clock):
    score = {**catalog["functions"]["score"], "cache": "1h"}
    started = plugin(cache={"cold": {"kind": "none"}}, functions={**catalog["functions"], "score": score})
    started.ask()
    clock.advance(3_599)
    assert told(started.ask()) == ["cache: hit (memory)"]


def test_a_bucket_that_is_away_fails_no_call_and_diagnose_says_so(plugin, function):
    cold = {"kind": "s3", "endpoint": "https://127.0.0.1:9", "bucket": "answers"}
    cold["auth"] = {"access_key_id": "${secret:id}", "secret_access_key": "${secret:key}"}
    started = plugin(cache={"cold": cold})
    started.settings = replace(started.settings, secrets=(("id", "example-id"), ("key", "example-key")))
    assert told(started.ask()) == ["cache: miss"]
    assert told(started.ask()) == ["cache: hit (memory)"]
    report = started.ask("workspace.diagnose", check="storage").text
    assert "memory, then s3; 2 looks of this workspace in this process: miss 50%, memory 50%." in report
    assert "[WARNING] storage cache in s3: It is left alone for a moment" in report
    assert "example-" not in report


def test_another_version_of_the_plugin_does_not_share_answers(plugin, function, monkeypatch):
    plugin().ask()
    monkeypatch.setattr("faas_toolkit.policies.VERSION", "99.0.0")
    assert told(plugin().ask()) == ["cache: miss"]


# ---- stale and negative answers


def test_an_answer_past_its_time_is_marked_and_renewed(plugin, function, rows, clock):
    started = plugin(cache={"stale": "60s"})
    assert started.ask().meta["stale"] is False
    clock.advance(301)
    old = started.ask()
    assert (old.variables["data"], old.meta["stale"], old.meta["cached"]) == ({"asked": 1}, True, True)
    assert started.ask().variables["data"] == {"asked": 2}
    asked = [row["request"] for row in rows if "cache: refresh" in map(str, row["decisions"])]
    assert asked == [f"{old.meta['request_id']}-refresh"]


def test_a_configuration_that_is_retired_stays_open_while_it_renews_an_answer(plugin, function, clock):
    class Later(InlineOffload):
        work = ()

        def spawn(self, work):
            self.work = (*self.work, work)

    started = plugin(cache={"stale": "60s", "cold": {"kind": "none"}})
    offload = Later()
    object.__setattr__(started.process, "offload", offload)
    started.ask()
    clock.advance(301)
    assert started.ask().meta["stale"] is True
    with started.service._lease(started.settings, "a" * 32) as runtime:
        closed = []
        runtime._families.close = lambda: closed.append(1)
    started.service.close()
    assert closed == []
    refresh = next(work for work in offload.work if "Background" in work.__qualname__)
    refresh()
    assert closed == [1]
    assert function.asked == 2


# ---- warming


def warm(plugin, *calls, acting="admin", **more):
    return plugin.ask("cache.warm", acting, calls=list(calls), **more)


def test_answers_are_ready_for_the_callers_of_the_role(plugin, function):
    started = plugin()
    done = warm(
        started, CALL, {"operation": "function.call", "arguments": {**SCORE, "arguments": {"customer": "c2"}}}, role="member"
    )
    assert (done.variables["warmed"], done.variables["kept"]) == (2, 0)
    assert told(started.ask()) == ["cache: hit (memory)"]
    again = warm(started, CALL, role="member")
    assert (again.variables["warmed"], again.variables["kept"]) == (0, 1)
    assert function.asked == 2


def test_without_a_role_they_are_ready_for_callers_with_the_rights_of_the_one_who_warmed(plugin, function):
    started = plugin()
    assert warm(started, CALL).variables["warmed"] == 1
    assert told(started.ask()) == ["cache: miss"]
    assert told(started.ask(acting="admin")) == ["cache: hit (memory)"]


def test_what_is_never_kept_is_not_even_run(plugin, function):
    act = {"tool": "function_call", "arguments": {"function": "act", "idempotency_key": "k"}}
    fresh = {"tool": "function_call", "arguments": {"function": "fresh"}}
    calls = [act, fresh, {"tool": "knowledge_remove", "arguments": {"document": "notes:1"}}, {"tool": "diagnose"}]
    done = warm(plugin(), *calls, {"tool": "cache_warm", "arguments": {"calls": [CALL]}})
    outcomes = [row["outcome"] for row in done.variables["report"]]
    assert outcomes == ["skipped", "skipped", "failed", "skipped", "skipped"]
    assert "knowledge.write" in done.variables["report"][2]["message"]
    assert function.asked == 0


def test_each_passes_the_whole_front_and_has_its_row(plugin, function, rows):
    quota = [{"of": "requests", "limit": 2, "per": "60s", "by": ["role"]}]
    started = plugin(limits=quota)
    calls = [{"tool": "function_call", "arguments": {**SCORE, "arguments": {"customer": f"c{number}"}}} for number in range(3)]
    done = warm(started, *calls, {"tool": "crm_lookup", "arguments": {"limit": 99}}, role="member")
    assert (done.variables["warmed"], done.variables["failed"]) == (2, 2)
    assert {row["kind"] for row in done.variables["report"] if row["outcome"] == "failed"} == {"throttled", "invalid_input"}
    assert isinstance(started.ask().failure, Throttled)
    found = [row for row in rows if row["request"].startswith(done.meta["request_id"])]
    assert sorted(row["outcome"] for row in found) == ["invalid_input", "ok", "ok", "ok", "throttled"]
    assert {row["subject"] for row in found if row["outcome"] != "invalid_input"} == {"client:c"}


def test_answers_are_not_told(plugin, function):
    done = warm(plugin(), CALL)
    assert "asked" not in done.text + json.dumps(done.variables)


def test_a_failure_of_the_function_is_told(plugin, function):
    function.status = "503 Service Unavailable"
    done = warm(plugin(), CALL)
    assert done.variables["failed"] == 1
    assert done.text.startswith("Answers kept ready: 0 warmed, 0 kept, 1 failed, 0 skipped.\n- call 1 (function_call) failed: ")


def test_when_time_is_up_the_rest_is_skipped(plugin, function, catalog, clock):
    def slow(exchange):
        clock.advance(30)
        exchange.answer(b"{}")

    with serving(slow) as server:
        score = {"platform": "http", "target": {"url": f"http://127.0.0.1:{server.port}/"}, "cache": "5m", "timeout": "60s"}
        started = plugin(functions={**catalog["functions"], "score": score})
        started.process.environment["FAAS_TOOLKIT_NETWORK_ALLOW"] += f",http://127.0.0.1:{server.port}"
        calls = [{"tool": "function_call", "arguments": {**SCORE, "arguments": {"customer": f"c{n}"}}} for n in range(20)]
        done = warm(started, *calls)
    assert done.variables["skipped"] >= 10
    assert sum(done.variables[outcome] for outcome in ("warmed", "kept", "failed", "skipped")) == 20
    assert "another call" in done.text


def test_it_needs_the_grant(plugin, function):
    refused = warm(plugin(), CALL, acting="member")
    assert isinstance(refused.failure, Forbidden)
    assert "admin.write" in refused.failure.message
    assert function.asked == 0


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ([], "1 to 200"),
        ([CALL] * 201, "1 to 200"),
        ([CALL, "crm_lookup"], "Call 2 is no JSON object"),
        ([{"tool": "crm_lokup"}], "Did you mean 'crm_lookup'"),
        ([{"tool": None}], "names no tool"),
        ([{"tool": "\ud800"}], "surrogate"),
        ([{"tool": "crm_lookup", "arguments": "{}"}], "no JSON object"),
        ([{"tool": "crm_lookup", "args": {}}], "takes tool and arguments"),
        ([CALL, *[{"tool": "x"}] * 9], "There are 4 more"),
    ],
)
def test_a_list_that_is_none_is_refused_whole(plugin, function, calls, said):
    refused = warm(plugin(), *calls)
    assert isinstance(refused.failure, InvalidInput)
    assert said in refused.failure.message
    assert function.asked == 0


def test_a_role_that_is_not_there_is_refused(plugin, function):
    refused = warm(plugin(), CALL, role="membr")
    assert "Did you mean 'member'" in refused.failure.message
    assert function.asked == 0
