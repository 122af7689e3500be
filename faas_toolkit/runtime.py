"""One configuration, put together: the front with its policies, the capabilities, and what they ask."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from faas_toolkit import diagnosis
from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.chain import Capability, Policy, Presenter, Proceed
from faas_toolkit.core.errors import Internal, InvalidInput
from faas_toolkit.core.inventory import Finding, Inventory
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.redaction import DETECTORS, SecretRedactor
from faas_toolkit.core.schema import printable
from faas_toolkit.wiring import CRM_SOURCES, EMBEDDERS, KNOWLEDGE_SOURCES, PLATFORMS, PRESENTERS, Process, RuntimeSettings, load

if TYPE_CHECKING:
    from faas_toolkit.capabilities.crm.capability import CrmCapability
    from faas_toolkit.capabilities.crm.config import CrmSourceConfig
    from faas_toolkit.capabilities.crm.port import CrmSource
    from faas_toolkit.capabilities.faas.capability import FunctionCapability
    from faas_toolkit.capabilities.faas.config import HttpFunction, LambdaFunction
    from faas_toolkit.capabilities.knowledge.assembly import Knowledge
    from faas_toolkit.catalog.findings import CatalogInvalid
    from faas_toolkit.catalog.load import LoadedCatalog
    from faas_toolkit.catalog.spec import Catalog
    from faas_toolkit.net.http import HttpClient
    from faas_toolkit.observe.audit import AuditLog
    from faas_toolkit.pipeline.access import Role
    from faas_toolkit.pipeline.admission import Quota
    from faas_toolkit.pipeline.identity_token import TokenVerifier
    from faas_toolkit.platforms.port import Platform

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
        self._fronts: dict[str, Proceed] = {}
        self._capabilities: dict[str, Capability] = {}

    @property
    def unusable(self) -> bool:
        """Whether there is no catalog to answer from; `diagnose` still says why."""
        return self.broken is not None and not self.stands_in

    def handle(self, call: Call) -> Answer:
        """Passes the call through the front; raises a `Failure`."""
        name = call.operation.name
        if name not in self._fronts:
            self._fronts[name] = self._front(name)
        answer = self._fronts[name](call)
        if not isinstance(answer, Answer):
            raise Internal(f"{name} has no streamed form.")
        return answer

    def check(self) -> None:
        """Makes every part that can be wrong without a call; raises a `Failure` that names the setting."""
        if self.broken is not None:
            raise self.broken
        self._verifier()
        role = self._settings.default_role
        if role not in self.loaded.catalog.roles:
            raise InvalidInput(
                f"Setting 'default_role' names {printable(role)!r}, which is not in the catalog.",
                hint=f"The roles are: {', '.join(self.loaded.catalog.roles) or 'none'}.",
            )

    def _front(self, name: str) -> Proceed:
        from faas_toolkit.pipeline.front import compose

        if self.unusable and name != DIAGNOSE:
            return compose((self._audit,), self._refuse)
        return compose(self._policies, self._capability(name))

    def _refuse(self, call: Call) -> Answer:
        raise self.broken or Internal("There is no catalog.")

    def present(self, operation: Operation, answer: Answer, max_chars: int) -> str:
        """The one text of an answer, with what was added and what the reader should know."""
        present: Presenter = load(PRESENTERS[operation.name])
        tail = "".join(f"\nNote: {notice}" for notice in answer.notices)
        if answer.added:
            tail += f"\nAdded: {canonical_json(answer.added)[: max_chars // 4]}"
        return present(answer.variables, max_chars - len(tail)) + tail

    def close(self) -> None:
        """Closes what this configuration opened for itself."""
        for part in ("client", "_log"):
            if part in self.__dict__:
                self.__dict__[part].close()

    @cached_property
    def redact(self) -> SecretRedactor:
        """Removes this configuration's secrets from texts."""
        return SecretRedactor([*self.loaded.secrets, *(value for _, value in self._settings.secrets)])

    @cached_property
    def _policies(self) -> tuple[Policy, ...]:
        """In the order of `pipeline.front.FRONT_ORDER`; a test compares."""
        from faas_toolkit.pipeline.access import Access
        from faas_toolkit.pipeline.admission import Admission
        from faas_toolkit.pipeline.cache import Cache
        from faas_toolkit.pipeline.consult import Consult
        from faas_toolkit.pipeline.enrich import Enrich
        from faas_toolkit.pipeline.review import Review
        from faas_toolkit.pipeline.validation import Validation

        catalog, process = self.loaded.catalog, self._process
        invoke = self._functions.invoke
        return (
            self._audit,
            Validation(),
            Access(roles=_roles(catalog), default_role=self._settings.default_role, verifier=self._verifier()),
            Admission(quotas=_quotas(catalog), cells=process.cells, clock=process.clock),
            Consult(before={name: around.before for name, around in catalog.operations.items() if around.before}, invoke=invoke),
            Review(
                patterns=tuple(rule.pattern for rule in catalog.review.refuse if rule.pattern),
                words=tuple(word for rule in catalog.review.refuse for word in rule.words or ()),
                detect=catalog.review.detect,
            ),
            Cache(store=process.cache_store, outcomes=process.outcomes, traits=self._traits, catalog_hash=self.loaded.hash),
            Enrich(after={name: around.after for name, around in catalog.operations.items() if around.after}, invoke=invoke),
        )

    @cached_property
    def _audit(self) -> Policy:
        from faas_toolkit.pipeline.audit import Audit

        return Audit(
            log=self._log,
            metrics=self._process.metrics,
            clock=self._process.clock,
            arguments=self.loaded.catalog.audit.arguments,
            detectors=tuple(DETECTORS),
            redact=self.redact,
            catalog_hash=self.loaded.hash,
        )

    @cached_property
    def _log(self) -> "AuditLog":
        from faas_toolkit.observe.audit import AuditLog

        audit, process = self.loaded.catalog.audit, self._process
        return AuditLog(
            database=process.database,
            clock=process.clock,
            offload=process.offload,
            metrics=process.metrics,
            write=audit.write,
            keep=audit.keep,
        )

    def _verifier(self) -> "TokenVerifier | None":
        from faas_toolkit.pipeline.identity_token import TokenVerifier, parse_identity_keys

        keys = parse_identity_keys(self._settings.identity_keys)
        return TokenVerifier(keys=keys, clock=self._process.clock) if keys else None

    def _traits(self, call: Call) -> Traits:
        return self._capability(call.operation.name).traits(call)

    def _capability(self, name: str) -> Capability:
        from faas_toolkit.capabilities.workspace.capability import Diagnose, ListCapabilities

        if name not in self._capabilities:
            make: Mapping[str, Callable[[], Capability]] = {
                "crm.lookup": lambda: self._crm,
                "function.call": lambda: self._functions,
                "knowledge.search": lambda: self._knowledge.search,
                "knowledge.add": lambda: self._knowledge.add,
                "knowledge.remove": lambda: self._knowledge.remove,
                "workspace.capabilities": lambda: ListCapabilities(inventories=self._inventories),
                DIAGNOSE: lambda: Diagnose(inventories=self._inventories, environment=self._environment),
            }
            self._capabilities[name] = make[name]()
        return self._capabilities[name]

    @cached_property
    def _inventories(self) -> Mapping[str, Inventory]:
        return {"crm": self._crm, "knowledge": self._knowledge.search, "functions": self._functions}

    @cached_property
    def _crm(self) -> "CrmCapability":
        from faas_toolkit.capabilities.crm.capability import CrmCapability

        configured = self.loaded.catalog.crm
        return CrmCapability(
            sources={name: self._crm_source(config) for name, config in configured.items()},
            targets={name: config.to_target(f"crm:{name}") for name, config in configured.items()},
            outbound=self._process.outbound,
        )

    def _crm_source(self, config: "CrmSourceConfig") -> "CrmSource":
        source: CrmSource = load(CRM_SOURCES[config.kind])(database=self._process.database, clock=self._process.clock)
        return source

    @cached_property
    def _knowledge(self) -> "Knowledge":
        from faas_toolkit.capabilities.knowledge.assembly import Knowledge

        process = self._process
        return Knowledge(
            configured=self.loaded.catalog.knowledge,
            source_class=lambda kind: load(KNOWLEDGE_SOURCES[kind]),
            embedder_class=lambda kind: load(EMBEDDERS[kind]),
            database=process.database,
            clock=process.clock,
            offload=process.offload,
            outbound=process.outbound,
            client=self.client,
            invoke=self._functions.invoke,
        )

    @cached_property
    def _functions(self) -> "FunctionCapability":
        from faas_toolkit.capabilities.faas.capability import FunctionCapability

        return FunctionCapability(
            functions=self.loaded.catalog.functions, open_platform=self._open_platform, outbound=self._process.outbound
        )

    def _open_platform(self, name: str, config: "HttpFunction | LambdaFunction") -> "Platform":
        platform: Platform = load(PLATFORMS[config.platform])(
            name=name, target=config.target, auth=config.auth, tls=config.tls, client=self.client, now=self._process.clock.epoch
        )
        return platform

    @cached_property
    def client(self) -> "HttpClient":
        """Opens what this catalog and the operator allow."""
        from faas_toolkit.net.egress import EgressGuard
        from faas_toolkit.net.http import HttpClient

        guard = EgressGuard(allow=self.loaded.catalog.network.allow, environment=self._process.environment)
        return HttpClient(guard=guard, hard_limit=self._process.hard_limit)

    def _environment(self, call: Call) -> Iterator[Finding]:
        yield from diagnosis.catalog_findings(self.loaded, self.broken)
        yield from diagnosis.storage_findings(self._process)
        yield from diagnosis.version_findings()


def _roles(catalog: "Catalog") -> Mapping[str, "Role"]:
    from faas_toolkit.pipeline.access import Role

    return {
        name: Role(allow=role.allow, sources=role.sources(), hidden=frozenset(role.crm.hide), masks=role.mask)
        for name, role in catalog.roles.items()
    }


def _quotas(catalog: "Catalog") -> tuple["Quota", ...]:
    from faas_toolkit.pipeline.admission import Quota

    return tuple(Quota(of=quota.of, limit=quota.limit, per=quota.per, by=quota.by) for quota in catalog.limits)
