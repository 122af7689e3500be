"""One deployment after the other, until one begins to answer."""

from collections.abc import Sequence

from faas_toolkit.capabilities.models.generation import Generation
from faas_toolkit.capabilities.models.port import Asked, Deployment
from faas_toolkit.core.call import Call
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import (
    BadResponse,
    Failure,
    FunctionError,
    NotFound,
    QuotaSpent,
    Throttled,
    TimeoutUnknown,
    TooLarge,
    Unavailable,
)
from faas_toolkit.core.stream import Stream

MOVES_ON = (Unavailable, Throttled, TimeoutUnknown, BadResponse, TooLarge, FunctionError, NotFound)
"""What says something of the deployment. All else says something of the request: another deployment would be asked to do what
one has found wrong (`invalid_input`), or what one has refused on purpose (`blocked`), and that must not be shopped around.

A quota of the caller's own is the same everywhere, unless it is counted by model. `too_large` moves on, because the next one may
take a longer prompt or allow more tokens; `not_found` is a function that is gone.
"""


def patience_of(call: Call, longest: float) -> Deadline:
    """Until when this call waits for limits: as long as it wishes (`max_wait`), at most `longest` seconds."""
    wished = call.arguments["max_wait"]
    return call.deadlines.total.earlier(min(longest, wished) if isinstance(wished, (int, float)) else longest)


def ask_in_order(
    generation: Generation, deployments: Sequence[Deployment], asked: Asked, call: Call, patience: Deadline
) -> Stream:
    """The stream of the first deployment that begins to answer. What fails after that is the caller's to see.

    Args:
        generation: asks one deployment.
        deployments: in the order in which they are asked.
        asked: what.
        call: for whom; all share its deadline to the first content.
        patience: until when limits may be waited for, over all deployments.

    Raises:
        Failure: of the one deployment that has the last word, or one that names what each of them said.
    """
    failures: list[tuple[Deployment, Failure]] = []
    for deployment in deployments:
        if failures and call.deadlines.first_content.expired():
            break
        try:
            stream = generation(deployment, asked, call, patience.remaining())
        except MOVES_ON as failure:
            call.record.decide("models", failure.kind, deployment.name)
            if isinstance(failure, QuotaSpent) and not failure.by_model:
                raise
            failures.append((deployment, failure))
        else:
            call.record.decide("models", "answered", f"{deployment.name} {deployment.api_version}".strip())
            return stream
    raise _summed_up(failures)


def _summed_up(failures: Sequence[tuple[Deployment, Failure]]) -> Failure:
    last = failures[-1][1]
    if len(failures) == 1:
        return last
    kinds = {type(failure) for _, failure in failures}
    waits = [failure.retry_after for _, failure in failures if failure.retry_after is not None]
    said = " ".join(f"{deployment.name}: {failure.message}" for deployment, failure in failures)
    make = kinds.pop() if len(kinds) == 1 else Unavailable
    return make(
        f"None of {len(failures)} models answered. {said}",
        hint=next((failure.hint for _, failure in failures if failure.hint), ""),
        retryable=any(failure.retryable for _, failure in failures),
        retry_after=min(waits, default=None),
        not_executed=all(failure.not_executed for _, failure in failures),
    )
