"""The `before` function decides, and a check that could not be made was not passed."""

import pytest

from faas_toolkit.core import errors
from faas_toolkit.core.call import Caller
from faas_toolkit.core.errors import BadResponse, Blocked, Failure, FunctionError, NotFound, TimeoutUnknown, Unavailable
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.pipeline.consult import Consult
from faas_toolkit.pipeline.front import compose
from tests.fakes.calls import LOOKUP, End, FakeFunctions, make_call

BEFORE = {"crm.lookup": "check_policy"}
CALLER = Caller(
    subject="alice", verified=True, roles=("member",), groups=frozenset({"b", "a"}), tenant="acme", masks={"email": "keep"}
)


def consult(check):
    functions = FakeFunctions(check_policy=check)
    return Consult(before=BEFORE, invoke=functions), functions


def failing(failure):
    def check(payload):
        raise failure

    return check


def test_an_operation_without_a_function_asks_nobody():
    functions, end = FakeFunctions(), End()
    Consult(before={"crm.update": "x"}, invoke=functions)(make_call(), end)
    assert functions.asked == []
    assert end.calls[0].record.decisions == []


def test_the_function_learns_operation_arguments_and_caller():
    policy, functions = consult(lambda payload: {"allow": True})
    policy(make_call({"query": "ana", "limit": 5}, caller=CALLER), End())
    assert functions.asked == [
        (
            "check_policy",
            {
                "operation": "crm.lookup",
                "arguments": {"query": "ana", "limit": 5},
                "caller": {"subject": "alice", "verified": True, "roles": ["member"], "groups": ["a", "b"], "tenant": "acme"},
            },
        )
    ]


def test_an_allowed_call_goes_on_unchanged():
    policy, _ = consult(lambda payload: {"allow": True, "reason": "not looked at"})
    call, end = make_call(), End()
    assert policy(call, end) is end.answer
    assert end.calls == [call]
    assert str(call.record.decisions[0]) == "consult: allowed (check_policy)"


def test_a_refusal_is_the_answer_with_its_reason():
    policy, _ = consult(lambda payload: {"allow": False, "reason": "Only the owner\n may look\0 at this."})
    end = End()
    with pytest.raises(Blocked) as caught:
        policy(make_call(), end)
    assert end.calls == []
    assert caught.value.message == "Only the owner may look� at this."
    assert not caught.value.retryable


@pytest.mark.parametrize("reason", [None, "", "  ", 7, ["x"]])
def test_a_refusal_without_a_reason_names_the_rule(reason):
    policy, _ = consult(lambda payload: {"allow": False, "reason": reason})
    with pytest.raises(Blocked, match="'check_policy' of this workspace refuses"):
        policy(make_call(), End())


def test_a_long_reason_is_cut():
    policy, _ = consult(lambda payload: {"allow": False, "reason": "x" * 1_000_000})
    with pytest.raises(Blocked) as caught:
        policy(make_call(), End())
    assert len(caught.value.message) < 600


@pytest.mark.parametrize(
    "answer", [None, True, "yes", [], {}, {"allow": "true"}, {"allow": 1}, {"allow": None}, {"allowed": True}, [{"allow": True}]]
)
def test_an_answer_outside_the_contract_refuses_the_call(answer):
    policy, _ = consult(lambda payload: answer)
    end = End()
    with pytest.raises(BadResponse, match="'check_policy' did not keep its contract"):
        policy(make_call(), end)
    assert end.calls == []


def test_rewritten_arguments_take_the_place_of_all_and_are_checked_again():
    policy, _ = consult(lambda payload: {"allow": True, "arguments": {"query": "bob", "limit": "3"}})
    end = End()
    policy(make_call({"query": "ana", "limit": 5, "filters": {"a": 1}}), end)
    assert end.calls[0].arguments == {"query": "bob", "limit": 3, "filters": None}
    assert end.calls[0].record.decisions[0].outcome == "rewritten"


def test_checked_arguments_pass_the_checks_again():
    policy, _ = consult(lambda payload: {"allow": True, "arguments": payload["arguments"]})
    checked = LOOKUP.shape.check({"query": "ana", "filters": '{"a": [1]}'})
    end = End()
    policy(make_call(checked), end)
    assert end.calls[0].arguments == checked


@pytest.mark.parametrize(
    "arguments", [{}, {"limit": 3}, {"query": "a", "limit": 99}, {"query": "a", "more": 1}, {"query": "a" * 3_000}, [], "x", 7]
)
def test_rewritten_arguments_that_do_not_fit_are_the_function_s_fault(arguments):
    policy, _ = consult(lambda payload: {"allow": True, "arguments": arguments})
    end = End()
    with pytest.raises(BadResponse, match="'check_policy'"):
        policy(make_call(), end)
    assert end.calls == []


