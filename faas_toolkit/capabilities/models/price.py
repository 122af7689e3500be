"""What an answer costs, by a price list with windows of time."""

import math
from collections.abc import Mapping
from datetime import datetime, time
from zoneinfo import ZoneInfo

from faas_toolkit.core.immutable import immutable

_DIGITS = 9
"""Of the amount: one token of the cheapest models costs a few hundred-millionths."""


@immutable(kw_only=True)
class Window:
    """A time of the week with prices of its own; one that ends before it begins goes past midnight."""

    days: frozenset[int]
    """0 is Monday; the day on which it begins."""
    begins: time
    ends: time
    zone: ZoneInfo
    input: float
    output: float

    def holds(self, epoch: float) -> bool:
        """Whether this moment lies in it."""
        moment = datetime.fromtimestamp(epoch, self.zone)
        clock, day = moment.time(), moment.weekday()
        if self.begins < self.ends:
            return day in self.days and self.begins <= clock < self.ends
        return (day in self.days and clock >= self.begins) or ((day - 1) % 7 in self.days and clock < self.ends)


@immutable(kw_only=True)
class Price:
    """A price list; `input` and `output` per `per` tokens."""

    currency: str
    per: int
    input: float
    output: float
    windows: tuple[Window, ...] = ()

    def cost(self, prompt_tokens: int, completion_tokens: int, epoch: float) -> Mapping[str, object]:
        """The variable `cost`, e.g. `{"amount": 0.00042, "currency": "CNY"}`, at the prices of that moment."""
        return {"amount": round(self._amount(prompt_tokens, completion_tokens, epoch), _DIGITS), "currency": self.currency}

    def counted(self, prompt_tokens: int, completion_tokens: int, epoch: float) -> Mapping[str, int]:
        """What limits of cost count, e.g. `{"cost:CNY": 420}`, in millionths, rounded up."""
        return count_money(self._amount(prompt_tokens, completion_tokens, epoch), self.currency)

    def _amount(self, prompt_tokens: int, completion_tokens: int, epoch: float) -> float:
        now = next((window for window in self.windows if window.holds(epoch)), self)
        return (prompt_tokens * now.input + completion_tokens * now.output) / self.per


def count_money(amount: float, currency: str) -> Mapping[str, int]:
    """An amount as limits of cost count it: by `LimitLine.unit`, in millionths of the currency, rounded up."""
    return {f"cost:{currency}": math.ceil(round(amount * 1_000_000, 3))}
