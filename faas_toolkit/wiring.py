"""The composition root: the one list of what exists, and what all workspaces of a process share.

Everything that can be plugged in stands in a table below as `"module:attribute"`, loaded on first use. To add a source, a
platform or an operation: write its file, add its line here and its parameter to the contract test (docs/architecture.md).
"""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faas_toolkit.core.call import NamedKey
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.core.operation import Operation

if TYPE_CHECKING:
    from faas_toolkit.net.http import HardLimit
    from faas_toolkit.observe.metrics import Metrics
    from faas_toolkit.state.data_directory import DataDirectory
    from faas_toolkit.state.file_values import FileValues
    from faas_toolkit.stores import Stores, StoreSettings

PACKAGED_CATALOG = "packaged_catalog.yaml"
"""Beside the manifest of a private package (docs/publishing.md): the catalog in force where the setting `catalog` is empty."""

VERSION = "0.1.0"
"""As in manifest.yaml; a test compares."""

OPERATIONS: Mapping[str, str] = {
    "audit.search": "faas_toolkit.capabilities.audit.operations:SEARCH",
    "crm.lookup": "faas_toolkit.capabilities.crm.operations:LOOKUP",
    "function.call": "faas_toolkit.capabilities.faas.operations:CALL",
    "knowledge.search": "faas_toolkit.capabilities.knowledge.operations:SEARCH",
    "knowledge.add": "faas_toolkit.capabilities.knowledge.operations:ADD",
    "knowledge.remove": "faas_toolkit.capabilities.knowledge.operations:REMOVE",
    "model.generate": "faas_toolkit.capabilities.models.operations:GENERATE",
    "model.fallback": "faas_toolkit.capabilities.models.operations:FALLBACK",
    "workspace.capabilities": "faas_toolkit.capabilities.workspace.operations:CAPABILITIES",
    "workspace.diagnose": "faas_toolkit.capabilities.workspace.operations:DIAGNOSE",
    "cache.warm": "faas_toolkit.capabilities.workspace.operations:WARM",
    "workspace.erase": "faas_toolkit.capabilities.workspace.operations:ERASE",
}

PRESENTERS: Mapping[str, str] = {
    "audit.search": "faas_toolkit.capabilities.audit.presentation:present_search",
    "crm.lookup": "faas_toolkit.capabilities.crm.presentation:present_lookup",
    "function.call": "faas_toolkit.capabilities.faas.presentation:present_call",
    "knowledge.search": "faas_toolkit.capabilities.knowledge.presentation:present_search",
    "knowledge.add": "faas_toolkit.capabilities.knowledge.presentation:present_add",
    "knowledge.remove": "faas_toolkit.capabilities.knowledge.presentation:present_remove",
    "model.generate": "faas_toolkit.capabilities.models.presentation:present_answer",
    "model.fallback": "faas_toolkit.capabilities.models.presentation:present_answer",
    "workspace.capabilities": "faas_toolkit.capabilities.workspace.presentation:present_capabilities",
    "workspace.diagnose": "faas_toolkit.capabilities.workspace.presentation:present_report",
    "cache.warm": "faas_toolkit.capabilities.workspace.presentation:present_warming",
    "workspace.erase": "faas_toolkit.capabilities.workspace.presentation:present_erasure",
}

CRM_SOURCES: Mapping[str, str] = {
    "embedded": "faas_toolkit.capabilities.crm.sources.embedded.source:EmbeddedCrm",
    "function": "faas_toolkit.capabilities.crm.sources.function:FunctionCrm",
}

MODEL_SOURCES: Mapping[str, str] = {
    "openai": "faas_toolkit.capabilities.models.sources.openai:OpenAiModel",
    "dify": "faas_toolkit.capabilities.models.sources.dify:DifyModel",
    "function": "faas_toolkit.capabilities.models.sources.function:FunctionModel",
}

KNOWLEDGE_SOURCES: Mapping[str, str] = {
    "embedded": "faas_toolkit.capabilities.knowledge.sources.embedded.source:EmbeddedKnowledge",
    "external_knowledge": "faas_toolkit.capabilities.knowledge.sources.external_knowledge:ExternalKnowledge",
    "function": "faas_toolkit.capabilities.knowledge.sources.function:FunctionKnowledge",
}

