"""Cells that processes share, and what decides in their place while Redis is away (design.md §4).

`local_share`: this process, with its share of each limit: the limit divided by the processes that were alive when Redis was.
`closed`: nothing that has to be decided is let through. `open`: this process, without limits; breakers go on.

How a call ended is told to whoever may have let it through: to Redis, as soon as that is back, and to this process while it
remembers anything. It counts once in each, and a call that is unknown there changes nothing; so neither an outage nor an answer
that was lost on its way counts one call twice, or keeps a place in flight that nobody holds.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from faas_toolkit.core.errors import Blocked, Unavailable
from faas_toolkit.state.base import Step
from faas_toolkit.state.config import RedisGone
from faas_toolkit.state.memory import MemoryCells
from faas_toolkit.state.redis.cells import REFUSED, RedisCells, ScriptForm
from faas_toolkit.state.redis.members import Members

_MOST_UNTOLD = 10_000
"""Calls; the oldest are dropped, and their places come back when their leases end."""
_TOLD_AT_ONCE = 20
"""What one call tells of others before it asks for itself: a few milliseconds."""


class SharedCells:
    """`Cells` on Redis that outlive it.

    Args:
        shared: on Redis.
        local: of this process, for this Redis alone.
        members: the processes that share the limits.
        forms: by the name of the step.
        gone: what decides while Redis is away.
        count: told each decision that was made without Redis, by `gone`.
    """

    def __init__(
        self,
        *,
        shared: RedisCells,
        local: MemoryCells,
        members: Members,
        forms: Mapping[str, ScriptForm],
        gone: RedisGone,
        count: Callable[[str], None],
    ) -> None:
        self._shared = shared
        self._local = local
        self._members = members
        self._forms = forms
        self._gone = gone
        self._count = count
        self._untold: dict[object, tuple[tuple[str, ...], Step[Any]]] = {}
        """By call: how those ended that Redis has not heard of."""

    def apply[R](self, keys: tuple[str, ...], step: Step[R]) -> R:
        """Runs the step on Redis, or where that is away, as the catalog says.

        Raises:
            Unavailable: Redis is away, and the catalog says `closed`.
            Blocked: the address of Redis may not be opened.
        """
        concludes = self._forms[step.name].concludes
        self._untold.pop(_call_of(step), None)
        try:
            self._tell_untold()
            reply = self._shared.apply(keys, step)
        except (Unavailable, Blocked) as failure:
            if concludes:  # the call has its answer, which must not be lost over this
                self._tell_later(keys, step)
                self._conclude_here(keys, step)
                return self._forms[step.name].reply(step, None)  # type: ignore[no-any-return]  # None, as `concludes` says
            if isinstance(failure, Blocked):
                raise
            return self._without(keys, step, failure)
        if concludes:
            self._conclude_here(keys, step)
        with suppress(Unavailable):
            self._members.tell(keys[0].partition(":")[0])
        return reply

    def _conclude_here(self, keys: tuple[str, ...], step: Step[Any]) -> None:
        if len(self._local):
            with suppress(Unavailable):  # all counters are in use; what it holds here ends with its lease
                self._local.apply(keys, step)

    def _without[R](self, keys: tuple[str, ...], step: Step[R], failure: Unavailable) -> R:
        self._count(self._gone)
        if self._gone == "closed":
            self._undo(keys, step, REFUSED, failure)
            raise failure
        processes = self._members.count(keys[0].partition(":")[0]) if self._gone == "local_share" else None
        share: Step[R] = self._forms[step.name].share(step, processes)
        reply = self._local.apply(keys, share)
        self._undo(keys, step, reply, failure)
        return reply

    def _undo(self, keys: tuple[str, ...], step: Step[Any], reply: object, failure: Unavailable) -> None:
        """Redis may have run the step, or run it yet, although its answer was lost: who is refused here holds no place there."""
        undo = None if failure.not_executed else self._forms[step.name].undo(step, reply)
        if undo is not None:
            self._tell_later(keys, undo)

    def _tell_later(self, keys: tuple[str, ...], step: Step[Any]) -> None:
        self._untold.pop(_call_of(step), None)
        self._untold[_call_of(step)] = (keys, step)
        if len(self._untold) > _MOST_UNTOLD:
            del self._untold[next(iter(self._untold))]

    def _tell_untold(self) -> None:
        """Tells Redis of some; raises `Unavailable` where it is away still. Twice does no harm: each counts once there."""
        for call, told in list(islice(self._untold.items(), _TOLD_AT_ONCE)):
            self._shared.apply(*told)
            if self._untold.get(call) is told:
                del self._untold[call]


def _call_of(step: Step[Any]) -> object:
    return getattr(step, "call", None)
