"""What a planner reads from the variables of a lookup: the facts about one company that the demo's functions take."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Customer:
    """One company with its deals, tickets and activities."""

    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As the store has it."""
        return str(self.record["name"])

    @property
    def id(self) -> str:
        """As the next lookup takes it."""
        return str(self.record["id"])

    @property
    def open_deals(self) -> list[Mapping[str, Any]]:
        """Deals that are neither won nor lost."""
        return self._deals("open")

    def count(self, status: str) -> int:
        """Deals of this status."""
        return len(self._deals(status))

    @property
    def open_tickets(self) -> int:
        """Tickets that are not closed."""
        return sum(ticket["status"] not in ("closed", "solved") for ticket in self._related("tickets"))

    def pipeline(self) -> list[dict[str, Any]]:
        """The value of the open deals, one sum for each currency."""
        sums: dict[str, float] = defaultdict(float)
        for deal in self.open_deals:
            sums[str(deal["currency"])] += float(deal["amount"])
        return [{"amount": round(amount, 2), "currency": currency} for currency, amount in sorted(sums.items())]

    def days_since_last_activity(self, today: date) -> int | None:
        """Whole days since anything happened; None where nothing ever did."""
        days = [date.fromisoformat(str(activity["at"])[:10]) for activity in self._related("activities")]
        past = [day for day in days if day <= today]
        return (today - max(past)).days if past else None

    def _deals(self, status: str) -> list[Mapping[str, Any]]:
        return [deal for deal in self._related("deals") if deal["status"] == status]

    def _related(self, kind: str) -> Sequence[Mapping[str, Any]]:
        related: Sequence[Mapping[str, Any]] = self.record.get(kind) or ()
        return related
