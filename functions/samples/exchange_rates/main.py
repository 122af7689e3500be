"""A sample function: what amounts of money are worth in another currency.

Runs on any functions-framework runtime: `functions-framework --target exchange_rates --source main.py`.

    POST {"amounts": [{"amount": 1000, "currency": "USD"}], "to": "EUR"}
    200  {"total": 919.12, "currency": "EUR", "table_date": "2026-11-02", "source": "…",
          "items": [{"amount": 1000, "currency": "USD", "rate": 0.919118, "converted": 919.12}]}

The rates are a fixed sample table, rounded and dated below. They are not market data: use a source of your own for real
decisions.
"""

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import flask
import functions_framework

TABLE_DATE = "2026-11-02"
SOURCE = f"fixed sample table of {TABLE_DATE} shipped with this function; not market data"
PER_EURO = {
    "EUR": Decimal(1),
    "USD": Decimal("1.088"),
    "GBP": Decimal("0.842"),
    "CHF": Decimal("0.951"),
    "CNY": Decimal("7.76"),
    "JPY": Decimal("164.5"),
    "BRL": Decimal("6.05"),
    "INR": Decimal("91.3"),
    "KRW": Decimal(1495),
    "SGD": Decimal("1.437"),
    "HKD": Decimal("8.47"),
    "AUD": Decimal("1.652"),
    "CAD": Decimal("1.508"),
    "MXN": Decimal("21.4"),
}
"""Units of each currency for one euro."""
WITHOUT_CENTS = frozenset({"JPY", "KRW"})
MAX_ITEMS = 100
MAX_AMOUNT = 1e15
EXAMPLE = {"amounts": [{"amount": 1000, "currency": "USD"}, {"amount": 250000, "currency": "JPY"}], "to": "EUR"}


@functions_framework.http
def exchange_rates(request: flask.Request) -> tuple[dict[str, Any], int]:
    """The HTTP entry point."""
    body: Any = request.get_json(silent=True, force=True)
    problems = problems_of(body)
    if problems:
        return {"error": {"message": "The amounts cannot be converted.", "problems": problems, "example": EXAMPLE}}, 400
    return convert([(item["amount"], item["currency"].upper()) for item in body["amounts"]], body["to"].upper()), 200


def problems_of(body: object) -> list[str]:
    """What is wrong with a request's body, all at once."""
    if not isinstance(body, dict):
        return ["The body must be a JSON object with amounts and to."]
    problems = [f"{name[:50]}: there is no such field; the fields are amounts and to." for name in body if name not in EXAMPLE]
    problems += _problems_of_currency("to", body.get("to"))
    amounts = body.get("amounts")
    if not isinstance(amounts, list) or not 1 <= len(amounts) <= MAX_ITEMS:
        return [*problems, f"amounts: must be a list of 1 to {MAX_ITEMS} objects with amount and currency."]
    return problems + [problem for index, item in enumerate(amounts) for problem in _problems_of_item(f"amounts[{index}]", item)]


def convert(amounts: list[tuple[float, str]], to: str) -> dict[str, Any]:
    """Each amount and their sum in the currency asked for, rounded half to even at the end."""
    exact = [Decimal(str(amount)) * PER_EURO[to] / PER_EURO[currency] for amount, currency in amounts]
    items = [
        {
            "amount": amount,
            "currency": currency,
            "rate": float(round(PER_EURO[to] / PER_EURO[currency], 6)),
            "converted": _rounded(converted, to),
        }
        for (amount, currency), converted in zip(amounts, exact, strict=True)
    ]
    total = _rounded(sum(exact, Decimal(0)), to)
    return {"total": total, "currency": to, "items": items, "table_date": TABLE_DATE, "source": SOURCE}


def _rounded(amount: Decimal, currency: str) -> float:
    step = Decimal(1) if currency in WITHOUT_CENTS else Decimal("0.01")
    return float(amount.quantize(step, rounding=ROUND_HALF_EVEN))


def _problems_of_item(path: str, item: object) -> list[str]:
    if not isinstance(item, dict) or set(item) != {"amount", "currency"}:
        return [f"{path}: must be an object with amount and currency and nothing else."]
    amount = item["amount"]
    problems = _problems_of_currency(f"{path}.currency", item["currency"])
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not math.isfinite(amount):
        return [f"{path}.amount: must be a number, got {type(amount).__name__}.", *problems]
    if abs(amount) > MAX_AMOUNT:
        return [f"{path}.amount: must be between -{MAX_AMOUNT:.0e} and {MAX_AMOUNT:.0e}.", *problems]
    return problems


def _problems_of_currency(path: str, code: object) -> list[str]:
    if isinstance(code, str) and code.upper() in PER_EURO:
        return []
    return [f"{path}: must be one of {', '.join(PER_EURO)}, got {str(code)[:20]!r}."]
