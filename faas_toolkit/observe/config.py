"""The part of the catalog that says what is kept about calls."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from faas_toolkit.net.config import Duration, Section


def _at_least_a_day(seconds: float) -> float:
    if seconds < 86400:
        raise ValueError("audit rows are kept for at least one day, e.g. 180d")
    return seconds


class AuditConfig(Section):
    """What the audit keeps, and when a call counts as written down."""

    keep: Annotated[Duration, AfterValidator(_at_least_a_day)] = 180 * 86400.0
    """Seconds."""
    arguments: Literal["masked", "hash", "none"] = "masked"
    """The call's arguments: with personal data masked, only their digest, or not at all."""
    write: Literal["durable", "fast"] = "durable"
    """`durable`: the answer waits for the commit; `fast`: the row follows within 200 ms."""
