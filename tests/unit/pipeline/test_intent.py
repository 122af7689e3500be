"""An effect is written down before it happens, and does not happen where that cannot be done."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import FunctionError, Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.schema import Shape
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.pipeline.audit import Audit
from faas_toolkit.pipeline.cache import Cache
from faas_toolkit.pipeline.cached_read import Lifetimes
from faas_toolkit.pipeline.front import compose
from faas_toolkit.pipeline.intent import Intent
from faas_toolkit.pipeline.refresh import Refreshes
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.outcomes import Outcomes
from faas_toolkit.state.cache.tiers import TieredCache
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes import audit_killed
from tests.fakes.audit import ONE, FlakyDatabase, personal_parts, rows
from tests.fakes.calls import LOOKUP, End, make_call

ROOT = Path(__file__).parents[3]
UPDATE = Operation(name="crm.update", tool="crm_update", grant="crm.write", shape=Shape())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.db"


@pytest.fixture
def database(path):
    database = FlakyDatabase(path=path, offload=InlineOffload())
    yield database
    database.close()


@pytest.fixture
def front(database, clock):
    def build(end, effects="once", write="durable"):
        metrics, store = Metrics(), TieredCache(near=MemoryCache(clock=clock), spawn=InlineOffload().spawn)
        log = AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=metrics, write=write)
        audit = Audit(
            log=log,
            persons=personal_parts(database, clock),
            metrics=metrics,
            clock=clock,
            arguments="masked",
            detectors=("email",),
            redact=SecretRedactor(()),
            catalog_hash="",
        )

        def traits(call):
            return Traits(effects=effects)

        cache = Cache(
            store=store,
            memory=store,
            outcomes=Outcomes(database=database, clock=clock),
            traits=traits,
            catalog_hash="",
            lifetimes=Lifetimes(),
            refreshes=Refreshes(spawn=InlineOffload().spawn, audit=audit, clock=clock),
        )
        return compose((audit, cache, Intent(write=audit.intend, traits=traits)), end)

    return build


def contents(database):
    return [json.loads(each.content) for each in rows(database)]


@pytest.mark.parametrize("write", ["durable", "fast"])
@pytest.mark.parametrize("effects", ["once", "idempotent"])
def test_the_row_is_there_when_the_effect_begins(front, database, clock, effects, write):
    seen = []

    def effect(call):
        seen.extend(contents(database))
        return Answer(variables={}, source="main")

    front(effect, effects, write)(make_call({"to": "wei@example.com"}, operation=UPDATE))
    call = make_call()
    (intent,) = personal_parts(database, clock).open(call.workspace, seen)
    assert (intent["outcome"], intent["operation"], intent["request"]) == ("intent", "crm.update", "r1")
    assert "wei@" not in intent["arguments"]
    assert [(row["outcome"], row["request"]) for row in contents(database)] == [("intent", "r1"), ("ok", "r1")]


@pytest.mark.parametrize("operation", [LOOKUP, UPDATE])
def test_a_call_without_effects_has_one_row(front, database, operation):
    front(End(), effects="none")(make_call(operation=operation))
    assert [row["outcome"] for row in contents(database)] == ["ok"]


def test_an_effect_that_fails_has_both_rows(front, database):
    with pytest.raises(FunctionError):
        front(End(FunctionError("It did not work.")))(make_call(operation=UPDATE))
    assert [row["outcome"] for row in contents(database)] == ["intent", "function_error"]


def test_a_replayed_outcome_had_its_effect_once_and_says_so(front, database):
    handle = front(End())
    for _ in range(2):
        handle(make_call(operation=UPDATE, idempotency_key="order-1"))
    assert [(row["outcome"], row["cached"]) for row in contents(database)] == [
        ("intent", False),
        ("ok", False),
        ("ok", True),
    ]


def test_what_cannot_be_written_down_does_not_happen_and_may_be_repeated(front, database):
    end = End()
    handle = front(end)
    call = make_call(operation=UPDATE, idempotency_key="order-1")
    written = []

    def refuse_the_second(work):  # the first one is the note of the idempotency key
        written.append(work)
        database.away = len(written) >= 2
        return FlakyDatabase.write(database, work)

    database.write = refuse_the_second
    with pytest.raises(Unavailable, match="Nothing was done") as caught:
        handle(call)
    assert caught.value.not_executed
    assert end.calls == []


def test_fast_does_not_wait_for_a_database_that_is_away(front, database, clock):
    end = End()
    handle = front(end, write="fast")
    database.away = True
    handle(make_call(operation=UPDATE))
    assert len(end.calls) == 1
    database.away = False
    handle(make_call(operation=UPDATE))
    assert [row["outcome"] for row in contents(database)] == ["intent", "ok", "intent", "ok"]


@pytest.mark.parametrize("write", ["durable", "fast"])
def test_a_process_that_is_killed_during_an_effect_leaves_its_trace(path, clock, write):
    killed = subprocess.run(
        [sys.executable, audit_killed.__file__, str(path), write],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=False,
        timeout=60,
    )
    assert killed.returncode == -9
    database = Database(path=path, offload=InlineOffload())
    (row,) = contents(database)
    assert (row["outcome"], row["request"]) == ("intent", "the-refund")
    log = AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=Metrics())
    report = log.verify(ONE)
    assert report.intact
    assert report.unfinished == ("the-refund",)
    database.close()
