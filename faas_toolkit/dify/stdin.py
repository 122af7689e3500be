"""How the wire is read: by the hub itself.

The SDK lets one of the hub's ten native threads wait for each piece of input, the same threads that look up names. Waking one
and being woken by it costs more than all policies of a call, for a request as for each piece of a model's stream that Dify sends
back; and while ten names are looked up slowly, nothing is read at all (decision 0028).
"""

import os
import select

import gevent
from gevent.monkey import get_original

PIECE_BYTES = 65_536
"""As much as a pipe holds on Linux."""
IN_A_ROW = 4
"""So many pieces are read at once where they are there; then others come first, however much is waiting."""
_READABLE = 1
_AFTER_THE_END = 0.05
"""Seconds; the SDK asks again and again, and ends the process when its parent has gone."""


class StandardInput:
    """Reads what has come, and waits in the hub where nothing has.

    Args:
        number: of the file.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._hub = gevent.get_hub()
        self._watcher = self._hub.loop.io(number, _READABLE)
        self._poll = get_original("select", "poll")()  # gevent's own yields
        self._poll.register(number, select.POLLIN)
        self._in_a_row = 0

    def read(self) -> bytes:
        """The next piece; empty at the end of the file."""
        self._in_a_row += 1
        if self._in_a_row > IN_A_ROW or not self._poll.poll(0):
            self._in_a_row = 0
            self._hub.wait(self._watcher)
        data = os.read(self._number, PIECE_BYTES)
        if not data:
            gevent.sleep(_AFTER_THE_END)
        return data
