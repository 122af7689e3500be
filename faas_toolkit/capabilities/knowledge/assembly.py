"""One catalog's bases, put together from what the process gives; which classes serve which kinds `wiring.py` says."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from faas_toolkit.capabilities.knowledge.bases import Bases
from faas_toolkit.capabilities.knowledge.capability import KnowledgeSearch
from faas_toolkit.capabilities.knowledge.config import (
    DifyEmbedding,
    EmbeddedKnowledgeConfig,
    ExternalKnowledgeConfig,
    FunctionKnowledgeConfig,
    OpenAiEmbedding,
)
from faas_toolkit.capabilities.knowledge.download import Download
from faas_toolkit.capabilities.knowledge.editing import KnowledgeAdd, KnowledgeRemove
from faas_toolkit.capabilities.knowledge.embedding import Embedder
from faas_toolkit.capabilities.knowledge.port import KnowledgeSource
from faas_toolkit.core.chain import InvokeFunction
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.core.outbound import Outbound
from faas_toolkit.net.http import HttpClient
from faas_toolkit.state.sql import Database

if TYPE_CHECKING:
    from faas_toolkit.capabilities.knowledge.sources.embedded.replica import Replica
    from faas_toolkit.state.sqlite_database import SqliteDatabase


@immutable(kw_only=True, slots=False)
class Knowledge:
    """The family of one catalog, each part made on first use.

    Args:
        configured: the catalog's section.
        source_class: the class that serves a kind of base.
        embedder_class: the class that serves a kind of embedding model.
        kept_for: seconds that a function's answers may be kept.
    """

    configured: Mapping[str, EmbeddedKnowledgeConfig | ExternalKnowledgeConfig | FunctionKnowledgeConfig]
    source_class: Callable[[str], Any]
    embedder_class: Callable[[str], Any]
    database: Database
    clock: Clock
    offload: Offload
    outbound: Outbound
    client: HttpClient
    invoke: InvokeFunction
    kept_for: Callable[[str], float]
    replica: "SqliteDatabase | None" = None
    """This node's copy of what is searched, where `database` is a server's."""

    @cached_property
    def bases(self) -> Bases:
        """Every base by its name."""
        return Bases({name: self._source(name) for name in self.configured})

    @cached_property
    def search(self) -> KnowledgeSearch:
        """`knowledge.search`, and what the family tells about itself."""
        return KnowledgeSearch(bases=self.bases, outbound=self.outbound)

    @cached_property
    def add(self) -> KnowledgeAdd:
        """`knowledge.add`."""
        return KnowledgeAdd(bases=self.bases, outbound=self.outbound, offload=self.offload, download=Download(self.client))

    @cached_property
    def remove(self) -> KnowledgeRemove:
        """`knowledge.remove`."""
        return KnowledgeRemove(bases=self.bases, outbound=self.outbound)

    def _source(self, name: str) -> KnowledgeSource:
        config = self.configured[name]
        make = self.source_class(config.kind)
        source: KnowledgeSource
        match config:
            case EmbeddedKnowledgeConfig():
                embedder = self._embedder(name, config.embedding) if config.embedding is not None else None
                own = {"database": self.database, "clock": self.clock, "offload": self.offload, "replica": self._copies}
                source = make(name=name, config=config, embedder=embedder, **own)
            case ExternalKnowledgeConfig():
                source = make(name=name, config=config, client=self.client, now=self.clock.epoch)
            case FunctionKnowledgeConfig():
                fresh_for = self.kept_for(config.function)
                source = make(name=name, config=config, invoke=self.invoke, fresh_for=fresh_for)
        return source

    @cached_property
    def _copies(self) -> "Replica | None":
        if self.replica is None:
            return None
        from faas_toolkit.capabilities.knowledge.sources.embedded.replica import Replica

        return Replica(shared=self.database, local=self.replica, offload=self.offload)

    def _embedder(self, base: str, config: DifyEmbedding | OpenAiEmbedding) -> Embedder:
        embedder: Embedder = self.embedder_class(config.kind)(
            config=config,
            outbound=self.outbound,
            client=self.client,
            key=f"knowledge.{base}.embedding",
            now=self.clock.epoch,
        )
        return embedder
