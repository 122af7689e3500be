"""What every target of the catalog may say about itself: auth, TLS, timeout, limits, breaker. And the words they are said in."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from faas_toolkit.core.quantity import parse_amount, parse_duration

Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, written as `5s`, `5m`, `1h`, `180d`, `800ms`, or a bare number of seconds."""

Amount = Annotated[int, BeforeValidator(parse_amount)]
"""A whole number, written as `200`, `100k` or `2M`."""


class Section(BaseModel):
    """A part of the catalog: unknown keys are errors, values are not guessed, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)
