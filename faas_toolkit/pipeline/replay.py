"""An effect under an idempotency key runs once; whoever repeats it is given what it came to.

A note is written before the effect. So after a crash between the effect and its outcome a repetition finds the note alone, and is
told that it may have happened, instead of making it happen twice.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from faas_toolkit.core.call import Answer, Call, Workspace
from faas_toolkit.core.canonical import digest
from faas_toolkit.core.chain import Proceed
from faas_toolkit.core.errors import (
    Blocked,
    Failure,
    Forbidden,
    InvalidInput,
    NotFound,
    Throttled,
    TimeoutUnknown,
    Unauthenticated,
    Unavailable,
)
from faas_toolkit.core.operation import Effects
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.cached_answer import answer_as_dict, answer_from_dict, failure_from_dict
from faas_toolkit.pipeline.flights import Flights

_REFUSALS = (InvalidInput, Unauthenticated, Forbidden, NotFound, Throttled, Blocked)
"""Kinds by which a target, or a policy before it, says that it did nothing."""

MAX_KEY_CHARS = 200


class Begun(Protocol):
    """What an earlier call left."""

    @property
    def payload(self) -> str:
        """The digest of its arguments; empty where it cannot be known any more."""
        ...

    @property
    def result(self) -> Mapping[str, Any] | None:
        """What it came to; None where nobody said."""
        ...


class OutcomeStore(Protocol):
    """Where outcomes are kept for a day (`state/cache/outcomes.py`)."""

    def begin(self, workspace: Workspace, name: str, payload: str) -> Begun | None:
        """Notes that the effect begins, or returns what an earlier call left."""
        ...

    def finish(self, workspace: Workspace, name: str, payload: str, result: Mapping[str, object]) -> None:
        """Keeps what the effect came to; raises TypeError or ValueError where JSON cannot say it."""
        ...

    def forget(self, workspace: Workspace, name: str) -> None:
        """Takes the note back: nothing was done."""
        ...


class Replay:
    """Runs an effect, or replays its outcome."""

    def __init__(self, outcomes: OutcomeStore) -> None:
        self._outcomes = outcomes
        self._flights = Flights()

    def __call__(self, call: Call, effects: Effects, idempotency_key: str, proceed: Proceed) -> Answer | Stream:
        """The answer of the effect, which runs at most once for each caller and key.

        Raises:
            InvalidInput: the key was used for something else, or is too long.
            TimeoutUnknown: it began earlier, and what it came to is not known.
            Unavailable: the note could not be written, so nothing was run.
        """
        if len(idempotency_key) > MAX_KEY_CHARS:
            raise InvalidInput(f"An idempotency key has at most {MAX_KEY_CHARS} characters.", hint="Example: order-4711-refund.")
        name = digest([call.operation.name, call.caller.subject, idempotency_key])
        key = (call.workspace.id, name)
        while True:
            flight, leads = self._flights.join(key)
            if leads:
                try:
                    return self._lead(call, name, effects, proceed)
                finally:
                    self._flights.land(key)
            flight.wait(call.deadlines.first_content)

    def _lead(self, call: Call, name: str, effects: Effects, proceed: Proceed) -> Answer | Stream:
        payload = digest(dict(call.arguments))
        begun = self._outcomes.begin(call.workspace, name, payload)
        if begun is not None and begun.payload not in ("", payload):
            raise InvalidInput(
                "This idempotency key was used for another request.", hint="Use a new key for each thing that is to happen."
            )
        if begun is not None and begun.result is not None:
            return _replayed(call, begun.result)
        if begun is not None and effects == "once":
            call.record.decide("cache", "replayed", "unknown")
            raise _unknown()
        call.record.decide("cache", "miss")
        return self._run(call, name, payload, effects, proceed)

    def _run(self, call: Call, name: str, payload: str, effects: Effects, proceed: Proceed) -> Answer | Stream:
        try:
            answer = proceed(call)
        except Failure as failure:
            self._settle(call, name, payload, effects, failure)
            raise
        if isinstance(answer, Answer):  # a stream cannot be replayed: its note stays, so that it does not run twice either
            self._finish(call, name, payload, {"answer": answer_as_dict(answer)})
        return answer

    def _settle(self, call: Call, name: str, payload: str, effects: Effects, failure: Failure) -> None:
        """A failure after which nothing was done frees the key; one that is final is kept; after any other the note stays."""
        repeatable = effects == "idempotent" and failure.retryable
        if failure.not_executed or repeatable or isinstance(failure, _REFUSALS):
            try:
                self._outcomes.forget(call.workspace, name)
            except Unavailable:
                call.record.decide("cache", "not freed")
        elif not isinstance(failure, (TimeoutUnknown, Unavailable)):
            self._finish(call, name, payload, {"failure": failure.as_dict()})

    def _finish(self, call: Call, name: str, payload: str, result: Mapping[str, object]) -> None:
        """Keeps the outcome; where that fails, the caller is told it all the same, and the note bars repetitions."""
        try:
            self._outcomes.finish(call.workspace, name, payload, result)
        except (Unavailable, TypeError, ValueError):
            call.record.decide("cache", "not kept")


def _replayed(call: Call, result: Mapping[str, Any]) -> Answer:
    call.record.cached = True
    call.record.decide("cache", "replayed")
    if "failure" in result:
        raise failure_from_dict(result["failure"])
    return answer_from_dict(result["answer"])


def _unknown() -> TimeoutUnknown:
    return TimeoutUnknown(
        "An earlier call with this idempotency key began, and what it came to is not known (yet).",
        hint="Ask again later with the same key, or look whether it happened and use a new key.",
    )
