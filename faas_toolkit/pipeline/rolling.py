"""How much happened in the last period: pure, in whole microseconds, without a clock."""

PARTS = 64


def micros(seconds: float) -> int:
    """Whole microseconds."""
    return int(seconds * 1_000_000 + 0.5)


class Rolling:
    """How much happened in the last period: counts by part, and their running sum.

    Args:
        period: microseconds.
        parts: in how many parts the period is cut; the part that is only half in the period counts whole.
    """

    __slots__ = ("counts", "memory", "newest", "parts", "used", "width")

    def __init__(self, period: int, parts: int = PARTS) -> None:
        self.parts = parts
        self.width = max(1, -(-period // parts))  # rounded up: the parts together are never shorter than the period
        self.memory = self.width * (parts + 2)
        """Microseconds after which what was counted means nothing any more."""
        self.newest = 0
        self.used = 0
        self.counts: dict[int, int] = {}  # in the order of time, as only the newest part is ever added

    def advance(self, now: int) -> None:
        """Moves on to the part of `now`, if that is newer; touches only the parts that expire by it."""
        part = now // self.width
        if part <= self.newest:
            return
        self.newest = part
        oldest = part - self.parts
        counts = self.counts
        while counts:
            first = next(iter(counts))
            if first >= oldest:
                break
            # The default is for a settlement that the garbage collector ran in between.
            self.used -= counts.pop(first, 0)

    def add(self, now: int, amount: int) -> int:
        """Counts in the part of `now`, or in the newest if that is later; returns the part."""
        self.advance(now)
        self.counts[self.newest] = self.counts.get(self.newest, 0) + amount
        self.used += amount
        return self.newest

    def change(self, part: int, difference: int) -> None:
        """Charges or gives back in the part where something was counted; nothing where that has expired."""
        if part in self.counts:
            self.counts[part] += difference
            self.used += difference
