"""Answers past their time are asked for anew in the background, each once at a time and a few at once."""

import logging
from collections.abc import Hashable
from dataclasses import replace

from cachetools import TTLCache

from faas_toolkit.core.call import Call, Record
from faas_toolkit.core.chain import Policy
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.host import AbsentHost
from faas_toolkit.core.offload import Spawn
from faas_toolkit.pipeline.cached_read import CachedRead

MOST_AT_ONCE = 16
_REST_SECONDS = 5.0
"""Between two attempts at one answer, so that a target that is down is not asked by every call."""
_MOST_RESTING = 4_096
_log = logging.getLogger("faas_toolkit.cache")


class Refreshes:
    """What is being renewed.

    Args:
        spawn: runs work in the background; it keeps the configuration alive meanwhile.
        audit: stands around each refresh, so that it has a row and is counted as any other question to a target.
        clock: of the process.
    """

    def __init__(self, *, spawn: Spawn, audit: Policy, clock: Clock) -> None:
        self._spawn = spawn
        self._audit = audit
        self._clock = clock
        self._running: set[Hashable] = set()
        self._resting: TTLCache[Hashable, bool] = TTLCache(_MOST_RESTING, _REST_SECONDS, timer=clock.monotonic)

    def begin(self, read: CachedRead) -> None:
        """Asks anew what this read asked, with its caller and scope, unless somebody does already."""
        key = (read.call.workspace.id, read.name)
        if key in self._running or key in self._resting or len(self._running) >= MOST_AT_ONCE:
            return
        self._running.add(key)
        self._resting[key] = True
        self._spawn(lambda: self._run(key, read))

    def _run(self, key: Hashable, read: CachedRead) -> None:
        """What fails has its audit row; the caller was answered long ago, and the old answer stays until its end."""
        try:
            self._ask(replace(read, call=self._in_background(read.call)))
        except Failure as failure:
            _log.info("An answer could not be renewed: %s", failure.kind)
        except Exception as error:  # noqa: BLE001 - nobody waits for it; only the class is told, since the text may hold a secret
            _log.error("Renewing an answer failed: %s", type(error).__name__)
        finally:
            self._running.discard(key)

    def _ask(self, read: CachedRead) -> None:
        token, _ = read.take_lead()
        if token is not None:
            self._audit(read.call, lambda call: replace(read, call=call).ask(token))

    def _in_background(self, call: Call) -> Call:
        record = Record(request_id=f"{call.record.request_id}-refresh", started=self._clock.monotonic(), caller=call.caller)
        record.decide("cache", "refresh")
        return replace(call, deadlines=Deadlines.start(self._clock), record=record, host=AbsentHost())
