"""The catalog's section `cache`: how long answers are kept, and where those lie that memory has lost."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from faas_toolkit.net.config import AwsAuth, Duration, HttpUrl, Section, Tls

MEMORY_SECONDS = 300.0
NEGATIVE_SECONDS = 10.0
_LONGEST_STALE = 86_400.0
_LONGEST_NEGATIVE = 300.0


def _endpoint(url: str) -> str:
    rest = url.partition("://")[2].rstrip("/")
    if "/" in rest or "?" in rest:
        raise ValueError(
            'an endpoint is an address without a path, e.g. "https://s3.eu-west-1.amazonaws.com"; bucket has its own key'
        )
    return url.rstrip("/")


class MemoryConfig(Section):
    """The cache in the plugin's memory. How many entries it holds is the operator's matter, as the memory is."""

    seconds: Duration = Field(default=MEMORY_SECONDS, gt=0, le=86_400)
    """How long it holds a copy of what lies further away, and an answer for which no time is declared."""


class DiskCold(Section):
    """A file in the plugin's data directory."""

    kind: Literal["disk"]


class NoCold(Section):
    """Nothing behind memory and Redis."""

    kind: Literal["none"]


class S3Cold(Section):
    """A bucket of Amazon S3 or of any server that speaks its API and checks Signature Version 4."""

    kind: Literal["s3"]
    endpoint: Annotated[HttpUrl, AfterValidator(_endpoint)]
    """E.g. `https://s3.eu-west-1.amazonaws.com`; passes the guard like any address."""
    bucket: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    prefix: str = Field(default="faas-toolkit/", max_length=200, pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*$")
    """Folders before each object's name; a rule of the bucket's life cycle can name them."""
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    addressing: Literal["path", "host"] = "path"
    """Where the bucket's name stands: `path` in the path, `host` before the endpoint's host, as Alibaba Cloud OSS wants it."""
    auth: AwsAuth
    tls: Tls = Tls()
    timeout: Duration = Field(default=2.0, gt=0, le=10)
    """Of one request: a cold entry that comes later than that is not worth waiting for."""


type ColdConfig = Annotated[DiskCold | S3Cold | NoCold, Field(discriminator="kind")]


class CacheConfig(Section):
    """How answers are kept. Whether one is kept at all is said where its source is declared (`cache: 5m`)."""

    memory: MemoryConfig = Field(default_factory=MemoryConfig)
    cold: ColdConfig = DiskCold(kind="disk")
    stale: Duration = Field(default=0.0, ge=0, le=_LONGEST_STALE)
    """How long after its declared time an answer is still given while it is asked for anew; 0: not at all."""
    negative: Duration = Field(default=NEGATIVE_SECONDS, ge=0, le=_LONGEST_NEGATIVE)
    """How long it is remembered that nothing was found; 0: not at all."""
