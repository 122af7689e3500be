"""Equal questions asked at once, in this process: one asks, the others wait for what it gets."""

import copy
import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NoReturn

from faas_toolkit.core.call import Answer
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure, TimeoutUnknown


@dataclass(slots=True, eq=False)
class Flight:
    """One question on its way."""

    answer: Answer | None = None
    stale: bool = False
    """Whether the answer is past its time."""
    failure: Failure | None = None
    """Neither of both, once it has landed: each follower has to see for itself."""
    _landed: threading.Event | None = None

    def land(self) -> None:
        """Wakes those who wait."""
        if self._landed is not None:
            self._landed.set()

    def wait(self, deadline: Deadline) -> None:
        """Waits until the flight has landed.

        Raises:
            TimeoutUnknown: the follower's own deadline came first.
        """
        if self._landed is None:
            self._landed = threading.Event()  # made by the first who waits, and looked up then: gevent replaces the class
        if not self._landed.wait(deadline.remaining()):
            raise TimeoutUnknown("An equal call is on its way and did not end before this call's deadline.")

    def raise_copy(self, failure: Failure) -> NoReturn:
        """Raises the leader's failure to a follower; a copy, as a traceback belongs to one greenlet."""
        raise copy.copy(failure) from failure


class Flights:
    """The flights of one process, each kept only while it is in the air."""

    def __init__(self) -> None:
        self._in_the_air: dict[Hashable, Flight] = {}

    def join(self, key: Hashable) -> tuple[Flight, bool]:
        """The flight of this key, and whether the caller leads it; a leader must `land` it."""
        flight = self._in_the_air.get(key)
        if flight is not None:
            return flight, False
        flight = self._in_the_air[key] = Flight()
        return flight, True

    def land(self, key: Hashable) -> None:
        """Ends the flight, whatever it came to."""
        self._in_the_air.pop(key).land()
