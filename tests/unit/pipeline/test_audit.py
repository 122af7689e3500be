"""Every call leaves one row, however it ends; and the row holds no secret."""

import json
from dataclasses import replace

import pytest

from faas_toolkit.core.call import Answer, Call, Caller, Origin, Record, TargetAttempt, Workspace
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.errors import Forbidden, TimeoutUnknown, Unavailable, every_kind
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.schema import Shape
from faas_toolkit.core.stream import Stream
from faas_toolkit.observe.audit import AuditLog
from faas_toolkit.observe.audit_table import audit_rows
from faas_toolkit.observe.metrics import Metrics
from faas_toolkit.pipeline.audit import Audit
from faas_toolkit.pipeline.audit_row import MAX_ARGUMENT_CHARS
from tests.fakes.audit import personal_parts
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost

LOOKUP = Operation(name="crm.lookup", tool="crm_lookup", grant="crm.read", shape=Shape())
DIAGNOSE = Operation(name="workspace.diagnose", tool="diagnose", grant=None, shape=Shape())
ANSWER = Answer(variables={"records": []}, source="main")
CALLER = Caller(subject="user:1", verified=True, roles=("member",))
SECRET = 'pass"word\\one'


WORKSPACE = Workspace("one", bytes(32))


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def policy(clock, metrics, database):
    def build(arguments="masked", write="durable"):
        log = AuditLog(database=database, clock=clock, offload=InlineOffload(), metrics=metrics, write=write)
        return Audit(
            log=log,
            persons=personal_parts(database, clock),
            metrics=metrics,
            clock=clock,
            arguments=arguments,
            detectors=("email", "phone"),
            redact=SecretRedactor([SECRET]),
            catalog_hash="hash of the catalog",
        )

    return build


@pytest.fixture
def call(clock):
    def build(arguments=None, operation=LOOKUP, **changes):
        made = Call(
            operation=operation,
            arguments={"query": "li lei"} if arguments is None else arguments,
            origin=Origin(workspace=WORKSPACE, surface="agent_chat", user_id="u-1", app_id="app-1"),
            deadlines=Deadlines.start(clock),
            record=Record(request_id="request-1", started=clock.monotonic()),
            host=FakeHost(),
            trace_id="trace-1",
        )
        return replace(made, **changes)

    return build


def contents(database):
    def work(connection):
        return connection.execute(audit_rows.select().order_by(audit_rows.c.sequence)).all()

    return personal_parts(database, FakeClock()).open(WORKSPACE, [json.loads(row.content) for row in database.read(work)])


def answer_after(clock, seconds, result=ANSWER):
    """Further in: the access policy finds the caller, a target is asked, time passes."""

    def proceed(call):
        call.record.caller = CALLER
        call.record.decide("access", "user:1", "member")
        call.record.attempted(TargetAttempt(target="crm:main", number=1, outcome="throttled", duration=0.01, waited=0.2))
        call.record.attempted(TargetAttempt(target="crm:main", number=2, outcome="ok", duration=0.02))
        call.record.masked("email", 2)
        call.record.tokens["input"] = 12
        clock.advance(seconds)
        if isinstance(result, BaseException):
            raise result
        return result

    return proceed


