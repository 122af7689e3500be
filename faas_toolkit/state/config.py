"""The stores' part of the catalog."""

from typing import Literal

from faas_toolkit.net.config import Section

RedisGone = Literal["local_share", "closed", "open"]


class StateConfig(Section):
    """How counters behave that processes share."""

    redis_gone: RedisGone = "local_share"
    """What decides about limits while Redis is away: each process with its share of them, nobody, or nothing limits."""
