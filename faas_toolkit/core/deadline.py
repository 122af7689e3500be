"""How long a call may still take.

Dify never sends a cancel (dify-runtime §3), so a deadline is the only thing that ever releases a stuck call.
"""

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import TimeoutUnknown, Unavailable
from faas_toolkit.core.immutable import immutable

FIRST_CONTENT_SECONDS = 50.0
IDLE_SECONDS = 60.0
TOTAL_SECONDS = 230.0


@immutable
class Deadline:
    """A point on the monotonic clock."""

    clock: Clock
    at: float

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> "Deadline":
        """A deadline this many seconds from now."""
        return cls(clock, clock.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock.monotonic())

    def expired(self) -> bool:
        """Whether no time is left."""
        return self.clock.monotonic() >= self.at

    def earlier(self, seconds: float) -> "Deadline":
        """The earlier of this deadline and one that many seconds from now."""
        return Deadline(self.clock, min(self.at, self.clock.monotonic() + seconds))

    def require(self, what: str, *, sent: bool) -> None:
        """Raises when no time is left for `what`.

        Raises:
            TimeoutUnknown: time is up and the request was already sent.
            Unavailable: time is up before anything was sent, so it is safe to repeat.
        """
        if not self.expired():
            return
        if sent:
            raise TimeoutUnknown(f"No answer from {what} before the call's deadline.")
        raise Unavailable(f"No time was left to ask {what}.", not_executed=True)


@immutable
class Deadlines:
    """The three bounds of a call: to the first content, between chunks (seconds), and in all."""

    first_content: Deadline
    total: Deadline
    idle: float = IDLE_SECONDS

    @classmethod
    def start(cls, clock: Clock, first_content: float = FIRST_CONTENT_SECONDS, total: float = TOTAL_SECONDS) -> "Deadlines":
        """Starts all clocks of a call now."""
        return cls(Deadline.after(clock, first_content), Deadline.after(clock, total))


class StreamPace:
    """How long the next piece of one stream may take: up to a fixed point until its first content, then the idle time each.

    What arrives before the first content (a server's keep-alive, an empty piece) wins no time.

    Args:
        first_content: until then.
        deadlines: the call's; its `total` bounds everything.
    """

    def __init__(self, first_content: Deadline, deadlines: Deadlines) -> None:
        self._first_content = first_content
        self._deadlines = deadlines
        self._flowing = False
        self._ends: Deadline | None = None

    def flow(self) -> None:
        """The first content is here."""
        self._flowing = True

    def wind_down(self, seconds: float) -> None:
        """All content is here; all that still comes, signs of life included, is waited for only so long."""
        self._ends = (self._ends or self._deadlines.total).earlier(seconds)

    def remaining(self) -> float:
        """Seconds for the next piece, never negative."""
        total = (self._ends or self._deadlines.total).remaining()
        return min(self._deadlines.idle if self._flowing else self._first_content.remaining(), total)