def test_a_row_says_who_asked_what_from_where_and_how_it_ended(policy, call, database, clock, metrics):
    began = clock.epoch()
    assert policy()(call(), answer_after(clock, 0.25)) is ANSWER
    (row,) = contents(database)
    for name in ("writer", "hash", "previous_hash", "proof"):
        row.pop(name, None)
    assert row == {
        "workspace": "one",
        "sequence": 1,
        "heads": {},
        "time": began + 0.25,
        "operation": "crm.lookup",
        "subject": "user:1",
        "verified": True,
        "roles": ["member"],
        "user": "u-1",
        "surface": "agent_chat",
        "app": "app-1",
        "request": "request-1",
        "trace": "trace-1",
        "outcome": "ok",
        "source": "main",
        "partial": False,
        "cached": False,
        "milliseconds": 250.0,
        "arguments": '{"query":"li lei"}',
        "decisions": ["access: user:1 (member)"],
        "attempts": [["crm:main", 1, "throttled", 10.0, 200.0], ["crm:main", 2, "ok", 20.0, 0.0]],
        "tokens": {"input": 12},
        "masks": {"email": 2},
        "catalog": "hash of the catalog",
    }
    numbers = metrics.exposition().decode()
    assert 'faas_toolkit_calls_total{cached="false",operation="crm.lookup",outcome="ok"} 1.0' in numbers
    assert 'faas_toolkit_attempts_total{operation="crm.lookup",outcome="throttled"} 1.0' in numbers
    assert 'faas_toolkit_masked_values_total{detector="email"} 2.0' in numbers


@pytest.mark.parametrize("kind", sorted(every_kind()))
def test_a_failure_of_every_kind_leaves_its_row_and_passes_unchanged(policy, call, database, clock, kind):
    failure = every_kind()[kind]("It did not work.")
    with pytest.raises(type(failure)) as caught:
        policy()(call(), answer_after(clock, 0, failure))
    assert caught.value is failure
    assert [row["outcome"] for row in contents(database)] == [kind]


@pytest.mark.parametrize(("error", "outcome"), [(KeyError("a bug"), "internal"), (SystemExit(), "cancelled")])
def test_what_is_no_failure_of_ours_leaves_its_row_and_passes(policy, call, database, clock, error, outcome):
    with pytest.raises(type(error)):
        policy()(call(), answer_after(clock, 0, error))
    assert [row["outcome"] for row in contents(database)] == [outcome]


def test_a_stream_is_written_down_when_it_ends(policy, call, database, clock):
    stream = policy()(call(), lambda call: Stream.primed(iter(["a", "b"]), usage=lambda: {"tokens": 7}))
    assert contents(database) == []
    clock.advance(3)
    list(stream)
    (row,) = contents(database)
    assert (row["outcome"], row["usage"], row["milliseconds"]) == ("ok", {"tokens": 7}, 3_000)


def test_a_stream_that_breaks_or_is_never_read_is_written_down_too(policy, call, database):
    def broken():
        yield "a"
        raise TimeoutUnknown("It went silent.")

    audit = policy()
    list(audit(call(), lambda call: Stream.primed(broken())))
    unread = audit(call(), lambda call: Stream.primed(iter(["a"])))
    del unread
    assert [row["outcome"] for row in contents(database)] == ["timeout_unknown", "cancelled"]


# ---- arguments


def kept_arguments(policy, call, database, arguments, how="masked"):
    policy(how)(call(arguments), lambda call: ANSWER)
    return contents(database)[-1]["arguments"]


def test_personal_data_and_secrets_are_masked(policy, call, database):
    arguments = {"query": "mail wei@example.com or call +86 138 0013 8000", "note": f"the key is {SECRET}."}
    kept = kept_arguments(policy, call, database, arguments)
    for clear in ("wei@", "0013 8000", SECRET, json.dumps(SECRET)[1:-1]):
        assert clear not in kept
    assert "w***@example.com" in kept
    assert "[secret]" in kept


@pytest.mark.parametrize("text", ["wei\u0040example.com", "\u7535\u8bdd: 4155550132", "\uff54el. +86 138 0013 8000"])
def test_personal_data_in_json_that_escapes_its_characters_is_masked(policy, call, database, text):
    escaped = f'{{"note": "{text.encode("ascii", "backslashreplace").decode()}"}}'.replace("@", "\\u0040")
    kept = kept_arguments(policy, call, database, {"arguments": escaped})
    for clear in ("wei", "4155550132", "0013 8000"):
        assert clear not in kept


