"""One base of the catalog's section `knowledge`."""

from typing import Annotated, Literal

from pydantic import Field

from faas_toolkit.net.config import Auth, HttpUrl, Section
from faas_toolkit.net.target_config import StoreSection, TargetSection


class DifyEmbedding(StoreSection):
    """An embedding model that the workspace has set up in Dify."""

    kind: Literal["dify"]
    provider: str = Field(min_length=1, max_length=200)
    """As Dify names it, e.g. `langgenius/openai/openai`."""
    model: str = Field(min_length=1, max_length=200)


class OpenAiEmbedding(TargetSection):
    """Any server that speaks OpenAI's embeddings API."""

    kind: Literal["openai"]
    url: HttpUrl
    """Up to and including `/v1`."""
    model: str = Field(min_length=1, max_length=200)
    auth: Auth | None = None


type EmbeddingConfig = Annotated[DifyEmbedding | OpenAiEmbedding, Field(discriminator="kind")]


class EmbeddedKnowledgeConfig(StoreSection):
    """Documents in the toolkit's own store."""

    kind: Literal["embedded"]
    embedding: EmbeddingConfig | None = None
    """Makes the search hybrid; without it words alone are compared."""
    sample: bool = False
    """Whether it answers from the sample handbook until its first document is added."""


class ExternalKnowledgeConfig(TargetSection):
    """Any server that speaks Dify's External Knowledge API."""

    kind: Literal["external_knowledge"]
    url: HttpUrl
    """With or without `/retrieval` at its end."""
    id: str = Field(min_length=1, max_length=200)
    """`knowledge_id`: which of the server's bases is meant."""
    auth: Auth | None = None


class FunctionKnowledgeConfig(Section):
    """A function of the catalog that answers as an External Knowledge API does; limits and timeout are the function's own."""

    kind: Literal["function"]
    function: str = Field(min_length=1, max_length=64)
    id: str = Field(default="", max_length=200)
    """`knowledge_id`; empty: the base's name."""


type KnowledgeBaseConfig = Annotated[
    EmbeddedKnowledgeConfig | ExternalKnowledgeConfig | FunctionKnowledgeConfig, Field(discriminator="kind")
]
