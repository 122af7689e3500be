"""However a call ends, the service leaves one row that says how; and one before each effect."""

import json
from contextlib import suppress

import pytest

from faas_toolkit.capabilities.workspace.capability import ListCapabilities
from faas_toolkit.core.call import Origin, Workspace
from faas_toolkit.core.errors import Throttled
from faas_toolkit.core.host import Generated
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.service import Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost, FakeModels
from tests.fakes.servers import serving

KEY = "a shared secret of this test that is long enough"
MODEL = {"provider": "p", "model": "small", "mode": "chat"}
FALLBACK = {"prompt": "Hello", "model": MODEL, "fallback_model": MODEL}
ANSWERS = {
    "/yes": b'{"allow": true}',
    "/run": b'{"ran": 1}',
    "/no": b'{"allow": false, "reason": "Not on Sundays."}',
    "/garbage": b"<html>",
}


@pytest.fixture(scope="module")
def address():
    def answer(exchange):
        body = next((body for path, body in ANSWERS.items() if path in exchange.first_line), b'{"error": "broken"}')
        exchange.answer(body, status="500 Internal Server Error" if "broken" in body.decode() else "200 OK")

    with serving(answer) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def process(tmp_path, address):
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path), "FAAS_TOOLKIT_NETWORK_ALLOW": address}
    process = Process(clock=FakeClock(), offload=InlineOffload(), environment=environment, working_directory=tmp_path)
    yield process
    process.embedded.database.close()


@pytest.fixture
def service(process):
    service = Service(process)
    yield service
    service.close()


@pytest.fixture
def catalog(address):
    def build(**sections):
        functions = {
            name: {"platform": "http", "target": {"url": f"{address}/{name}"}} for name in ("run", "no", "garbage", "broken")
        }
        functions["asked"] = {**functions["run"], "target": {"url": f"{address}/yes"}, "effects": "once"}
        functions["once"] = {**functions["run"], "effects": "once"}
        functions["kept"] = {**functions["run"], "cache": "5m"}
        allow = ["crm.read", "knowledge.read", "knowledge.write", "function.call", "model.use"]
        roles = {"member": {"allow": allow, "crm": {"sources": ["*"]}, "knowledge": ["*"], "functions": [*functions]}}
        knowledge = {"notes": {"kind": "embedded"}}
        return json.dumps({"version": 1, "functions": functions, "roles": roles, "knowledge": knowledge, **sections})

    return build


@pytest.fixture
def ask(service, catalog):
    def call(operation, arguments, *, read_to_the_end=True, pieces=("Hel", "lo"), token=None, text=None, keys=KEY, **sections):
        origin = Origin(
            workspace=Workspace("one", b"k" * 32), surface="workflow", user_id="u", app_id="app", identity_token=token
        )
        said = [piece if isinstance(piece, Exception) else Generated(text=piece) for piece in pieces]
        host = FakeHost(llm=FakeModels(small=said))
        request = Request(operation=operation_named(operation), arguments=arguments, origin=origin, host=host)
        settings = RuntimeSettings(catalog=catalog(**sections) if text is None else text, identity_keys=keys)
        stream = service.stream(settings, request)
        if not read_to_the_end:
            next(stream)
            stream.close()
            return None
        return list(stream)[-1]

    return call


def outcomes(process):
    def work(connection):
        return connection.execute(audit_rows.select().order_by(audit_rows.c.writer, audit_rows.c.sequence)).all()

    return [json.loads(each.content) for each in process.embedded.database.read(work)]


LOOKUP = ("crm.lookup", {"query": "Wei"})
ENDINGS = {
    "answered": (*LOOKUP, {}, ["ok"]),
    "a tool that everybody may use": ("workspace.capabilities", {}, {}, ["ok"]),
    "wrong arguments": ("crm.lookup", {}, {}, ["invalid_input"]),
    "an unknown parameter": ("crm.lookup", {"query": "Wei", "colour": "red"}, {}, ["invalid_input"]),
    "a token that does not hold": (*LOOKUP, {"token": "made.up.token"}, ["unauthenticated"]),
    "no grant": (*LOOKUP, {"roles": {"member": {"allow": []}}}, ["forbidden"]),
    "a function that may not be known": ("function.call", {"function": "hidden"}, {}, ["not_found"]),
    "refused words": (*LOOKUP, {"review": {"refuse": [{"pattern": "Wei"}]}}, ["blocked"]),
    "refused by a function": (*LOOKUP, {"operations": {"crm.lookup": {"before": "no"}}}, ["blocked"]),
    "a function in front that is broken": (*LOOKUP, {"operations": {"crm.lookup": {"before": "broken"}}}, ["function_error"]),
    "a function without effects": ("function.call", {"function": "run"}, {}, ["ok"]),
    "a function with effects": ("function.call", {"function": "once"}, {}, ["intent", "ok"]),
    "a function that breaks": ("function.call", {"function": "broken"}, {}, ["function_error"]),
    "a function that answers garbage": ("function.call", {"function": "garbage"}, {}, ["bad_response"]),
    "a document added": ("knowledge.add", {"text": "Hello.", "base": "notes"}, {}, ["intent", "ok"]),
    "a document that is not there": ("knowledge.remove", {"document": "notes:99"}, {}, ["intent", "not_found"]),
    "a function with effects in front": (*LOOKUP, {"operations": {"crm.lookup": {"before": "asked"}}}, ["intent", "ok"]),
    "a stream": ("model.fallback", FALLBACK, {}, ["ok"]),
    "a stream that breaks": ("model.fallback", FALLBACK, {"pieces": ("a", Throttled("No."))}, ["throttled"]),
    "a stream nobody reads": ("model.fallback", FALLBACK, {"read_to_the_end": False}, ["cancelled"]),
    "a setting that is wrong": (*LOOKUP, {"keys": "short"}, ["invalid_input"]),
    "a broken catalog": (*LOOKUP, {"text": "{"}, ["unavailable"]),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_it_leaves_its_row(ask, process, ending):
    operation, arguments, how, expected = ENDINGS[ending]
    ask(operation, arguments, **how)
    rows = outcomes(process)
    assert [row["outcome"] for row in rows] == expected
    assert {row["operation"] for row in rows} == {operation}
    assert len({row["request"] for row in rows}) == 1


def test_a_hit_leaves_its_row(ask, process):
    for _ in range(2):
        ask("function.call", {"function": "kept"})
    assert [(row["outcome"], row["cached"]) for row in outcomes(process)] == [("ok", False), ("ok", True)]


def test_a_replayed_effect_leaves_its_row(ask, process):
    for _ in range(2):
        ask("function.call", {"function": "once", "idempotency_key": "order-1"})
    assert [(row["outcome"], row["cached"]) for row in outcomes(process)] == [
        ("intent", False),
        ("ok", False),
        ("ok", True),
    ]


def test_a_quota_that_is_spent_leaves_its_row(ask, process):
    for _ in range(2):
        ask(*LOOKUP, limits=[{"of": "requests", "limit": 1, "per": "60s", "by": ["workspace"]}])
    assert [row["outcome"] for row in outcomes(process)] == ["ok", "throttled"]


@pytest.mark.parametrize(("error", "outcome"), [(KeyError("a bug"), "internal"), (SystemExit(), "cancelled")])
def test_a_fault_of_ours_leaves_its_row(ask, process, monkeypatch, error, outcome):
    def fail(self, call):
        raise error

    monkeypatch.setattr(ListCapabilities, "__call__", fail)
    with suppress(type(error)):
        ask("workspace.capabilities", {})
    assert [row["outcome"] for row in outcomes(process)] == [outcome]
