"""The one tree of failures.

Inside the toolkit a failure is an exception of this tree; only an adapter turns it into an answer.

    Failure
    ├── InvalidInput       the caller's arguments are wrong; the text says what would be right
    ├── Unauthenticated    the identity token is missing, malformed or expired
    ├── Forbidden          known caller, not allowed
    ├── NotFound           no such record, function, source (also what a caller may not know of)
    ├── Throttled          a limit or a vendor's 429; `retry_after` says when
    ├── TooLarge           a body, a result or a file above its bound
    ├── Blocked            refused by a policy: word list, egress guard, `before` function
    ├── FunctionError      the function ran and reported an error of its own
    ├── TimeoutUnknown     the request was sent and no answer came: it may have run
    ├── Unavailable        the target cannot be reached, refuses our credentials, or its breaker is open
    ├── BadResponse        the target answered something that is not its contract
    ├── Cancelled          the caller went away
    └── Internal           a fault of ours; its text says nothing about the inside

Texts of a `Failure` are safe to show to a user and to a model: no secret, no path, no traceback.
"""

from typing import ClassVar, Literal

Kind = Literal[
    "invalid_input",
    "unauthenticated",
    "forbidden",
    "not_found",
    "throttled",
    "too_large",
    "blocked",
    "function_error",
    "timeout_unknown",
    "unavailable",
    "bad_response",
    "cancelled",
    "internal",
]


class Failure(Exception):
    """A failed call, in words that may be shown.

    Args:
        message: what was wrong.
        hint: what to do about it, with an example where one helps; may be empty.
        retryable: whether the same call can succeed later; None takes the default of the kind.
        retry_after: seconds after which a repetition makes sense, if known.
        not_executed: true when it is certain that the target did nothing (so even an effect may be repeated).
    """

    kind: ClassVar[Kind] = "internal"
    retryable_by_default: ClassVar[bool] = False
    by_gate = False
    """A limit, a breaker or a quota of ours refused: nobody was asked, and it says nothing of what stands further out."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool | None = None,
        retry_after: float | None = None,
        not_executed: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = self.retryable_by_default if retryable is None else retryable
        self.retry_after = retry_after
        self.not_executed = not_executed

    def as_dict(self) -> dict[str, object]:
        """The `error` variable of tools.md: kind, message, hint, retryable, retry_after (seconds or null)."""
        return {
            "kind": self.kind,
            "message": self.message,
            "hint": self.hint,
            "retryable": self.retryable,
            "retry_after": self.retry_after,
        }

    def as_text(self) -> str:
        """One paragraph for a model or a workflow's log: what was wrong, then what would be right."""
        return f"{self.message} {self.hint}".strip()


class InvalidInput(Failure):
    """The caller's arguments are wrong."""

    kind = "invalid_input"


class Unauthenticated(Failure):
    """Nobody proved who is asking, where proof is needed, or the proof does not hold."""

    kind = "unauthenticated"


class Forbidden(Failure):
    """The caller is known and may not do this."""

    kind = "forbidden"


class NotFound(Failure):
    """What was named does not exist, or the caller may not know that it does."""

    kind = "not_found"


class Throttled(Failure):
    """A limit of ours or a vendor's was reached."""

    kind = "throttled"
    retryable_by_default = True


class QuotaSpent(Throttled):
    """The caller's own quota has nothing left: that says nothing of a target, and whoever else is asked answers the same."""

    by_model = False
    """It is counted by model, so that another one may have room."""


class TooLarge(Failure):
    """Something exceeds its size limit."""

    kind = "too_large"


class Blocked(Failure):
    """A policy refused the call: review, egress guard or a `before` function."""

    kind = "blocked"


class FunctionError(Failure):
    """The function ran and reported an error of its own."""

    kind = "function_error"


class TimeoutUnknown(Failure):
    """The request was sent and no answer came in time: the effect may have happened."""

    kind = "timeout_unknown"
    retryable_by_default = True


class Unavailable(Failure):
    """The target cannot be reached, refuses our credentials, or is known to be down."""

    kind = "unavailable"
    retryable_by_default = True


class BadResponse(Failure):
    """The target answered something that is not its contract."""

    kind = "bad_response"


class Cancelled(Failure):
    """The caller went away before the answer."""

    kind = "cancelled"


class Internal(Failure):
    """A fault of the toolkit itself."""

    kind = "internal"


def every_kind() -> dict[str, type[Failure]]:
    """Each kind of the tree with its class."""
    return {subclass.kind: subclass for subclass in Failure.__subclasses__()}
