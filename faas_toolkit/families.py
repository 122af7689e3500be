"""The families of one configuration: their capabilities, each made on first use, and what these ask."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from faas_toolkit.core.chain import Capability
from faas_toolkit.core.inventory import Inventory
from faas_toolkit.wiring import CRM_SOURCES, EMBEDDERS, KNOWLEDGE_SOURCES, MODEL_SOURCES, PLATFORMS, Process, load

if TYPE_CHECKING:
    from faas_toolkit.capabilities.crm.capability import CrmCapability
    from faas_toolkit.capabilities.crm.config import CrmSourceConfig
    from faas_toolkit.capabilities.crm.port import CrmSource
    from faas_toolkit.capabilities.faas.capability import FunctionCapability
    from faas_toolkit.capabilities.faas.config import HttpFunction, LambdaFunction
    from faas_toolkit.capabilities.knowledge.assembly import Knowledge
    from faas_toolkit.capabilities.models.capability import ModelCapability
    from faas_toolkit.capabilities.models.config import DifyDeployment, FunctionDeployment, OpenAiDeployment
    from faas_toolkit.capabilities.models.generation import Generation
    from faas_toolkit.capabilities.models.port import ModelSource
    from faas_toolkit.catalog.spec import Catalog
    from faas_toolkit.net.http import HttpClient
    from faas_toolkit.platforms.port import Platform
    from faas_toolkit.stores import Stores


class Families:
    """What a catalog names, put together.

    Args:
        process: what is shared with other configurations.
        stores: what calls keep.
        catalog: the one in force.
    """

    def __init__(self, process: Process, stores: "Stores", catalog: "Catalog") -> None:
        self._process = process
        self._stores = stores
        self._catalog = catalog

    def close(self) -> None:
        """Closes the connections that were opened for this configuration."""
        if "client" in self.__dict__:
            self.client.close()

    @cached_property
    def capabilities(self) -> Mapping[str, Callable[[], Capability]]:
        """What answers each operation, made when it is called."""
        return {
            "crm.lookup": lambda: self._crm,
            "function.call": lambda: self.functions,
            "knowledge.search": lambda: self._knowledge.search,
            "knowledge.add": lambda: self._knowledge.add,
            "knowledge.remove": lambda: self._knowledge.remove,
            "model.generate": lambda: self._models,
            "model.fallback": self._dify_fallback,
        }

    @cached_property
    def inventories(self) -> Mapping[str, Inventory]:
        """What each family tells about itself."""
        return {"crm": self._crm, "knowledge": self._knowledge.search, "functions": self.functions, "models": self._models}

    @cached_property
    def _crm(self) -> "CrmCapability":
        from faas_toolkit.capabilities.crm.capability import CrmCapability

        sources = {name: self._crm_source(name, config) for name, config in self._catalog.crm.items()}
        return CrmCapability(sources=sources, outbound=self._stores.outbound)

    def _crm_source(self, name: str, config: "CrmSourceConfig") -> "CrmSource":
        make: Callable[..., CrmSource] = load(CRM_SOURCES[config.kind])
        if config.kind == "function":
            fresh_for = self._catalog.functions[config.function].cache
            return make(function=config.function, invoke=self.functions.invoke, fresh_for=fresh_for)
        return make(database=self._stores.file, clock=self._process.clock, target=config.to_target(f"crm:{name}"))

    @cached_property
    def _knowledge(self) -> "Knowledge":
        from faas_toolkit.capabilities.knowledge.assembly import Knowledge

        process = self._process
        return Knowledge(
            configured=self._catalog.knowledge,
            source_class=lambda kind: load(KNOWLEDGE_SOURCES[kind]),
            embedder_class=lambda kind: load(EMBEDDERS[kind]),
            database=self._stores.database,
            replica=self._stores.replica,
            clock=process.clock,
            offload=process.offload,
            outbound=self._stores.outbound,
            client=self.client,
            invoke=self.functions.invoke,
            kept_for=lambda function: self._catalog.functions[function].cache,
        )

    @cached_property
    def functions(self) -> "FunctionCapability":
        """The functions; policies and other families call them too."""
        from faas_toolkit.capabilities.faas.capability import FunctionCapability

        return FunctionCapability(
            functions=self._catalog.functions, open_platform=self._open_platform, outbound=self._stores.outbound
        )

    def _open_platform(self, name: str, config: "HttpFunction | LambdaFunction") -> "Platform":
        platform: Platform = load(PLATFORMS[config.platform])(
            name=name, target=config.target, auth=config.auth, tls=config.tls, client=self.client, now=self._process.clock.epoch
        )
        return platform

    @cached_property
    def _models(self) -> "ModelCapability":
        from faas_toolkit.capabilities.faas.json_schema import compile_object_schema
        from faas_toolkit.capabilities.models.capability import ModelCapability
        from faas_toolkit.capabilities.models.pools import make_pools

        return ModelCapability(
            pools=make_pools(self._catalog.models, self._open_model),
            generation=self._generation,
            compile_schema=compile_object_schema,
        )

    def _dify_fallback(self) -> Capability:
        from faas_toolkit.capabilities.models.dify_fallback import DifyFallback
        from faas_toolkit.capabilities.models.pools import dify_targets

        return DifyFallback(generation=self._generation, targets=dify_targets(self._catalog.models))

    @cached_property
    def _generation(self) -> "Generation":
        from faas_toolkit.capabilities.models.generation import Generation

        return Generation(outbound=self._stores.outbound, now=self._process.clock.epoch)

    def _open_model(self, name: str, key: str, config: "OpenAiDeployment | DifyDeployment | FunctionDeployment") -> "ModelSource":
        make: ModelSource
        match config.kind:
            case "openai":
                make = load(MODEL_SOURCES[config.kind])(
                    name=name, key=key, config=config, client=self.client, now=self._process.clock.epoch
                )
            case "dify":
                make = load(MODEL_SOURCES[config.kind])(provider=config.provider, model=config.model, mode=config.mode)
            case "function":
                make = load(MODEL_SOURCES[config.kind])(function=config.function, invoke=self.functions.invoke)
        return make

    @cached_property
    def client(self) -> "HttpClient":
        """Opens what this catalog and the operator allow."""
        from faas_toolkit.net.egress import EgressGuard
        from faas_toolkit.net.http import HttpClient

        guard = EgressGuard(allow=self._catalog.network.allow, environment=self._process.environment)
        return HttpClient(guard=guard, hard_limit=self._process.hard_limit, give_way=self._process.offload.give_way)
