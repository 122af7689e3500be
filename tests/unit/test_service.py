"""The life of runtimes: shared, leased, renewed, and the last good catalog."""

import json
import sqlite3
from contextlib import closing

import pytest

from faas_toolkit.core.call import ApiClient, Origin, Workspace
from faas_toolkit.core.errors import Throttled, Unavailable
from faas_toolkit.core.host import Generated
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.net.freshness import max_age_of
from faas_toolkit.observe.audit_person import PersonalParts
from faas_toolkit.runtime import Runtime
from faas_toolkit.service import Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.host import FakeHost, FakeModels

GOOD = '{"version": 1, "audit": {"write": "fast"}}'
OTHER = '{"version": 1, "audit": {"write": "fast"}, "limits": [{"of": "requests", "limit": 900, "per": "60s", "by": ["user"]}]}'


@pytest.fixture
def process(clock, tmp_path):
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path), "FAAS_TOOLKIT_CATALOG_DIR": str(tmp_path)}
    return Process(clock=clock, offload=InlineOffload(), environment=environment, working_directory=tmp_path)


@pytest.fixture
def service(process):
    service = Service(process)
    yield service
    service.close()
    process.embedded.database.close()


@pytest.fixture
def ask(service):
    def call(catalog, *, workspace="a", operation="workspace.diagnose", **arguments):
        origin = Origin(workspace=Workspace(workspace * 32, b"k" * 32), surface="workflow", user_id="u", app_id="app")
        request = Request(operation=operation_named(operation), arguments=arguments, origin=origin, host=FakeHost())
        return service.run(RuntimeSettings(catalog=catalog), request)

    return call


def test_equal_settings_share_a_runtime_and_other_ones_do_not(ask):
    one, same, other = ask(GOOD), ask(GOOD, workspace="b"), ask(OTHER)
    assert one.meta["catalog"] == same.meta["catalog"]
    assert one.meta["catalog"] != other.meta["catalog"]


def test_a_caller_whose_id_is_an_address_is_masked_in_what_an_answer_tells_about_itself(service):
    origin = Origin(workspace=Workspace("a" * 32, b"k" * 32), surface="workflow", user_id="zoe@private.example", app_id="app")
    request = Request(operation=operation_named("workspace.diagnose"), arguments={}, origin=origin, host=FakeHost())
    told = service.run(RuntimeSettings(catalog=FUNCTIONS, secrets=(("token", "the-token-of-this-test"),)), request)
    assert told.meta["decisions"][0] == "access: dify:z***@private.example (member)"


def test_a_broken_catalog_without_a_good_one_is_every_answer_but_diagnoses(ask):
    refused = ask("{", operation="workspace.capabilities")
    assert isinstance(refused.failure, Unavailable)
    assert not refused.failure.retryable
    told = ask("{", check="catalog")
    assert told.failure is None
    assert "error 1" in told.text


def test_a_large_answer_gives_way_while_it_is_masked_and_redacted(process, ask, monkeypatch):
    turns = []
    monkeypatch.setattr(process.offload, "give_way", lambda: turns.append(1))
    function = {"platform": "http", "target": {"url": "https://functions.example.com/"}, "describe": "word " * 40}
    catalog = {
        "version": 1,
        "audit": {"write": "fast"},
        "roles": {"member": {"allow": ["function.call"], "functions": ["*"]}},
        "functions": {f"function_{number}": function for number in range(400)},
    }
    assert ask(json.dumps(catalog), operation="workspace.capabilities").failure is None
    assert turns == []
    reviewed = json.dumps({**catalog, "review": {"detect": ["email", "phone"]}})
    assert ask(reviewed, operation="workspace.capabilities").failure is None
    assert turns


def test_the_last_good_catalog_stays_in_force_for_its_own_workspace_only(ask):
    good = ask(GOOD, operation="workspace.capabilities")
    after = ask("{", operation="workspace.capabilities")
    assert after.failure is None
    assert after.meta["catalog"] == good.meta["catalog"]
    assert "last good one" in after.meta["catalog_status"]
    assert ask("{", workspace="b", operation="workspace.capabilities").failure is not None


def test_diagnose_tells_what_is_wrong_while_the_last_good_one_is_in_force(ask):
    ask(GOOD)
    told = ask('{"version": 1, "functionz": {}}', check="catalog")
    assert "functionz" in told.text


