"""Cells on Redis: each decision is one script beside the data, in one round trip and on the server's clock.

All keys of a workspace carry its id as their hash tag, so a Cluster keeps them on one server, and a call's quotas can be decided
together with its target's limits.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faas_toolkit.core.immutable import immutable
from faas_toolkit.state.base import Step
from faas_toolkit.state.redis.connection import RedisConnection, Word
from faas_toolkit.state.redis.script import Script

LAYOUT = "1"
"""A part of each key: processes with another layout of the cells do not read these."""

_TARGET = re.compile(r"[a-z_]{1,20}:[A-Za-z0-9_.-]{1,140}")


def _unshared[S](step: S, processes: int | None) -> S:
    return step


def _nothing_taken(step: object, reply: object) -> None:
    return None


REFUSED = object()
"""The reply of nobody: the call may not go on."""


@immutable(kw_only=True)
class ScriptForm:
    """The script that comes to the same decision as the steps of one name."""

    script: Script
    """It finds two keys for each cell, a hash and a sorted set, and the time before its arguments; empty: Redis' own clock."""
    arguments: Callable[[Any], Sequence[Word]]
    """What the step says, in words."""
    reply: Callable[[Any, Any], Any]
    """From the step and the script's answer, what the step would have replied."""
    concludes: bool = False
    """It tells how something ended and decides nothing; its reply is None."""
    undo: Callable[[Any, Any], Any] = _nothing_taken
    """The step that takes back what the step has taken on a store whose answer was lost, after this reply of another one; None:
    nothing is to be taken back, as the call goes on. The reply is `REFUSED` where no other one was asked."""
    share: Callable[[Any, int | None], Any] = _unshared
    """The step with its limits divided among so many processes; None: without limits."""


def keys_of(key: str) -> tuple[str, str]:
    """A cell's keys on Redis: its hash, and the set of those who hold a place in it.

    What is not simply the name of a target is hashed: a quota's key says what it counts, and for whom under a blind name
    (`pipeline/admission.py`); neither has to lie in clear on a server that others may read, and the hash is shorter.
    """
    workspace, _, rest = key.partition(":")
    if not _TARGET.fullmatch(rest):
        rest = hashlib.sha256(rest.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    name = f"{{{workspace}}}:{LAYOUT}:{rest}"
    return name, f"{name}:leases"


class RedisCells:
    """`Cells` that all processes share which name the same Redis.

    Args:
        connection: to it.
        forms: by the name of the step.
        now: microseconds; only where a test is the master of time.
    """

    def __init__(
        self, connection: RedisConnection, forms: Mapping[str, ScriptForm], *, now: Callable[[], int] | None = None
    ) -> None:
        self._connection = connection
        self._forms = forms
        self._now = now

    def apply[R](self, keys: tuple[str, ...], step: Step[R]) -> R:
        """Runs the step's script.

        Raises:
            Unavailable: Redis does not answer; without `not_executed` the step may have been run all the same.
            Blocked: it may not be opened.
        """
        form = self._forms[step.name]
        names = tuple(name for key in keys for name in keys_of(key))
        time = self._now() if self._now is not None else ""
        reply: R = form.reply(step, self._connection.run(form.script, names, (time, *form.arguments(step))))
        return reply
