"""One configuration, put together: the front with its policies before the families' capabilities."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from faas_toolkit import diagnosis, erasure, offer
from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.chain import Capability, Presenter, Proceed
from faas_toolkit.core.errors import Failure, Internal, InvalidInput
from faas_toolkit.core.inventory import Finding, Offer
from faas_toolkit.core.offload import Background
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import printable
from faas_toolkit.families import Families
from faas_toolkit.policies import Policies
from faas_toolkit.stores import StoreSettings
from faas_toolkit.wiring import OPERATIONS, PRESENTERS, Process, RuntimeSettings, load, operation_named

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogInvalid
    from faas_toolkit.catalog.load import LoadedCatalog

DIAGNOSE = "workspace.diagnose"


class Runtime:
    """Everything one configuration needs, each part made on first use.

    Args:
        process: what is shared with other configurations.
        settings: what the administrator configured.
        loaded: the catalog in force: the configured one, or where that is broken, the last good one or the default.
        broken: what is wrong with the configured one.
        stands_in: whether `loaded` is a last good one, so that calls are answered although the configured one is broken.
    """

    def __init__(
        self,
        process: Process,
        settings: RuntimeSettings,
        loaded: "LoadedCatalog",
        *,
        broken: "CatalogInvalid | None" = None,
        stands_in: bool = False,
    ) -> None:
        self._process = process
        self._settings = settings
        self.loaded = loaded
        self.broken = broken
        self.stands_in = stands_in
        self._stores = process.lease_stores(
            StoreSettings(
                database_url=settings.database_url,
                redis_url=settings.redis_url,
                allow=loaded.catalog.network.allow,
                redis_gone=loaded.catalog.state.redis_gone,
            )
        )
        self._families = Families(process, self._stores, loaded.catalog)
        self._fronts: dict[str, Proceed] = {}
        self._capabilities: dict[str, Capability] = {}
        self._background = Background(process.offload.spawn)

    @property
    def unusable(self) -> bool:
        """Whether there is no catalog to answer from; `diagnose` still says why."""
        return self.broken is not None and not self.stands_in

    def handle(self, call: Call) -> Answer | Stream:
        """Passes the call through the front; raises a `Failure`."""
        name = call.operation.name
        if name not in self._fronts:
            try:
                self._fronts[name] = self._front(name)
            except Failure as failure:  # a setting that is wrong: that call is written down too
                return self._refusing(failure)(call)
        return self._fronts[name](call)

    def offer(self, call: Call) -> Offer:
        """What the caller may use; raises a `Failure`."""
        if self.unusable:
            self._front(call.operation.name)(call)
        return offer.ask(call, policies=self._policies.front, functions=self._families.functions, redact=self.redact)

    def check(self) -> None:
        """Makes every part that can be wrong without a call; raises a `Failure` that names the setting."""
        if self.broken is not None:
            raise self.broken
        if self._policies.verifier is not None:
            self._policies.verifier.check()
        if self._stores.redis is not None:
            self._stores.redis.check()
        role = self._settings.default_role
        if role not in self.loaded.catalog.roles:
            raise InvalidInput(
                f"Setting 'default_role' names {printable(role)!r}, which is not in the catalog.",
                hint=f"The roles are: {', '.join(self.loaded.catalog.roles) or 'none'}.",
            )
        if self._settings.database_url:
            self._stores.database.check()

    def _front(self, name: str) -> Proceed:
        from faas_toolkit.pipeline.front import compose

        if self.unusable and name != DIAGNOSE:
            return self._refusing(self.broken or Internal("There is no catalog."))
        return compose(self._policies.front, self._capability(name))

    def _refusing(self, failure: Failure) -> Proceed:
        from faas_toolkit.pipeline.front import compose

        def refuse(call: Call) -> Answer:
            raise failure

        return compose((self._policies.audit,), refuse)

    def redacted(self, answer: Answer) -> Answer:
        """The answer without this configuration's secrets."""
        if not self.redact:
            return answer
        return replace(
            answer,
            variables=self.redact.value(answer.variables),
            added=self.redact.value(answer.added),
            notices=tuple(map(self.redact, answer.notices)),
        )

    def present(self, operation: Operation, answer: Answer, max_chars: int) -> str:
        """The one text of an answer, with what was added and what the reader should know."""
        present: Presenter = load(PRESENTERS[operation.name])
        tail = "".join(f"\nNote: {notice}" for notice in answer.notices)
        if answer.added:
            tail += f"\nAdded: {canonical_json(answer.added)[: max_chars // 4]}"
        return present(answer.variables, max_chars - len(tail)) + tail

    def close(self) -> None:
        """Closes what this configuration opened for itself, when nothing runs for it in the background any more."""
        self._background.end_with(self._close)

    def _close(self) -> None:
        self._families.close()
        if "_policies" in self.__dict__:
            self._policies.close()
        self._process.return_stores(self._stores)

    @property
    def redact(self) -> SecretRedactor:
        """Removes this configuration's secrets from texts."""
        return self._policies.redact

    @cached_property
    def _policies(self) -> Policies:
        return Policies(
            self._process,
            self._settings,
            self.loaded,
            self._stores,
            invoke=self._families.functions.invoke,
            client=lambda: self._families.client,
            traits=self._traits,
            spawn=self._background.spawn,
        )

    def _traits(self, call: Call) -> Traits:
        return self._capability(call.operation.name).traits(call)

    def _capability(self, name: str) -> Capability:
        from faas_toolkit.capabilities.workspace.capability import Diagnose, ListCapabilities

        if name not in self._capabilities:
            families = self._families
            make: Mapping[str, Callable[[], Capability]] = {
                **families.capabilities,
                "audit.search": self._audit_search,
                "workspace.capabilities": lambda: ListCapabilities(inventories=families.inventories),
                "workspace.erase": lambda: erasure.assemble(self._stores, self.loaded.catalog, self._policies.persons),
                DIAGNOSE: lambda: Diagnose(inventories=families.inventories, environment=self._environment),
                "cache.warm": self._warm,
            }
            self._capabilities[name] = make[name]()
        return self._capabilities[name]

    def _audit_search(self) -> Capability:
        from faas_toolkit.capabilities.audit.capability import AuditSearch
        from faas_toolkit.observe.audit_search import StoredTrail

        trail = StoredTrail(database=self._stores.database, log=self._policies.log, persons=self._policies.persons)
        tools = {operation_named(name).tool: name for name in OPERATIONS}
        return AuditSearch(trail=trail, tools=tools, now=self._process.clock.epoch)

    def _warm(self) -> Capability:
        from faas_toolkit.capabilities.workspace.warming import Warm
        from faas_toolkit.pipeline.front import FRONT_ORDER, compose
        from faas_toolkit.pipeline.warming import OnlyKept

        front, outer = self._policies.front, FRONT_ORDER.index("cache")
        policies = (*front[:outer], OnlyKept(self._traits), *front[outer:])
        operations = {name: operation_named(name) for name in OPERATIONS}
        return Warm(
            run=lambda call: compose(policies, self._capability(call.operation.name))(call),
            settle=self._policies.answers.settle,
            operations=operations | {operation.tool: operation for operation in operations.values()},
            roles=tuple(self.loaded.catalog.roles),
        )

    def _environment(self, call: Call) -> Iterator[Finding]:
        yield from diagnosis.identity_findings(self._policies.verifier)
        yield from diagnosis.catalog_findings(self.loaded, self.broken)
        yield from diagnosis.storage_findings(self._process, self._stores)
        yield from diagnosis.redis_findings(self._stores)
        yield from diagnosis.cache_findings(self._policies.answers.tiers, self._policies.cache.reads(call.workspace))
        yield from diagnosis.encryption_findings(self._stores, call.workspace)
        yield from diagnosis.version_findings()
