"""The arithmetic of limits: pure, in whole microseconds, without a clock.

A period is cut into 64 parts. What may start now is the limit less everything in the last period, of which the oldest part
counts whole; so no rolling period ever holds more than the limit, a burst up to the limit starts at once, and a saturated limit
is used to 64/65 (98.4 %). (design.md §4 and model-routing.md §5.3.2 give the reasons and the measurements.)

Places are given first come, first served: whoever cannot start now may book the first part ahead that has room, and nobody who
comes later is placed before that. Therefore only the newest part can ever receive something, one running sum over the parts
before it decides, and the space is constant however far ahead is booked.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from faas_toolkit.core.outbound import LimitLine, Measure
from faas_toolkit.pipeline.rolling import Rolling, micros

type Usage = Mapping[str, int]
"""What was really used, by `LimitLine.unit`; other names in it are ignored."""

MOST_USED = 10**12
"""Of one call on one line: what a server says beyond that is nonsense, and sums must stay whole numbers in a double (< 2^53)."""


_ASK_AGAIN = 1_000_000
"""Microseconds after which to ask again where all places are free, but for others who came before."""


def weight_on(line: LimitLine, cost: Mapping[str, int]) -> int:
    """What a call weighs on a line: what it says, else 0 on a line of cost and 1 on any other."""
    return cost.get(line.unit, 0 if line.of == "cost" else 1)


class Ring(Rolling):
    """One line of a limit that has a period."""

    __slots__ = ("limit", "line", "quiet_since", "unit", "unsaid")

    def __init__(self, line: LimitLine, now: int) -> None:
        super().__init__(micros(line.per))
        self.line = line
        self.unit = line.unit
        self.unsaid = weight_on(line, {})
        """The weight of a call that says none."""
        self.limit = line.limit
        """The stated limit, or what it has grown to."""
        self.quiet_since = now

    def restate(self, line: LimitLine) -> None:
        """Takes over a changed line of the same measure and period; what was counted stays counted."""
        self.line = line
        self.limit = min(max(self.limit, line.limit), line.adapt_to or line.limit)

    def earliest(self, weight: int, now: int) -> int | None:
        """The first moment from `now` on that has room for the weight behind everything booked before; None: never."""
        if self.line.adapt_to is not None:
            self._grow(now)
        self.advance(now)
        excess = self.used + weight - self.limit
        first = self.newest
        if excess > 0:
            for part, count in self.counts.items():
                excess -= count
                if excess <= 0:
                    first = max(first, part + self.parts + 1)
                    break
            else:
                return None
        return max(now, first * self.width)

    def follow(self, part: int, weight: int, now: int) -> int | None:
        """Moves a booking whose caller woke up late; None where its part has expired under later bookings.

        It may start now and is counted in the newest part: nothing can be placed before that one any more, and what stands
        there was placed while this booking was counted too, so no rolling period gets more than it had room for.
        """
        if part >= now // self.width:
            return part
        self.advance(now)
        if part not in self.counts:
            return None
        self.change(part, -weight)
        return self.add(now, weight)

    def shrink(self, now: int) -> None:
        """Answers a 429: halves what was grown, never below the stated limit."""
        self.limit = max(self.line.limit, self.limit // 2)
        self.quiet_since = now

    def _grow(self, now: int) -> None:
        """Grows by 5 % for each full period without a 429, up to `adapt_to`."""
        period = micros(self.line.per)
        highest = self.line.adapt_to or self.limit
        while self.limit < highest and now - self.quiet_since >= period:
            self.limit = min(highest, self.limit + max(1, self.limit // 20))
            self.quiet_since += period


@dataclass(slots=True)
class Reservation:
    """What one call has taken from all lines of its target."""

    start: int
    expires: int
    """After this the holder counts as dead: it is no longer in flight, and what it spent stays spent."""
    bookings: list[tuple[Ring, int, int]]
    """Ring, part, weight."""
    turn: int = 0
    """Of the breaker, when it let the call through."""


@dataclass(slots=True)
class Place:
    """The reply to `find`."""

    outcome: Literal["reserved", "too_late", "full", "never"]
    start: int
    """When the call may start; where it was refused, when asking again makes sense."""
    line: LimitLine | None
    """The line that decided; None where no line did."""


class Limits:
    """All lines of one target, decided together: all or none."""

    __slots__ = ("_first_expiry", "_known", "in_flight", "lines", "memory", "pending", "rings", "until")

    def __init__(self, lines: tuple[LimitLine, ...], now: int) -> None:
        self.lines: tuple[LimitLine, ...] = ()
        self.rings: tuple[Ring, ...] = ()
        self._known: dict[tuple[str, float], Ring] = {}
        """Of lines that have been stated, by measure and period."""
        self.in_flight: LimitLine | None = None
        """The tightest line of `concurrency`."""
        self.memory = 0
        """Microseconds for which the longest line remembers what was booked."""
        self.until = 0
        """Until when anything here means something."""
        self.pending: dict[str, Reservation] = {}
        self._first_expiry: float = math.inf  # never later than the first expiry in `pending`
        self.restate(lines, now)

    def restate(self, lines: tuple[LimitLine, ...], now: int) -> None:
        """Takes over the lines of a changed catalog; a line of the same measure and period keeps what it has counted.

        Also one that was left out meanwhile: two nodes, or two configurations of one workspace, may have different catalogs.
        """
        rings = []
        for line in lines:
            if line.of == "concurrency":
                continue
            ring = self._known.get((line.unit, line.per))
            if ring is None:
                ring = self._known[line.unit, line.per] = Ring(line, now)
            ring.restate(line)
            rings.append(ring)
        self.lines, self.rings = lines, tuple(rings)
        self.memory = max((ring.memory for ring in rings), default=0)
        self.in_flight = min((line for line in lines if line.of == "concurrency"), key=lambda line: line.limit, default=None)

    def find(self, cost: Mapping[str, int], *, now: int, earliest: int, latest: int, ahead: int = 0) -> Place:
        """The first moment that suits all lines; takes nothing, so that several cells can be asked before one is changed.

        In this order: `full` where as many are in flight as a line of concurrency allows; `never` where a weight is above its
        limit; `too_late` where the moment lies after `latest`; else `reserved`, which `book` has to follow.

        Args:
            cost: the weight of the call by `LimitLine.unit`; where nothing is said 0 on a line of cost and 1 on any other.
            now: microseconds, like all times here.
            earliest: not before this.
            latest: rather not at all than after this.
            ahead: calls that wait for a place in flight and came before.
        """
        self._forget_expired(now)
        if self.in_flight is not None and len(self.pending) + ahead >= self.in_flight.limit:
            return Place("full", int(self._first_expiry) if self.pending else now + _ASK_AGAIN, self.in_flight)
        start, deciding = earliest, None
        for ring in self.rings:
            due = ring.earliest(cost.get(ring.unit, ring.unsaid), now)
            if due is None:
                return Place("never", now, ring.line)
            if due > start:
                start, deciding = due, ring.line
        return Place("too_late" if start > latest else "reserved", start, deciding)

    def book(self, reservation: str, cost: Mapping[str, int], start: int, lease: int) -> None:
        """Takes what `find` has found.

        Args:
            reservation: names it for `settle`.
            cost: the same as in `find`.
            start: when the call starts.
            lease: how long after its start the holder counts as alive; 0: it is never settled, and not in flight.
        """
        bookings = []
        for ring in self.rings:
            weight = cost.get(ring.unit, ring.unsaid)
            bookings.append((ring, ring.add(start, weight), weight))
        self.until = max(self.until, start + max(lease, self.memory))
        if lease:
            self.pending[reservation] = Reservation(start, start + lease, bookings)
            self._first_expiry = min(self._first_expiry, start + lease)

    def lifetime(self, now: int) -> int:
        """Microseconds for which this must be kept."""
        self.until = max(self.until, now + self.memory)
        return self.until - now

    def due(self, reservation: str, now: int) -> int | None:
        """When a booked call may start; None where it woke so late that its place is gone (then `settle` and reserve anew)."""
        held = self.pending.get(reservation)
        if held is None:
            return None
        if now < held.start:
            return held.start
        for index, (ring, part, weight) in enumerate(held.bookings):
            later = ring.follow(part, weight, now)
            if later is None:
                return None
            held.bookings[index] = (ring, later, weight)
        return now

    def settle(self, reservation: str, usage: Usage, give_back: Collection[Measure] = ()) -> Reservation | None:
        """Charges what was really used, in the parts where it was reserved; debt is allowed. Only the first time counts.

        Args:
            reservation: as in `reserve`.
            usage: what was really used; what is missing stays as it was reserved.
            give_back: measures of which nothing was used.

        Returns:
            The reservation, or None where it was settled before or its holder counted as dead.
        """
        held = self.pending.pop(reservation, None)
        if held is None:
            return None
        for ring, part, weight in held.bookings:
            used = 0 if ring.line.of in give_back else usage.get(ring.unit, weight)
            if used != weight:
                ring.change(part, min(max(0, used), MOST_USED) - weight)
        return held

    def refused(self, now: int) -> None:
        """The target answered 429: lines that have grown become smaller."""
        for ring in self.rings:
            ring.shrink(now)

    def _forget_expired(self, now: int) -> None:
        if now < self._first_expiry:
            return
        for reservation in [name for name, held in self.pending.items() if held.expires <= now]:
            del self.pending[reservation]
        self._first_expiry = min((held.expires for held in self.pending.values()), default=math.inf)
