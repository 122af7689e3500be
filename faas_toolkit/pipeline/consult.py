"""The `before` function of an operation: it may refuse a call or rewrite its arguments.

It is sent

    {"operation": "crm.lookup", "arguments": {…}, "caller": {"subject", "verified", "roles", "groups", "tenant"}}

and answers `{"allow": true}`, `{"allow": true, "arguments": {…}}` or `{"allow": false, "reason": "…"}`. `arguments` takes the
place of all arguments and passes the tool's own checks again. Anything else, and any failure of the function, fails the call: a
check that could not be made was not passed. It stands outside the cache, so a refusal also holds for answers that are kept.

It also stands outside review, so what the function says (a reason, an error, arguments that it rewrote and that a later failure
repeats) is cleaned here before anybody reads it: of secrets, and of personal data as the caller's role is shown it.
"""

from collections.abc import Mapping
from dataclasses import replace

from faas_toolkit.core.call import Answer, Call, Caller
from faas_toolkit.core.chain import InvokeFunction, Proceed
from faas_toolkit.core.errors import (
    BadResponse,
    Blocked,
    Cancelled,
    Failure,
    FunctionError,
    InvalidInput,
    NotFound,
    Throttled,
    TimeoutUnknown,
    Unavailable,
)
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import printable, shortened
from faas_toolkit.core.upload import described
from faas_toolkit.pipeline.masking import Masker, masker_of

_REASON_CHARS = 500
_PASSED_ON = (Throttled, Unavailable, FunctionError, BadResponse, Cancelled)


class Consult:
    """The consult policy.

    Args:
        before: the function's name by operation.
        invoke: calls a function of the catalog.
        detect: detectors of the personal data in what the function says (`pipeline/review.py`).
        redact: removes the configuration's secrets from what the function says.
    """

    def __init__(
        self,
        *,
        before: Mapping[str, str],
        invoke: InvokeFunction,
        detect: tuple[str, ...] = (),
        redact: SecretRedactor | None = None,
    ) -> None:
        self._before = before
        self._invoke = invoke
        self._detect = detect
        self._redact = redact or SecretRedactor(())

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """Hands on the call, rewritten if the function says so.

        Raises:
            Blocked: the function refused; with its reason.
            BadResponse: it answered something else. Its own failures pass, saying that the check was not made.
        """
        name = self._before.get(call.operation.name)
        if name is None:
            return proceed(call)
        masker = masker_of(call, self._detect, redact=self._redact)
        try:
            rewritten = self._rewritten(name, call, masker)
        except Failure as failure:
            raise masker.failure(failure) from failure
        if rewritten is None:
            return proceed(call)
        try:
            return proceed(replace(call, arguments=rewritten))
        except (InvalidInput, NotFound) as failure:  # they repeat the function's words, which review takes for the caller's own
            raise masker.failure(failure) from failure

    def _rewritten(self, name: str, call: Call, masker: Masker) -> Mapping[str, object] | None:
        verdict = self._ask(name, call)
        if verdict["allow"] is False:
            call.record.decide("consult", "refused", name)
            reason = self._reason(verdict, name, masker)
            raise Blocked(reason, hint="Ask for something else, or ask an administrator about this rule.")
        rewritten = verdict.get("arguments")
        call.record.decide("consult", "allowed" if rewritten is None else "rewritten", name)
        return None if rewritten is None else self._checked(name, call, rewritten, masker)

    def _ask(self, name: str, call: Call) -> Mapping[str, object]:
        payload = {"operation": call.operation.name, "arguments": described(call.arguments), "caller": _described(call.caller)}
        try:
            verdict = self._invoke(name, payload, call)
        except Failure as failure:
            call.record.decide("consult", failure.kind, name)
            raise _not_made(name, call, failure) from failure
        if not isinstance(verdict, Mapping) or not isinstance(verdict.get("allow"), bool):
            call.record.decide("consult", "bad_response", name)
            raise _broken(name, 'it must answer {"allow": true} or {"allow": false, "reason": "…"}')
        return verdict

    def _reason(self, verdict: Mapping[str, object], name: str, masker: Masker) -> str:
        reason = verdict.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            return f"The rule {name!r} of this workspace refuses the call."
        # Cleaned before it is cut, so that nothing is torn before it is found.
        return printable(
            masker.text(shortened(self._redact.beginning(reason, 4 * _REASON_CHARS), 2 * _REASON_CHARS)), _REASON_CHARS
        )

    def _checked(self, name: str, call: Call, rewritten: object, masker: Masker) -> Mapping[str, object]:
        if not isinstance(rewritten, Mapping):
            raise _broken(name, "its rewritten `arguments` must be an object")
        check = call.operation.shape.check
        try:
            return check(rewritten)
        except Failure:
            try:
                check(masker.value(self._redact.value(rewritten)))
            except Failure as failure:  # in the same words, which repeat nothing that was to be hidden
                raise _broken(name, f"its rewritten `arguments` do not fit: {failure.message}") from failure
            raise _broken(name, "its rewritten `arguments` do not fit") from None


def _described(caller: Caller) -> dict[str, object]:
    return {
        "subject": caller.subject,
        "verified": caller.verified,
        "roles": list(caller.roles),
        "groups": sorted(caller.groups),
        "tenant": caller.tenant,
    }


def _not_made(name: str, call: Call, failure: Failure) -> Failure:
    """The function's failure as the call's own. The operation did not run, so the call may be repeated where a retry can help.

    What the function's caller did wrong (its name, its arguments, a grant) is not what this caller did wrong: it is a fault of
    the catalog, and the call is unavailable until an administrator repairs it.
    """
    message = f"{call.operation.tool} did not run: the check by {name!r} could not be made. {failure.message}"
    kind = type(failure) if isinstance(failure, _PASSED_ON) else Unavailable
    if not isinstance(failure, (*_PASSED_ON, TimeoutUnknown)):
        hint = f"An administrator looks at `operations.{call.operation.name}.before` in the catalog."
        return kind(message, hint=hint, retryable=False, not_executed=True)
    return kind(message, hint=failure.hint, retryable=failure.retryable, retry_after=failure.retry_after, not_executed=True)


def _broken(name: str, what: str) -> BadResponse:
    return BadResponse(f"The check by {name!r} did not keep its contract: {what}.", hint="The function's owner has to repair it.")
