"""How a value lies on another machine: sealed together with the time at which it ends.

So whoever can write there can neither change a value, nor move it to another name or workspace, nor make it last longer.
Loaded on first use.
"""

import math
import struct

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept
from faas_toolkit.state.cipher import Keyring

_EXPIRES = struct.Struct(">d")
MAX_SEALED_BYTES = MAX_VALUE_BYTES + 1_000
"""A value with everything that sealing adds."""


class Envelopes:
    """Seals and opens values of all workspaces."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.epoch
        self._keyring = Keyring("cache/remote")

    def blind(self, workspace: Workspace, name: str) -> str:
        """What a value is called there: tells neither its name nor whose it is."""
        return self._keyring.cipher(workspace).blind(name)

    def seal(self, workspace: Workspace, name: str, kept: Kept) -> bytes | None:
        """The envelope; None where the value is too large, or over already."""
        if len(kept.value) > MAX_VALUE_BYTES or not kept.seconds > 0 or math.isinf(kept.seconds):
            return None
        return self._keyring.cipher(workspace).seal(name, _EXPIRES.pack(self._now() + kept.seconds) + kept.value)

    def open(self, workspace: Workspace, name: str, sealed: bytes, tier: str) -> Kept | None:
        """What was sealed, with no time left where it is over; None where it was changed, or is of another key or version."""
        plain = self._keyring.cipher(workspace).open(name, sealed)
        if plain is None or len(plain) < _EXPIRES.size:
            return None
        (expires,) = _EXPIRES.unpack_from(plain)
        return Kept(plain[_EXPIRES.size :], max(0.0, expires - self._now()), tier)
