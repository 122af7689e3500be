"""Which function a name means, for whom, and what is checked before and after it is asked."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from faas_toolkit.capabilities.faas.capability import FunctionCapability
from faas_toolkit.capabilities.faas.config import FunctionConfig
from faas_toolkit.capabilities.faas.operations import CALL
from faas_toolkit.capabilities.faas.presentation import present_call
from faas_toolkit.core.call import MAX_DEPTH, Caller, Scope
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, Blocked, InvalidInput, NotFound, Unavailable
from faas_toolkit.platforms.port import InvocationResult
from tests.fakes.attempts import a_call
from tests.fakes.clock import FakeClock

SCHEMA = {"type": "object", "required": ["customer_id"], "properties": {"customer_id": {"type": "string"}}}
RESULT = {"type": "object", "properties": {"score": {"type": "number"}}}


def a_function(**more):
    given = {"platform": "http", "target": {"url": "https://functions.example/f"}, **more}
    return TypeAdapter(FunctionConfig).validate_python(given)


class Asked:
    """Stands for every platform and for the outbound chain, and notes what passed."""

    def __init__(self, data=None, status=200, down=False):
        self.data, self.status, self.down = data, status, down
        self.invocations, self.attempts, self.opened = [], [], []

    def open_platform(self, name, config):
        self.opened.append(name)
        return self

    def invoke(self, invocation, deadline):
        self.invocations.append(invocation)
        return InvocationResult(data=self.data, status=self.status)

    def check(self, deadline):
        if self.down:
            raise Unavailable("Function cannot be reached.", hint="Check the address.")
        return "accepts connections"

    def outbound(self, attempt):
        self.attempts.append(attempt)
        return attempt.send(Deadline.after(FakeClock(), attempt.target.timeout))


CATALOG = {
    "score_customer": {"arguments": SCHEMA, "result": RESULT, "cache": "5m", "timeout": "20s", "describe": "Scores."},
    "report_sales": {},
    "report_wipe": {"effects": "once"},
    "pay": {"effects": "idempotent"},
    "hidden": {"arguments": {"required": ["very_secret_name"]}},
}
ROLE = Scope(grants=frozenset({"function.call"}), sources={"functions": ("score_customer", "report_*", "pay")})


def capability(asked, functions=None):
    configured = {name: a_function(**more) for name, more in (CATALOG if functions is None else functions).items()}
    return FunctionCapability(functions=configured, open_platform=asked.open_platform, outbound=asked.outbound)


def call_of(function, arguments=None, *, scope=ROLE, **more):
    given = {"function": function, **({"arguments": arguments} if arguments is not None else {}), **more}
    key = given.get("idempotency_key")
    call = a_call(FakeClock(), caller=Caller(subject="alice"))
    return replace(call, operation=CALL, arguments=CALL.shape.check(given), scope=scope, idempotency_key=key, trace_id="t1")


def test_a_function_is_asked_and_its_answer_handed_on():
    asked = Asked({"score": 0.5})
    answer = capability(asked)(call_of("score_customer", {"customer_id": "c1"}))
    assert answer.variables == {"data": {"score": 0.5}, "status": "done", "job_id": ""}
    assert answer.source == "score_customer"
    assert (asked.invocations[0].payload, asked.invocations[0].trace_id) == ({"customer_id": "c1"}, "t1")
    assert (asked.attempts[0].target.id, asked.attempts[0].target.timeout, asked.attempts[0].effects) == (
        "function:score_customer",
        20.0,
        "none",
    )


def test_every_declared_variable_is_answered():
    assert set(capability(Asked())(call_of("report_sales")).variables) == set(CALL.empty)


def test_work_that_was_only_accepted_is_pending():
    assert capability(Asked(status=202))(call_of("report_sales")).variables["status"] == "pending"


@pytest.mark.parametrize("name", ["nothing", "hidden", "report_wipe", "SCORE_CUSTOMER", "../pay", "report_*", "*"])
def test_unknown_and_forbidden_names_answer_alike(name):
    asked = Asked()
    with pytest.raises(NotFound) as caught:
        capability(asked)(call_of(name, {"x": 1}))
    text = caught.value.as_text()
    assert text.count(name) <= 1 + ("report" in name)
    assert "very_secret_name" not in text
    assert "You may call: score_customer, report_sales, pay." in text
    assert asked.attempts == []


def test_the_nearest_allowed_name_is_offered():
    with pytest.raises(NotFound) as caught:
        capability(Asked())(call_of("score_custmer"))
    assert "Did you mean 'score_customer'?" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        capability(Asked())(call_of("hiden"))
    assert "hidden" not in caught.value.as_text()


@pytest.mark.parametrize(
    ("sources", "allowed"),
    [(("report_wipe",), True), (("report_*",), False), (("*",), False), (("report_*", "report_wipe"), True)],
)
def test_what_has_effects_needs_its_exact_name(sources, allowed):
    scope = Scope(grants=frozenset({"*"}), sources={"functions": sources})
    made = capability(Asked())
    assert ("report_wipe" in {entry.name for entry in made.entries(scope)}) is allowed
    if allowed:
        assert made(call_of("report_wipe", scope=scope))
    else:
        with pytest.raises(NotFound):
            made(call_of("report_wipe", scope=scope))


def test_without_the_grant_no_function_shows():
    scope = replace(ROLE, grants=frozenset({"crm.read"}))
    assert list(capability(Asked()).entries(scope)) == []
    with pytest.raises(NotFound, match="no function"):
        capability(Asked())(call_of("score_customer", {"customer_id": "c"}, scope=scope))


def test_an_empty_catalog_shows_how_to_add_a_function():
    with pytest.raises(NotFound) as caught:
        capability(Asked(), {})(call_of("score_customer"))
    snippet = caught.value.hint.split("functions:\n")[1]
    import yaml

    section = yaml.safe_load(snippet)
    assert caught.value.message == "This workspace has no functions yet."
    for config in section.values():
        assert a_function(**config)


def test_arguments_are_checked_after_access_in_the_schemas_words():
    asked = Asked()
    with pytest.raises(InvalidInput) as caught:
        capability(asked)(call_of("score_customer", {"customer_id": 5}))
    assert "customer_id: 5 is not of type 'string'" in caught.value.message
    assert caught.value.hint == 'Example: {"customer_id": "text"}'
    assert asked.attempts == []


@pytest.mark.parametrize("data", [{"score": "high"}, [1], None, "text"])
def test_an_answer_outside_its_schema_is_a_bad_response(data):
    with pytest.raises(BadResponse, match="`result` schema"):
        capability(Asked(data))(call_of("score_customer", {"customer_id": "c"}))


def test_a_call_may_only_tighten_the_time_limit():
    asked = Asked({})
    for seconds in (5, 100):
        capability(asked)(call_of("score_customer", {"customer_id": "c"}, timeout_seconds=seconds))
    assert [attempt.target.timeout for attempt in asked.attempts] == [5.0, 20.0]


def test_a_function_that_is_given_long_gets_it():
    asked = Asked()
    capability(asked, {"slow": {"timeout": "120s"}})(call_of("slow", scope=replace(ROLE, sources={"functions": ("slow",)})))
    assert asked.attempts[0].call.deadlines.first_content.remaining() == pytest.approx(125)


@pytest.mark.parametrize(("effects", "attempts"), [("none", 3), ("idempotent", 3), ("once", 1)])
def test_what_may_run_once_is_attempted_once(effects, attempts):
    asked = Asked()
    scope = replace(ROLE, sources={"functions": ("f",)})
    capability(asked, {"f": {"effects": effects}})(call_of("f", scope=scope))
    assert (asked.attempts[0].target.attempts, asked.attempts[0].effects) == (attempts, effects)


def test_message_ids_follow_the_idempotency_key_of_one_caller_and_function():
    asked = Asked({})
    made = capability(asked)
    for key in ("k1", "k1", "k2", None, None):
        made(call_of("pay", **({"idempotency_key": key} if key else {})))
    made(replace(call_of("pay", idempotency_key="k1"), caller=Caller(subject="bob")))
    made(call_of("report_sales", idempotency_key="k1"))
    ids = [invocation.message_id for invocation in asked.invocations]
    assert ids[0] == ids[1]
    assert len(set(ids)) == len(ids) - 1
    assert all("." not in each for each in ids)


def test_traits_follow_the_section_and_unknown_names_are_never_kept():
    made = capability(Asked())
    scored = made.traits(call_of("score_customer", {"customer_id": "c"}))
    assert (scored.effects, scored.fresh_for, scored.cacheable) == ("none", 300.0, True)
    assert not made.traits(call_of("report_sales")).cacheable
    assert made.traits(call_of("pay")).effects == "idempotent"
    assert not made.traits(call_of("hidden")).cacheable


def test_policies_call_any_function_by_its_name_up_to_the_depth():
    asked = Asked({"ok": True})
    made = capability(asked)
    call = call_of("score_customer", scope=Scope())
    assert made.invoke("hidden", {"a": 1}, call) == {"ok": True}
    assert asked.attempts[0].call.depth == 1
    with pytest.raises(Blocked, match="deep"):
        made.invoke("hidden", {}, replace(call, depth=MAX_DEPTH))
    with pytest.raises(NotFound, match="'none'"):
        made.invoke("none", {}, call)


def test_entries_hold_what_a_model_needs():
    entry = next(iter(capability(Asked()).entries(ROLE)))
    assert (entry.name, entry.kind, entry.use) == ("score_customer", "http", "function_call function=score_customer")
    assert (entry.description, entry.arguments) == ("Scores.", SCHEMA)


@pytest.mark.parametrize("down", [False, True])
def test_findings_tell_of_each_visible_function_and_run_none(down):
    asked = Asked(down=down)
    findings = list(capability(asked).findings(call_of("pay")))
    assert [finding.item for finding in findings] == ["function:score_customer", "function:report_sales", "function:pay"]
    assert {finding.status for finding in findings} == {"failed" if down else "ok"}
    assert asked.invocations == []


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"platform": "http"}, "target"),
        ({"platform": "http", "target": {"url": "nonsense"}}, "url"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "timeuot": "3s"}, "timeuot"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "timeout": "5 years"}, "timeout"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "effects": "some"}, "effects"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "effects": "once", "cache": "5m"}, "cache"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "arguments": {"type": "objekt"}}, "arguments"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "arguments": {"type": "array"}}, "arguments"),
        ({"platform": "http", "target": {"url": "https://a.example/"}, "auth": {"access_key_id": "x"}}, "access_key_id"),
        ({"platform": "aws_lambda", "target": {"region": "eu-west-1", "name": "f"}}, "auth"),
        ({"platform": "aws_lambda", "target": {"region": "Europe", "name": "f"}, "auth": {}}, "region"),
        ({"platform": "cobol", "target": {}}, "platform"),
        ({"target": {"url": "https://a.example/"}}, "platform"),
    ],
)
def test_a_wrong_section_names_its_place(config, place):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(FunctionConfig).validate_python(config)
    assert place in str(caught.value)


@pytest.mark.parametrize("max_chars", [0, 10, 60, 200, 8_000])
@pytest.mark.parametrize("data", [None, "x" * 9_000, {"名": ["ü" * 5_000] * 2}, {"score": 0.5}])
def test_a_text_is_never_longer_than_its_bound(data, max_chars):
    text = present_call({"data": data, "status": "done", "job_id": ""}, max_chars)
    assert len(text) <= max_chars
    if max_chars >= 200 and len(str(data)) > max_chars:
        assert "cut; ask" in text


def test_texts_say_what_was_answered():
    assert (
        present_call({"data": {"score": 0.5, "n": "ü"}, "status": "done"}, 500)
        == 'The function answered: {"score": 0.5, "n": "ü"}'
    )
    assert present_call({"data": None, "status": "done"}, 500) == "The function answered: nothing."
    assert present_call({"data": {}, "status": "pending"}, 500).startswith("The function accepted the work")
