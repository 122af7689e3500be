"""Cells that processes share, and what decides in their place while Redis is away (design.md §4).

`local_share`: this process, with its share of each limit: the limit divided by the processes that were alive when Redis was.
`closed`: nothing that has to be decided is let through. `open`: this process, without limits; breakers go on.

How a call ended is told to whoever may have let it through: to Redis, and to this process while it remembers anything. It counts
once in each, and a call that is unknown there changes nothing; so neither an outage nor an answer that was lost on its way counts
one call twice.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.base import Step
from faas_toolkit.state.config import RedisGone
from faas_toolkit.state.memory import MemoryCells
from faas_toolkit.state.redis.cells import RedisCells, ScriptForm
from faas_toolkit.state.redis.members import Members


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

    def apply[R](self, keys: tuple[str, ...], step: Step[R]) -> R:
        """Runs the step on Redis, or where that is away, as the catalog says.

        Raises:
            Unavailable: Redis is away, and the catalog says `closed`.
            Blocked: the address of Redis may not be opened.
        """
        concludes = self._forms[step.name].concludes
        try:
            reply = self._shared.apply(keys, step)
        except Unavailable as failure:
            return self._without(keys, step, failure, concludes=concludes)
        if concludes and len(self._local):
            self._local.apply(keys, step)
        with suppress(Unavailable):
            self._members.tell(keys[0].partition(":")[0])
        return reply

    def _without[R](self, keys: tuple[str, ...], step: Step[R], failure: Unavailable, *, concludes: bool) -> R:
        if concludes:  # the call has its answer, which must not be lost over this
            return self._local.apply(keys, step)
        self._count(self._gone)
        if self._gone == "closed":
            raise failure
        processes = self._members.count(keys[0].partition(":")[0]) if self._gone == "local_share" else None
        share: Step[R] = self._forms[step.name].share(step, processes)
        return self._local.apply(keys, share)
