"""One function of the catalog's section `functions`."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from faas_toolkit.capabilities.faas.json_schema import require_object_schema, require_usable_schema
from faas_toolkit.core.operation import Effects
from faas_toolkit.net.config import Amount, Auth, AwsAuth, Duration, Section
from faas_toolkit.net.target_config import TargetSection
from faas_toolkit.platforms.aws_lambda import LambdaTarget
from faas_toolkit.platforms.http import HttpTarget

JsonSchema = Annotated[dict[str, Any], AfterValidator(require_usable_schema)]


class PriceConfig(Section):
    """What running it costs."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    gb_second: float = Field(default=0.0, ge=0)
    request: float = Field(default=0.0, ge=0)
    memory: str = Field(default="128MB", pattern=r"^\d{1,6}\s?(MB|GB)$")


class FunctionSection(TargetSection):
    """What every function says, on whichever platform."""

    describe: str = Field(default="", max_length=1_000)
    """What it does, for a model that chooses."""
    arguments: Annotated[JsonSchema, AfterValidator(require_object_schema)] = Field(default_factory=dict)
    """JSON Schema of the payload; empty: any object."""
    result: JsonSchema = Field(default_factory=dict)
    """JSON Schema of the answer; empty: anything."""
    effects: Effects = "none"
    cache: Duration = 0.0
    """Seconds an answer is kept; only where `effects` is none."""
    price: PriceConfig | None = None
    max_attempts: Amount | None = Field(default=None, le=5)

    @model_validator(mode="after")
    def _keeps_only_reads(self) -> Self:
        if self.cache and self.effects != "none":
            raise ValueError("cache is only for functions without effects; drop cache, or write effects: none")
        return self


class HttpFunction(FunctionSection):
    """A function behind an address."""

    platform: Literal["http"]
    target: HttpTarget
    auth: Auth | None = None


class LambdaFunction(FunctionSection):
    """A function on AWS Lambda."""

    platform: Literal["aws_lambda"]
    target: LambdaTarget
    auth: AwsAuth


type FunctionConfig = Annotated[HttpFunction | LambdaFunction, Field(discriminator="platform")]