EMBEDDERS: Mapping[str, str] = {
    "dify": "faas_toolkit.capabilities.knowledge.embedding:DifyEmbedder",
    "openai": "faas_toolkit.capabilities.knowledge.embedding:OpenAiEmbedder",
}

PLATFORMS: Mapping[str, str] = {
    "http": "faas_toolkit.platforms.http:HttpPlatform",
    "aws_lambda": "faas_toolkit.platforms.aws_lambda:AwsLambda",
}


LOADED_ON_FIRST_USE = (
    "faas_toolkit.state.sqlite_database",
    "faas_toolkit.state.cache.outcomes",
    "faas_toolkit.state.data_keys",
    "faas_toolkit.observe.audit",
    "faas_toolkit.catalog.load",
)
"""What every runtime needs and start-up must not pay for: SQLAlchemy alone takes a third of a second."""

REDIS = "faas_toolkit.state.redis.connection"
"""Loaded the same way where a configuration names a Redis: redis-py takes a quarter of a second."""


@cache
def load(path: str) -> Any:  # noqa: ANN401 - what stands behind a table's string is typed by its port
    """The attribute behind `"module:attribute"`."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)


def operation_named(name: str) -> Operation:
    """The operation of that name."""
    operation: Operation = load(OPERATIONS[name])
    return operation


@immutable(kw_only=True)
class RuntimeSettings:
    """What an administrator configured; equal settings share a runtime."""

    catalog: str = ""
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    encryption_key: tuple[NamedKey, ...] = field(default=(), repr=False)
    """The first seals, every one opens; one with the id `stored` stands for the workspace's own (`dify/identity.py`)."""
    identity_keys: str = field(default="", repr=False)
    default_role: str = "member"
    database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)


@immutable(kw_only=True, slots=False)
class Process:
    """What all workspaces of one plugin process share. Whatever is kept in it carries the workspace's id."""

    clock: Clock
    offload: Offload
    environment: Mapping[str, str]
    working_directory: Path
    hard_limit: "HardLimit" = nullcontext

    def warm(self, *, redis: bool = False) -> None:
        """Loads what is slow to load on a native thread, so that no other call waits for it; at once when it is loaded."""
        wanted = () if "embedded" in self.__dict__ else LOADED_ON_FIRST_USE
        if redis and REDIS not in sys.modules:
            wanted = (*wanted, REDIS)
        if wanted:
            self.offload.run("parse", lambda: [import_module(name) for name in wanted])

    @cached_property
    def packaged_catalog(self) -> str:
        """The text of the catalog that came with the package; empty in the public one."""
        path = self.working_directory / PACKAGED_CATALOG
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @cached_property
    def data_directory(self) -> "DataDirectory":
        """Where the embedded stores are."""
        from faas_toolkit.state.data_directory import choose_data_directory

        return choose_data_directory(self.environment, self.working_directory)

    @cached_property
    def audit_heads(self) -> "FileValues":
        """Where the heads of audit chains are kept beside the database."""
        from faas_toolkit.state.file_values import FileValues

        return FileValues(self.data_directory.path / "audit_heads")

    @cached_property
    def metrics(self) -> "Metrics":
        """What is counted."""
        from faas_toolkit.observe.metrics import Metrics

        return Metrics()

    @cached_property
    def embedded(self) -> "Stores":
        """The stores of every workspace that has named none of its own."""
        from faas_toolkit.stores import Stores

        return Stores(
            clock=self.clock,
            offload=self.offload,
            environment=self.environment,
            directory=self.data_directory.path,
            metrics=self.metrics,
            hard_limit=self.hard_limit,
        )

    def lease_stores(self, chosen: "StoreSettings") -> "Stores":
        """The stores of these settings, shared by everyone with equal ones; each lease ends with `return_stores`."""
        if not chosen.database_url and not chosen.redis_url:
            return self.embedded
        shared = self._shared.get(chosen)
        if shared is None:
            shared = self._shared[chosen] = self.embedded.with_servers(chosen)
        shared.leases += 1
        return shared

    def return_stores(self, stores: "Stores") -> None:
        """Ends a lease; servers that nobody leases any more are disconnected."""
        if stores is self.embedded:
            return
        stores.leases -= 1
        if stores.leases == 0:
            self._shared.pop(stores.chosen, None)
            stores.close()

    @cached_property
    def _shared(self) -> "dict[StoreSettings, Stores]":
        return {}
