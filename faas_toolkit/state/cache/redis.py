"""The cache that processes on several machines share, and who of them makes a value anew: Redis. Loaded on first use.

A value and its lease lie on one server of a Cluster, as their keys share the part in braces. Each step is one round trip; nothing
here fails a call: where Redis is away, nothing is found and everyone leads for themselves.
"""

import secrets
from collections.abc import Callable
from typing import Any

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure
from faas_toolkit.state.cache.back_off import BackOff
from faas_toolkit.state.cache.envelope import MAX_SEALED_BYTES, Envelopes
from faas_toolkit.state.cache.port import Kept, Lead
from faas_toolkit.state.redis.connection import RedisConnection, Word
from faas_toolkit.state.redis.script import Script

_REST_SECONDS = 2.0
_OPEN = b"open"
"""What stands in a lease's place for a second after its holder had no value to put: everyone may ask, nobody waits."""

_TAKE = Script("""
local value = redis.call('GET', KEYS[1])
local held = redis.call('GET', KEYS[2])
if held then return {held == 'open' and 'open' or false, value} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {ARGV[1], value}
""")

_FINISH = Script("""
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('DEL', KEYS[2])
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
    return 1
end
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3], 'NX') and 1 or 0
""")

_GIVE_UP = Script("""
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('SET', KEYS[2], 'open', 'PX', 1000) end
""")


class RedisCache:
    """`SharedStore` on one Redis.

    Args:
        connection: to it.
        clock: for times to live and the pause after a failure.
    """

    name = "redis"

    def __init__(self, *, connection: RedisConnection, clock: Clock) -> None:
        self._connection = connection
        self._envelopes = Envelopes(clock)
        self._back_off = BackOff("cache in Redis", seconds=_REST_SECONDS, clock=clock)

    @property
    def problem(self) -> str:
        """Why it is left alone."""
        return self._back_off.problem

    def get(self, workspace: Workspace, name: str) -> Kept | None:
        """The value, or None, also where it was tampered with."""
        key, _ = self._keys(workspace, name)
        return self._opened(workspace, name, self._attempt(lambda: self._connection.ask(key, "GET", key)))

    def put(self, workspace: Workspace, name: str, kept: Kept) -> None:
        """Keeps the value, sealed; the server drops it when its time is over."""
        sealed = self._envelopes.seal(workspace, name, kept)
        if sealed is not None:
            key, _ = self._keys(workspace, name)
            self._attempt(lambda: self._connection.ask(key, "SET", key, sealed, "PX", _milliseconds(kept.seconds)))

    def take(self, workspace: Workspace, name: str, seconds: float) -> Lead:
        """A lease, unless another process has one; and the value, if it is there by now."""
        token = secrets.token_hex(8)
        answer = self._run(_TAKE, workspace, name, token, _milliseconds(seconds))
        if answer is None:
            return Lead("")
        held, sealed = answer
        kept = self._opened(workspace, name, sealed)
        if held is None:
            return Lead(None, kept)
        return Lead("" if held == _OPEN else token, kept)

    def finish(self, workspace: Workspace, name: str, token: str, kept: Kept) -> bool:
        """Keeps the value and ends the lease; False where a newer value stands there and stays."""
        sealed = self._envelopes.seal(workspace, name, kept)
        if sealed is None:
            self.give_up(workspace, name, token)
            return True
        kept_there: int | None = self._run(_FINISH, workspace, name, token, sealed, _milliseconds(kept.seconds))
        return kept_there != 0

    def give_up(self, workspace: Workspace, name: str, token: str) -> None:
        """Ends the lease without a value."""
        self._run(_GIVE_UP, workspace, name, token)

    def _keys(self, workspace: Workspace, name: str) -> tuple[str, str]:
        key = f"{{{workspace.id}}}:cache:{self._envelopes.blind(workspace, name)}"
        return key, f"{key}:lease"

    def _run(self, script: Script, workspace: Workspace, name: str, *arguments: Word) -> Any:  # noqa: ANN401 - as the script answers
        return self._attempt(lambda: self._connection.run(script, self._keys(workspace, name), arguments))

    def _opened(self, workspace: Workspace, name: str, sealed: bytes | None) -> Kept | None:
        if sealed is None or len(sealed) > MAX_SEALED_BYTES:
            return None
        kept = self._envelopes.open(workspace, name, sealed, self.name)
        return kept if kept is not None and kept.seconds > 0 else None

    def _attempt(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - as the server answers
        """What Redis answers; None where it does not, after which it is left alone for a moment."""
        if self._back_off.problem:
            return None
        try:
            return work()
        except Failure as failure:
            self._back_off.begin(failure.message)
            return None


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1_000))