@pytest.mark.parametrize("kind", sorted(errors.every_kind()))
def test_every_failure_of_the_function_stops_the_call_and_says_why(kind):
    failure = errors.every_kind()[kind]("It is away.")
    policy, _ = consult(failing(failure))
    call, end = make_call(), End()
    with pytest.raises(Failure) as caught:
        policy(call, end)
    assert end.calls == []
    assert caught.value.message == "crm_lookup did not run: the check by 'check_policy' could not be made. It is away."
    assert caught.value.not_executed
    assert caught.value.kind not in ("invalid_input", "not_found", "unauthenticated", "forbidden", "too_large", "timeout_unknown")
    assert failure.message == "It is away."  # others may hold the same failure
    assert call.record.decisions[0].outcome == kind


def test_a_function_that_the_catalog_lacks_is_an_administrator_s_matter():
    policy, _ = consult(failing(NotFound("There is no function 'check_policy'.")))
    with pytest.raises(Unavailable) as caught:
        policy(make_call(), End())
    assert not caught.value.retryable
    assert "`operations.crm.lookup.before`" in caught.value.hint


def test_a_check_without_an_answer_may_be_repeated_since_nothing_ran():
    policy, _ = consult(failing(TimeoutUnknown("No answer.", retry_after=2.0)))
    with pytest.raises(Unavailable) as caught:
        policy(make_call(), End())
    assert (caught.value.retryable, caught.value.retry_after, caught.value.not_executed) == (True, 2.0, True)


def test_an_error_of_the_function_stays_one():
    policy, _ = consult(failing(FunctionError("division by zero", retryable=False)))
    with pytest.raises(FunctionError):
        policy(make_call(), End())


def test_a_refusal_holds_for_kept_answers_since_the_cache_stands_further_in():
    allow = {"allow": True}
    policy, _ = consult(lambda payload: dict(allow, reason="no"))
    kept = {}

    class Cache:
        def __call__(self, call, proceed):
            return kept.setdefault("answer", proceed(call))

    handle = compose((policy, Cache()), End())
    handle(make_call())
    allow["allow"] = False
    with pytest.raises(Blocked):
        handle(make_call())


# --- what the function says

EMAIL, PHONE, SECRET = "zhang.wei@example.com", "138-1234-5678", "the secret of this test"
SAID = f"{EMAIL} ({PHONE}) knows {SECRET}."
CLEANED = "z***@example.com (***-****-**78) knows [secret]."


def cleaning(check, detect=("email", "phone")):
    return Consult(
        before=BEFORE, invoke=FakeFunctions(check_policy=check), detect=detect, redact=SecretRedactor([SECRET, "line\none"])
    )


def said_by(policy, end=None, **caller):
    call = make_call(caller=Caller(subject="alice", **caller))
    with pytest.raises(Failure) as caught:
        policy(call, end or End())
    return caught.value, call


def test_a_reason_is_cleaned_of_secrets_and_personal_data():
    failure, call = said_by(cleaning(lambda payload: {"allow": False, "reason": SAID}))
    assert failure.message == str(failure) == CLEANED
    assert call.record.masks == {"email": 1, "phone": 1}
    assert [str(decision) for decision in call.record.decisions] == ["consult: refused (check_policy)"]


def test_the_caller_s_role_decides_what_of_a_reason_is_shown():
    failure, _ = said_by(cleaning(lambda payload: {"allow": False, "reason": SAID}), masks={"email": "keep", "phone": "drop"})
    assert failure.message == f"{EMAIL} ([phone]) knows [secret]."
    failure, _ = said_by(cleaning(lambda payload: {"allow": False, "reason": SAID}, detect=()))
    assert failure.message == f"{EMAIL} ({PHONE}) knows [secret]."


@pytest.mark.parametrize("hidden", [EMAIL, PHONE, SECRET, "line\none"])
def test_nothing_is_torn_before_it_is_found(hidden):
    for length in range(495 - len(hidden), 500):
        failure, _ = said_by(cleaning(lambda payload, n=length: {"allow": False, "reason": "x" * n + " " + hidden}))
        assert hidden[:7] not in failure.message


def test_the_function_s_own_error_is_masked_and_others_keep_theirs():
    failure = FunctionError(f"It says: {EMAIL}.", hint=f"Ask {PHONE}.")
    shown, _ = said_by(cleaning(failing(failure)))
    assert "z***@example.com" in shown.message
    assert shown.hint == "Ask ***-****-**78."
    assert EMAIL in failure.message


@pytest.mark.parametrize("wrong", [{"limit": EMAIL}, {EMAIL: 1}, {"query": "a", "limit": SECRET}])
def test_arguments_that_do_not_fit_are_told_cleaned(wrong):
    failure, _ = said_by(cleaning(lambda payload: {"allow": True, "arguments": {"query": "a", **wrong}}))
    assert "do not fit" in failure.message
    assert EMAIL not in failure.message
    assert SECRET not in failure.message


def test_a_failure_that_repeats_rewritten_arguments_is_masked_and_one_that_repeats_the_caller_s_is_not():
    end = End(NotFound(f"Nobody has the address {EMAIL}."))
    rewriting, allowing = ({"allow": True, "arguments": {"query": EMAIL}}, {"allow": True})
    assert EMAIL not in said_by(cleaning(lambda payload: rewriting), end)[0].message
    assert EMAIL in said_by(cleaning(lambda payload: allowing), end)[0].message