def test_a_file_that_changes_is_read_anew_and_one_that_breaks_is_reported(ask, clock, tmp_path):
    (tmp_path / "team.yaml").write_text(GOOD)
    first = ask("file:team.yaml").meta
    (tmp_path / "team.yaml").write_text(OTHER)
    clock.advance(3_600)
    second = ask("file:team.yaml").meta
    assert second["catalog"] != first["catalog"]
    (tmp_path / "team.yaml").write_text("{")
    clock.advance(3_600)
    third = ask("file:team.yaml")
    assert third.failure is None
    assert third.meta["catalog"] == second["catalog"]
    assert "catalog_status" in third.meta
    (tmp_path / "team.yaml").write_text(OTHER)
    clock.advance(3_600)
    assert "catalog_status" not in ask("file:team.yaml").meta


@pytest.mark.parametrize("texts", [(GOOD, GOOD), (GOOD, OTHER), (GOOD, "{"), ("{", GOOD)])
def test_a_catalog_that_is_read_anew_leases_the_servers_of_its_settings_once(service, process, clock, tmp_path, texts):
    settings = RuntimeSettings(catalog="file:team.yaml", redis_url="redis://127.0.0.1:1")
    origin = Origin(workspace=Workspace("a" * 32, b"k" * 32), surface="workflow", user_id="u", app_id="app")
    request = Request(operation=operation_named("workspace.capabilities"), arguments={}, origin=origin, host=FakeHost())
    for text in (*texts, *texts):
        (tmp_path / "team.yaml").write_text(text)
        service.run(settings, request)
        clock.advance(60)
    assert sum(shared.leases for shared in process._shared.values()) == len(service._kept)
    service.close()
    assert process._shared == {}


def test_a_file_that_was_missing_is_found_when_it_is_there(ask, clock, tmp_path):
    assert ask("file:late.yaml", operation="workspace.capabilities").failure is not None
    (tmp_path / "late.yaml").write_text(GOOD)
    clock.advance(60)
    assert ask("file:late.yaml", operation="workspace.capabilities").failure is None


def test_more_configurations_than_are_kept_close_the_oldest(service, ask):
    for number in range(70):
        ask(GOOD.replace("}}", f', "keep": "{number + 1}d"}}}}'))
    assert len(service._kept) == 64


def closings(service, monkeypatch):
    closed = []
    monkeypatch.setattr(Runtime, "close", lambda runtime: closed.append(runtime.loaded.hash))
    return closed


def test_what_nobody_asked_for_a_quarter_of_an_hour_is_closed_when_another_call_comes_along(service, ask, clock, monkeypatch):
    closed = closings(service, monkeypatch)
    idle = ask(GOOD).meta["catalog"]
    clock.advance(899)
    busy = ask(OTHER).meta["catalog"]
    assert closed == []
    clock.advance(1)
    ask(OTHER)
    assert [each[:12] for each in closed] == [idle]
    assert [kept.runtime.loaded.hash[:12] for kept in service._kept.values()] == [busy]
    assert ask(GOOD).failure is None  # made anew


def test_a_runtime_that_is_leased_is_not_idle_however_long_it_takes(service, stream, ask, clock, monkeypatch):
    closed = closings(service, monkeypatch)
    items = stream(Generated(text="I am"), Generated(text=" fine"))
    assert next(items) == "I am"
    ask(GOOD)
    clock.advance(2_000)
    ask(OTHER)
    assert len(closed) == 1  # the other idle one, although the leased one is the oldest
    assert len(service._kept) == 2
    assert list(items)[-1].failure is None
    assert len(closed) == 1  # its end counts as use
    clock.advance(900)
    ask(OTHER)
    assert len(closed) == 2


def test_two_calls_that_read_the_same_catalog_at_once_leave_one_runtime(service, ask, monkeypatch):
    closed = closings(service, monkeypatch)
    load = Service._load

    def slow(self, settings):
        monkeypatch.setattr(Service, "_load", load)
        ask(GOOD)  # another call comes along while this one reads
        return load(self, settings)

    monkeypatch.setattr(Service, "_load", slow)
    ask(GOOD)
    assert (len(closed), len(service._kept)) == (1, 1)


def test_a_call_is_answered_whose_runtime_is_pushed_out_while_it_reads_its_catalog(service, ask, clock, tmp_path, monkeypatch):
    (tmp_path / "catalog.yaml").write_text(GOOD)
    ask("file:catalog.yaml")
    clock.advance(60)
    load = Service._load

    def slow(self, settings):
        monkeypatch.setattr(Service, "_load", load)
        for number in range(70):  # so many other configurations come along while this one reads
            ask(GOOD.replace("}}", f', "keep": "{number + 1}d"}}}}'))
        return load(self, settings)

    monkeypatch.setattr(Service, "_load", slow)
    assert ask("file:catalog.yaml").failure is None
    assert len(service._kept) == 64


