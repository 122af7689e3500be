"""Pools of models: the catalog's section `models`."""

import datetime as dt
import re
from collections.abc import Iterable
from datetime import time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from faas_toolkit.capabilities.models.price import Price, Window
from faas_toolkit.core.quantity import parse_amount
from faas_toolkit.net.config import Auth, Duration, HttpUrl, Section
from faas_toolkit.net.target_config import TargetSection

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LATER_STRATEGIES = ("weighted", "least_busy", "fastest", "cheapest", "fits", "rule", "canary")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")

type Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
type Named = Annotated[str, Field(min_length=1, max_length=200)]


def _strategy(word: object) -> object:
    if word in _LATER_STRATEGIES:
        raise ValueError(f"{word} is not served by this version yet; it serves ordered: the first deployment, then the next")
    return word


def _days(written: object) -> object:
    """`mon-fri`, `sat`, `[mon, wed]`: numbers from Monday, 0; a span may go past Sunday."""
    parts = written.split(",") if isinstance(written, str) else written
    if not isinstance(parts, (list, tuple)) or not parts:
        raise ValueError("write days as mon-fri, sat or [mon, wed]")
    return frozenset(day for part in parts for day in _span(str(part).strip().lower()))


def _span(written: str) -> Iterable[int]:
    first, _, last = written.partition("-")
    if first not in _DAYS or (last or first) not in _DAYS:
        raise ValueError("write days as mon-fri, sat or [mon, wed]")
    begins, ends = _DAYS.index(first), _DAYS.index(last or first)
    return [day % 7 for day in range(begins, (ends if ends >= begins else ends + 7) + 1)]


def _clock(written: object) -> object:
    found = _CLOCK.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise ValueError('write a time of day in quotes, e.g. "08:30"')
    return time(int(found[1]), int(found[2]))


def _zone(name: object) -> object:
    try:
        return ZoneInfo(str(name))
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder of the database an OSError
        raise ValueError("this system knows no such time zone; write e.g. Asia/Shanghai or UTC") from None


def _date(written: object) -> object:
    try:
        return dt.date.fromisoformat(str(written)).isoformat()
    except ValueError:
        raise ValueError("write a date as 2026-11-01") from None


def _per_tokens(written: object) -> object:
    if isinstance(written, str):
        written = written.strip().removesuffix("tokens").strip()
    return parse_amount(written)


type Money = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class PriceWindow(Section):
    """Prices of a time of the week."""

    days: Annotated[frozenset[int], PlainValidator(_days)] = frozenset(range(7))
    begins: Annotated[time, PlainValidator(_clock)] = Field(alias="from")
    ends: Annotated[time, PlainValidator(_clock)] = Field(alias="to")
    zone: Annotated[ZoneInfo, PlainValidator(_zone)]
    input: Money
    output: Money


class PriceList(Section):
    """What tokens cost."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    per: Annotated[int, BeforeValidator(_per_tokens), Field(gt=0)] = 1_000_000
    """Written as `1M tokens`."""
    input: Money
    output: Money
    source: str = Field(default="", max_length=500)
    """Where the vendor says so, and when it was looked up (`date`): for people."""
    date: Annotated[str | None, PlainValidator(_date)] = None
    windows: Annotated[tuple[PriceWindow, ...], Field(max_length=20)] = ()

    def to_price(self) -> Price:
        """The price list as answers are counted with."""
        windows = tuple(
            Window(days=each.days, begins=each.begins, ends=each.ends, zone=each.zone, input=each.input, output=each.output)
            for each in self.windows
        )
        return Price(currency=self.currency, per=self.per, input=self.input, output=self.output, windows=windows)


class OpenAiDeployment(TargetSection):
    """A model behind an OpenAI-compatible server."""

    name: Label
    kind: Literal["openai"]
    url: HttpUrl
    """Up to and including `/v1`."""
    model: Named
    api_version: str = Field(default="", max_length=100)
    """What the model's name stands for today; shown with the decisions of a call."""
    auth: Auth | None = None
    price: PriceList | None = None
    timeout: Duration = Field(default=20.0, gt=0, le=50)
    """Seconds to the first content."""

    @model_validator(mode="after")
    def _is_known_by_a_key(self) -> Self:
        if self.auth is not None and self.auth.standard_webhook is not None:
            raise ValueError('a model server knows us by a key: write auth: {bearer: "${secret:name}"}, or header or basic')
        return self


class DifyDeployment(TargetSection):
    """A model that is set up in Dify."""

    name: Label
    kind: Literal["dify"]
    provider: Named
    """E.g. `langgenius/openai/openai`."""
    model: Named
    mode: Literal["chat", "completion"] = "chat"
    timeout: Duration = Field(default=20.0, gt=0, le=50)
    price: PriceList | None = None


class FunctionDeployment(Section):
    """A function of the catalog that keeps OpenAI's chat contract; limits and timeout are the function's own."""

    name: Label
    kind: Literal["function"]
    function: Named
    price: PriceList | None = None


type DeploymentConfig = Annotated[OpenAiDeployment | DifyDeployment | FunctionDeployment, Field(discriminator="kind")]


class PoolConfig(Section):
    """Deployments that answer the same questions."""

    strategy: Annotated[Literal["ordered"], BeforeValidator(_strategy)] = "ordered"
    max_wait: Duration = Field(default=5.0, ge=0, le=50)
    """Seconds that a call may wait for limits, over all deployments."""
    describe: str = Field(default="", max_length=1_000)
    deployments: Annotated[tuple[DeploymentConfig, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [deployment.name for deployment in self.deployments]
        if len(set(names)) != len(names):
            raise ValueError("two deployments have the same name; each name stands once in a pool")
        return self


class ModelsConfig(Section):
    """The section `models`."""

    pools: Annotated[dict[Label, PoolConfig], Field(max_length=100)] = Field(default_factory=dict)
    """In their order: a call that names no pool asks the first that it may use."""
