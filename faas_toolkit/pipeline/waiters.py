"""Who waits for a place in flight, over all processes: who came first starts first. Pure, in whole microseconds.

A process asks for the first of its own waiters only, and again every 25 ms (`pipeline/turns.py`), so these few lines are all it
takes for no process to be passed over because another's calls hand their places to each other. Who is not seen for half a second
has gone, and so has who would not wait any longer.
"""

SEEN_WITHIN = 500_000
"""Microseconds."""


class Waiters:
    """The waiters of one target, in the order in which they came."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def ahead(self, call: str, now: int) -> int:
        """How many came before the call; all of them, where it does not wait."""
        waiting = self._until
        if not waiting:
            return 0
        for other in [other for other, until in waiting.items() if until <= now and other != call]:
            del waiting[other]
        return list(waiting).index(call) if call in waiting else len(waiting)

    def note(self, call: str, now: int, patience: int) -> None:
        """The call waits, or waits no longer where it has no patience left."""
        if patience > 0:
            self._until[call] = now + min(SEEN_WITHIN, patience)
        else:
            self._until.pop(call, None)