def test_the_runtime_of_a_last_good_catalog_is_closed_when_idle_and_the_catalog_stays_known(service, ask, clock):
    ask(GOOD)
    good = ask("{", operation="workspace.capabilities").meta["catalog"]
    clock.advance(2_000)
    ask(OTHER, workspace="b")
    assert len(service._kept) == 1
    assert ask("{", operation="workspace.capabilities").meta["catalog"] == good


def test_a_packaged_catalog_is_in_force_where_the_setting_is_empty_and_the_setting_wins(ask, tmp_path):
    (tmp_path / "packaged_catalog.yaml").write_text(OTHER)
    assert ask("").meta["catalog"] == ask(OTHER).meta["catalog"] != ask(GOOD).meta["catalog"]
    assert "package, " in ask("", check="catalog").text


def test_a_packaged_catalog_that_lacks_its_secret_is_told_and_never_replaced_by_the_default(ask, tmp_path):
    (tmp_path / "packaged_catalog.yaml").write_text('{"version": 1, "review": {"refuse": [{"words": "${secret:list}"}]}}')
    refused = ask("", operation="workspace.capabilities")
    assert "list" in refused.failure.message
    assert ask(GOOD, workspace="b", operation="workspace.capabilities").failure is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 300.0),
        ("max-age=60", 60.0),
        ("public, max-age=10", 10.0),
        ("no-store", 300.0),
        ("max-age=x", 300.0),
        ("max-age=" + "9" * 30, 300.0),
    ],
)
def test_freshness_is_read_from_cache_control(header, seconds):
    assert max_age_of(header) == seconds


FUNCTIONS = """{"version": 1, "audit": {"write": "fast"}, "review": {"detect": ["email"]},
  "roles": {"member": {"allow": ["function.call"], "functions": ["score"]}, "guest": {}},
  "functions": {
    "score": {"platform": "http", "target": {"url": "https://f.example/s"}, "auth": {"bearer": "${secret:token}"},
      "describe": "Ask ana@example.com; the token is the-token-of-this-test",
      "arguments": {"type": "object", "properties": {"mail": {"type": "string", "examples": ["ana@example.com"]}}},
      "result": {"type": "object", "properties": {"score": {"type": "number"}}}},
    "hidden": {"platform": "http", "target": {"url": "https://f.example/h"}}}}"""


@pytest.fixture
def offered(service):
    def call(role="member", catalog=FUNCTIONS):
        client = ApiClient(name="agent", role=role)
        origin = Origin(workspace=Workspace("a" * 32, b"k" * 32), surface="gateway", client=client)
        settings = RuntimeSettings(catalog=catalog, secrets=(("token", "the-token-of-this-test"),))
        operation = operation_named("workspace.capabilities")
        return service.offer(settings, Request(operation=operation, arguments={}, origin=origin, host=FakeHost()))

    return call


def test_what_is_offered_is_what_the_role_may_use_unmasked_and_without_secrets(offered):
    offer = offered()
    assert offer.operations == ("function.call", "workspace.capabilities", "workspace.diagnose")
    (function,) = offer.functions
    assert function.name == "score"
    assert function.description == "Ask ana@example.com; the token is [secret]"
    assert function.arguments["properties"]["mail"]["examples"] == ["ana@example.com"]
    assert function.result == {"type": "object", "properties": {"score": {"type": "number"}}}


def test_who_may_nothing_is_offered_what_everyone_may_ask(offered):
    for role in ("guest", "gone"):
        offer = offered(role)
        assert (offer.operations, offer.functions) == (("workspace.capabilities", "workspace.diagnose"), ())


def test_nothing_is_offered_from_a_broken_catalog(offered):
    with pytest.raises(Unavailable, match="cannot be used"):
        offered(catalog="{")


def test_asking_what_is_offered_spends_the_caller_s_quota_and_is_written_down(offered, process):
    limited = FUNCTIONS.replace("fast", "durable").replace(
        '"version": 1,', '"version": 1, "limits": [{"of": "requests", "limit": 1, "per": "60s", "by": ["user"]}],'
    )
    offered(catalog=limited)
    with pytest.raises(Throttled):
        offered(catalog=limited)
    with closing(sqlite3.connect(process.data_directory.path / "toolkit.sqlite")) as store:
        rows = [json.loads(row) for (row,) in store.execute("SELECT content FROM audit_rows ORDER BY sequence")]
    workspace = Workspace("a" * 32, b"k" * 32)
    rows = PersonalParts(keys=process.embedded.data_keys, clock=process.clock, keep=1.0).open(workspace, rows)
    assert [(row["operation"], row["subject"], row["outcome"]) for row in rows] == [
        ("workspace.capabilities", "client:agent", "ok"),
        ("workspace.capabilities", "client:agent", "throttled"),
    ]


