"""How many processes ask for a workspace's limits, as far as Redis was told: what a limit is divided by while Redis is away."""

import secrets

from faas_toolkit.core.clock import Clock
from faas_toolkit.state.redis.connection import RedisConnection
from faas_toolkit.state.redis.script import Script

TELL_EVERY = 10.0
"""Seconds between two signs of life; a call of the workspace carries one along, so a process without calls gives none."""
GONE_AFTER = 60
"""Seconds without a sign of life after which a process no longer counts."""
_MOST_WORKSPACES = 10_000

_TELL = Script(
    """
local time = redis.call('TIME')
local now = tonumber(time[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""
)


class Members:
    """The processes of each workspace, this one included."""

    def __init__(self, connection: RedisConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._process = secrets.token_hex(8)
        self._known: dict[str, tuple[float, int]] = {}  # workspace -> when to tell again, how many there were

    def count(self, workspace: str) -> int:
        """How many there were when Redis was last told; 1 where it never was."""
        return self._known.get(workspace, (0.0, 1))[1]

    def tell(self, workspace: str) -> None:
        """Gives a sign of life where one is due; raises `Unavailable`."""
        now = self._clock.monotonic()
        due, before = self._known.get(workspace, (0.0, 1))
        if now < due:
            return
        if len(self._known) >= _MOST_WORKSPACES:
            self._known.clear()
        self._known[workspace] = (now + TELL_EVERY, before)  # others need not tell while this one does
        count = self._connection.run(_TELL, (f"{{{workspace}}}:processes",), (self._process, GONE_AFTER))
        self._known[workspace] = (now + TELL_EVERY, max(1, int(count)))
