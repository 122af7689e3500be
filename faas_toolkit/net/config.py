"""What every target of the catalog may say about itself: auth, TLS, timeout, limits, breaker. And the words they are said in.

Secrets arrive here already filled in (the catalog's loader replaces `${secret:name}`); they are `SecretStr`, so that no text,
log line or representation shows them.
"""

import ipaddress
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from faas_toolkit.core.outbound import BreakerRules, LimitLine, Measure, SaturationRules
from faas_toolkit.core.quantity import parse_amount, parse_duration, parse_money

Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds, written as `5s`, `5m`, `1h`, `180d`, `800ms`, or a bare number of seconds."""

Amount = Annotated[int, BeforeValidator(parse_amount)]
"""A whole number, written as `200`, `100k` or `2M`."""

MoneyAmount = Annotated[int, BeforeValidator(parse_money)]
"""Millionths of a currency's unit, written in whole units: `50`, `0.5` or `2k`."""

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
"""As in a price list, e.g. `CNY` (ISO 4217)."""

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110 §5.6.2, token
_FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-type", "content-encoding"})
_A_DAY = 86_400.0
_HALF = 0.5
_HOST_AND_PORT = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]{1,253}):\d{1,5}")


def _header_value(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if not value:
        raise ValueError('it is empty; write ${secret:name} and add the name to the setting "secrets"')
    if not all(" " <= character <= "~" for character in value) or value != value.strip():
        raise ValueError("a secret sent in a header is plain ASCII without line breaks or spaces around it")
    return secret


def _filled(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError('it is empty; write ${secret:name} and add the name to the setting "secrets"')
    return secret


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("a header's name is letters, digits and dashes, e.g. X-Api-Key")
    if name.lower() in _FRAMING:
        raise ValueError(f"{name} belongs to the transport; use the header the service reads its key from, e.g. X-Api-Key")
    return name


def _webhook_secret(secret: SecretStr) -> SecretStr:
    from faas_toolkit.net.signing.standard_webhooks import signing_key

    signing_key(secret.get_secret_value())
    return secret


def _certificate(text: str) -> str:
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError("ca is the PEM text of a certificate authority; it starts with -----BEGIN CERTIFICATE-----")
    return text


def _opening(entry: str) -> str:
    """An entry of `network.allow`: addresses, `host:port`, or `http://host:port`."""
    rest = entry.removeprefix("http://")
    if _HOST_AND_PORT.fullmatch(rest) and 0 < int(rest.rpartition(":")[2]) < 65536:
        return entry
    try:
        ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(
            'write addresses as "10.2.0.0/16", a host with its port as "api.example.com:8443",'
            ' or a private host that speaks plain HTTP as "http://models.internal:8000"'
        ) from None
    return entry


def _url(text: str) -> str:
    import httpx

    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    whole = url.scheme in ("https", "http") and url.host and 0 < (url.port or 443) < 65_536
    if not whole or not text.isascii() or any(character.isspace() for character in text):
        raise ValueError('write a whole address in ASCII, e.g. "https://functions.example.com/score"')
    if url.userinfo:
        raise ValueError("an address holds no user name or password; write them under auth")
    if url.fragment:
        raise ValueError("an address holds no #fragment; it would not be sent")
    return text


HttpUrl = Annotated[str, Field(max_length=2_000), AfterValidator(_url)]
"""An address that is asked; whether it may be opened the guard decides on each call."""

HeaderSecret = Annotated[SecretStr, AfterValidator(_header_value)]
"""A secret that is sent in a header."""

Secret = Annotated[SecretStr, AfterValidator(_filled)]
"""A secret that is not sent, but used to sign or log in."""


class Section(BaseModel):
    """A part of the catalog: unknown keys are errors, values are not guessed, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)


class BasicAuth(Section):
    """User name and password, sent as RFC 7617 says."""

    username: str = Field(pattern=r"^[^:\x00-\x1f]*$")
    password: Secret


class HeaderAuth(Section):
    """A key in a header of its own, e.g. `{name: X-Api-Key, value: "${secret:key}"}`."""

    name: Annotated[str, AfterValidator(_header_name)]
    value: HeaderSecret


class Auth(Section):
    """How a target knows us: at most one of bearer, basic and header; a Standard Webhooks signature may come on top."""

    bearer: HeaderSecret | None = None
    basic: BasicAuth | None = None
    header: HeaderAuth | None = None
    standard_webhook: Annotated[SecretStr, AfterValidator(_webhook_secret)] | None = None
    """`whsec_` and 24 to 64 bytes in base64, as the receiver has it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in ("bearer", "basic", "header") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"choose one of {' and '.join(given)}")
        if not given and self.standard_webhook is None:
            raise ValueError('say how, e.g. {bearer: "${secret:name}"}, or leave auth out')
        return self


class AwsAuth(Section):
    """Keys of an AWS user or role; `session_token` goes with keys that expire."""

    access_key_id: HeaderSecret
    secret_access_key: Secret
    session_token: HeaderSecret | None = None


class Tls(Section):
    """TLS of one target; 1.3 unless lowered here by name."""

    minimum: Literal["1.2", "1.3"] = "1.3"
    ca: Annotated[str, AfterValidator(_certificate)] | None = None
    """PEM text; where it is given, only certificates of this authority are accepted."""


class Limit(Section):
    """One line of a target's limits.

    `{requests: 60, per: 60s}`, `{tokens: 100k, per: 60s}`, `{cost: 50, currency: CNY, per: 1d}` or `{concurrency: 8}`.
    """

    requests: Amount | None = None
    tokens: Amount | None = None
    cost: MoneyAmount | None = None
    concurrency: Amount | None = None
    currency: Currency | None = None
    """Of `cost`."""
    per: Duration | None = Field(default=None, gt=0)
    adapt_to: Amount | None = None

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        given = self._given()
        if len(given) != 1:
            raise ValueError("name one of requests, tokens, cost and concurrency on each line, e.g. {requests: 60, per: 60s}")
        measure, limit = given[0]
        if (measure == "cost") != (self.currency is not None):
            raise ValueError("cost needs its currency, and nothing else has one, e.g. {cost: 50, currency: CNY, per: 1d}")
        if (measure == "concurrency") != (self.per is None):
            raise ValueError(
                "requests, tokens and cost need per, e.g. {requests: 60, per: 60s}; concurrency takes none, e.g. {concurrency: 8}"
            )
        if self.adapt_to is not None and measure in ("cost", "concurrency"):
            raise ValueError("adapt_to grows a limit of requests or tokens; leave it out here")
        if self.adapt_to is not None and self.adapt_to < limit:
            raise ValueError(f"adapt_to is the most the limit may grow to, so at least {limit}")
        return self

    def _given(self) -> list[tuple[Measure, int]]:
        measures: tuple[Measure, ...] = ("requests", "tokens", "cost", "concurrency")
        return [(measure, limit) for measure in measures if (limit := getattr(self, measure)) is not None]

    def to_line(self) -> LimitLine:
        """The line as the gate takes it."""
        measure, limit = self._given()[0]
        return LimitLine(of=measure, limit=limit, per=self.per or 0.0, adapt_to=self.adapt_to, currency=self.currency or "")


class Saturated(Section):
    """When a target that works is so busy that nobody else may wait for it."""

    wait: Duration | None = Field(default=None, gt=0)
    """A call waits at least this long for the target's limits."""
    in_flight: float | None = Field(default=None, gt=0, le=1)
    """At least this share of `concurrency` is in flight."""
    lasting: Duration = Field(default=10.0, gt=0, le=_A_DAY, alias="for")

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.wait is None and self.in_flight is None:
            raise ValueError("say when, with wait or in_flight or both, e.g. {wait: 2s, for: 10s} or {in_flight: 0.9, for: 10s}")
        return self


class Breaker(Section):
    """When a target is left alone for a while."""

    window: Duration = Field(default=30.0, gt=0, le=_A_DAY)
    minimum: Amount = 5
    failure_rate: float = Field(default=0.5, gt=0, le=1)
    open_for: Duration = Field(default=15.0, gt=0, le=_A_DAY)
    slow: Duration | None = Field(default=None, gt=0)
    """An answer that takes at least this long, of a stream to its first content, is a slow one. Absent: none is."""
    slow_rate: float | None = Field(default=None, gt=0, le=1)
    saturated: Saturated | None = None

    @model_validator(mode="after")
    def _knows_what_is_slow(self) -> Self:
        if self.slow_rate is not None and self.slow is None:
            raise ValueError(
                "slow_rate is a share of slow answers; say from when an answer is slow, e.g. {slow: 5s, slow_rate: 0.5}"
            )
        return self

    def to_rules(self) -> BreakerRules:
        """The rules as the gate takes them."""
        saturated = self.saturated
        return BreakerRules(
            window=self.window,
            minimum=self.minimum,
            failure_rate=self.failure_rate,
            open_for=self.open_for,
            slow=self.slow,
            slow_rate=self.slow_rate or _HALF,
            saturation=SaturationRules(wait=saturated.wait, in_flight=saturated.in_flight, period=saturated.lasting)
            if saturated
            else None,
        )


class Network(Section):
    """What the catalog opens beyond public HTTPS on port 443."""

    allow: tuple[Annotated[str, AfterValidator(_opening)], ...] = ()