MODELS = """
version: 1
audit: {write: fast}
roles: {member: {allow: [model.use]}}
models: {pools: {chat: {deployments: [{name: house, kind: dify, provider: vendor/x/x, model: small}]}}}
"""


@pytest.fixture
def stream(service):
    def call(*pieces):
        origin = Origin(workspace=Workspace("a" * 32, b"k" * 32), surface="workflow", user_id="u", app_id="app")
        host = FakeHost(llm=FakeModels(small=list(pieces)))
        request = Request(operation=operation_named("model.generate"), arguments={"prompt": "Hi"}, origin=origin, host=host)
        return service.stream(RuntimeSettings(catalog=MODELS), request)

    return call


def leases(service):
    return sum(kept.leases for kept in service._kept.values())


def test_a_stream_is_handed_on_and_ends_with_an_outcome_that_holds_it_whole(stream, service):
    *pieces, outcome = stream(Generated(text="I am"), Generated(text=" fine"))
    assert pieces == ["I am", " fine"]
    assert (outcome.text, outcome.variables["answer"], outcome.source) == ("I am fine", "I am fine", "chat.house")
    assert leases(service) == 0


def test_a_stream_that_breaks_off_ends_with_its_failure(stream, service):
    *pieces, outcome = stream(Generated(text="I am"), Unavailable("It is away."))
    assert pieces == ["I am"]
    assert "incomplete" in outcome.failure.message
    assert outcome.meta["attempts"][0]["outcome"] == "unavailable"
    assert leases(service) == 0


def test_the_runtime_is_leased_while_a_stream_runs_and_given_back_when_the_reader_stops(stream, service):
    items = stream(Generated(text="I am"), Generated(text=" fine"))
    assert next(items) == "I am"
    assert leases(service) == 1
    items.close()
    assert leases(service) == 0


def test_a_stream_leaves_one_audit_row_with_its_tokens(stream, service, process):
    list(stream(Generated(text="I am"), Generated(finish_reason="stop", prompt_tokens=3, completion_tokens=2)))
    (kept,) = service._kept.values()
    kept.runtime._policies.log.close()
    rows = process.embedded.database.read(
        lambda connection: connection.exec_driver_sql("select * from audit_rows").mappings().all()
    )
    assert [(row["operation"], row["outcome"]) for row in rows] == [("model.generate", "ok")]
    content = json.loads(rows[0]["content"])
    assert (content["usage"], content["tokens"]) == ({"tokens": 5}, {"prompt": 3, "completion": 2})
    assert content["source"] == "chat.house"


@pytest.mark.parametrize(
    ("quota", "told"),
    [
        ("{of: tokens, limit: 1k, per: 1d}", "The quota of each user is used up: 1000 tokens in any 86400 s."),
        (
            "{of: cost, limit: 0.5, currency: CNY, per: 1d, by: [user, role]}",
            "The quota of each user and role is used up: 0.5 CNY in any 86400 s.",
        ),
    ],
)
def test_what_a_model_used_counts_on_the_catalog_s_quota_of_the_caller(service, quota, told):
    priced = MODELS.replace("model: small", "model: small, price: {currency: CNY, per: 1k tokens, input: 0.5, output: 0.5}")
    settings = RuntimeSettings(catalog=f"{priced}limits: [{quota}]\n")

    def ask(user="u"):
        origin = Origin(workspace=Workspace("a" * 32, b"k" * 32), surface="workflow", user_id=user, app_id="app")
        said = [Generated(text="so", model="m"), Generated(finish_reason="stop", prompt_tokens=20, completion_tokens=1_200)]
        request = Request(
            operation=operation_named("model.generate"),
            arguments={"prompt": "Hi"},
            origin=origin,
            host=FakeHost(llm=FakeModels(small=said)),
        )
        return service.run(settings, request)

    assert ask().failure is None
    refused = ask()
    assert refused.failure.kind == "throttled"
    assert refused.failure.message == told
    assert 86_000 < refused.failure.retry_after < 90_000
    assert ask("other").failure is None
