"""Asks several things at once, waits for all of them, and keeps what each one came to."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from faas_toolkit.core.call import Call
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Cancelled, Failure, InvalidInput, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import Attempt, Outbound, Target

_AT_ONCE = 8


@immutable
class Reply[T]:
    """What one of several sources came to."""

    name: str
    found: T | None = None
    failure: Failure | None = None


def ask_each[S, T](items: Sequence[S], work: Callable[[S], T]) -> list[T]:
    """What `work` gives for each item, in order; several at once, since each may wait for another machine."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(items))) as asking:
        return list(asking.map(work, items))


def ask_source[T](name: str, send: Callable[[Deadline], T], *, call: Call, target: Target | None, outbound: Outbound) -> Reply[T]:
    """One source's reply; its failure is kept, so that the others still count.

    Args:
        name: as the catalog names it.
        send: asks it once.
        call: the call.
        target: what the outbound chain knows of it; None: it passes a gate of its own, as a function does.
        outbound: the outbound chain.

    Raises:
        InvalidInput, Cancelled: they hold for the whole call.
    """
    try:
        found = send(call.deadlines.first_content) if target is None else outbound(Attempt(call=call, target=target, send=send))
    except (InvalidInput, Cancelled):
        raise
    except Failure as failure:
        return Reply(name, failure=failure)
    return Reply(name, found=found)


def none_answered[T](replies: Sequence[Reply[T]], what: str) -> Failure:
    """The failure where every source failed: the source's own where only one was asked. `what`: e.g. `CRM source`."""
    failures = [(reply.name, reply.failure) for reply in replies if reply.failure is not None]
    if len(failures) == 1:
        return failures[0][1]
    said = " ".join(f"{name}: {failure.message}" for name, failure in failures)
    return Unavailable(f"No {what} answered. {said}", retryable=any(failure.retryable for _, failure in failures))
