"""What a planner reads from the variables of a lookup: the facts about one company that the demo's functions take."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True, slots=True)
class Customer:
    """One company as `crm_lookup` gives it with `include=deals,tickets,activities`, and all of its deals."""

    record: Mapping[str, Any]
    deals: Sequence[Mapping[str, Any]]

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
        return [deal for deal in self.deals if deal["open"]]

    @property
    def open_tickets(self) -> int:
        """Tickets that wait for somebody."""
        return int(self.record["related"]["tickets"]["open"])

    def deals_at(self, stage: str) -> int:
        """How many deals ended or stand at this stage."""
        return sum(deal["stage"] == stage for deal in self.deals)

    def pipeline(self) -> list[dict[str, Any]]:
        """The value of the open deals, one sum for each currency."""
        sums: dict[str, float] = defaultdict(float)
        for deal in self.open_deals:
            sums[str(deal["currency"])] += float(deal["amount"])
        return [{"amount": round(amount, 2), "currency": currency} for currency, amount in sorted(sums.items())]

    def days_since_last_activity(self, today: date) -> int | None:
        """Whole days since anything happened; None where nothing ever did. The lookup gives the latest activities first."""
        days = [date.fromisoformat(activity["date"]) for activity in self.record.get("activities", ())]
        past = [day for day in days if day <= today]
        return (today - max(past)).days if past else None


def has_more_deals(record: Mapping[str, Any]) -> bool:
    """Whether the record of a company came with a part of its deals only."""
    return bool(record["related"]["deals"].get("more"))