def test_arguments_can_be_kept_as_a_digest_or_not_at_all(policy, call, database):
    first = kept_arguments(policy, call, database, {"query": "li lei", "limit": 5}, "hash")
    assert first == kept_arguments(policy, call, database, {"limit": 5, "query": "li lei"}, "hash")
    assert first != kept_arguments(policy, call, database, {"limit": 6, "query": "li lei"}, "hash")
    assert len(first) == 64
    assert kept_arguments(policy, call, database, {"query": "li lei"}, "none") is None


def test_arguments_are_cut_after_they_were_masked(policy, call, database):
    padding = "x" * (MAX_ARGUMENT_CHARS - 25)
    kept = kept_arguments(policy, call, database, {"q": f"{padding} somebody@example.com {SECRET} {'y' * 1_000_000}"})
    assert len(kept) == MAX_ARGUMENT_CHARS + 1
    assert "somebody" not in kept
    assert "pass" not in kept


@pytest.mark.parametrize("how", ["masked", "hash", "none"])
@pytest.mark.parametrize(
    "arguments", [{}, {"q": float("nan")}, {"q": "\ud800\0"}, {1: 2, "a": 3}, {"q": b"bytes"}, {"q": object()}], ids=repr
)
def test_whatever_a_caller_sends_can_be_written_down(policy, call, database, arguments, how):
    kept_arguments(policy, call, database, arguments, how)
    assert len(contents(database)) == 1


def test_arguments_nested_without_end_can_be_written_down(policy, call, database):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert kept_arguments(policy, call, database, {"q": nested}) == "q"


def test_a_secret_in_a_decision_is_removed(policy, call, database):
    def proceed(call):
        call.record.decide("consult", "refused", f"because of {SECRET}")
        raise Forbidden("No.")

    with pytest.raises(Forbidden):
        policy()(call(), proceed)
    assert contents(database)[0]["decisions"] == ["consult: refused (because of [secret])"]


def test_personal_data_in_a_decision_is_masked(policy, call, database):
    def proceed(call):
        call.record.decide("consult", "refused", "x" * 100 + " wei@example.com")
        return ANSWER

    policy()(call(), proceed)
    assert "wei" not in contents(database)[0]["decisions"][0]


# ---- the log is away


def away(database, tmp_path):
    database.close()
    database._path = tmp_path


def test_durable_holds_the_answer_back_and_then_refuses_before_anything_runs(policy, call, database, tmp_path):
    audit, ran = policy(), []
    away(database, tmp_path)
    with pytest.raises(Unavailable, match="held back") as caught:
        audit(call(), lambda call: ran.append(1) or ANSWER)
    assert not caught.value.not_executed
    assert not caught.value.retryable
    with pytest.raises(Unavailable) as caught:
        audit(call(), lambda call: ran.append(1) or ANSWER)
    assert caught.value.not_executed
    assert ran == [1]


def test_a_failure_is_told_though_it_cannot_be_written_down(policy, call, database, tmp_path):
    away(database, tmp_path)
    with pytest.raises(Forbidden):
        policy()(call(), answer_after(FakeClock(), 0, Forbidden("No.")))


def test_what_needs_no_grant_is_answered_so_that_somebody_can_find_out_why(policy, call, database, tmp_path):
    audit, made = policy(), call(operation=DIAGNOSE)
    away(database, tmp_path)
    for _ in range(2):
        assert audit(made, lambda call: ANSWER) is ANSWER
    assert str(made.record.decisions[-1]) == "audit: unavailable"


def test_fast_answers_all_the_same(policy, call, database, tmp_path):
    audit = policy(write="fast")
    away(database, tmp_path)
    for _ in range(3):
        assert audit(call(), lambda call: ANSWER) is ANSWER
    database._path = tmp_path / "data.db"
    audit(call(), lambda call: ANSWER)
    assert len(contents(database)) == 4


def test_who_is_held_back_is_not_told_to_simply_try_again(policy, call, database, tmp_path):
    audit = policy()
    away(database, tmp_path)
    with pytest.raises(Unavailable) as caught:
        audit(call(), lambda call: ANSWER)
    assert "try again" not in caught.value.as_text().lower()
    assert "idempotency_key" in caught.value.hint
