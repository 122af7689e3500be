"""A clock that moves only when a test says so, or when the code under test sleeps."""


class FakeClock:
    """A `core.clock.Clock` of which a test is the master.

    `sleep` moves time at once and notes the wait in `slept`; `advance` moves both kinds of time. Negative steps are refused,
    as the monotonic clock never goes back.
    """

    def __init__(self, monotonic: float = 1_000.0, epoch: float = 1_790_000_000.0) -> None:
        self._monotonic = monotonic
        self._epoch = epoch
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self._monotonic

    def epoch(self) -> float:
        return self._epoch

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"cannot sleep {seconds} s")
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"time does not go back by {seconds} s")
        self._monotonic += seconds
        self._epoch += seconds
