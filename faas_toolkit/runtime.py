"""One configuration, put together: the front with its policies before the families' capabilities."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from faas_toolkit import diagnosis, offer
from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.chain import Capability, Policy, Presenter, Proceed
from faas_toolkit.core.errors import Internal, InvalidInput
from faas_toolkit.core.inventory import Finding, Offer
from faas_toolkit.core.offload import Background
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.redaction import DETECTORS, SecretRedactor
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import printable
from faas_toolkit.families import Families
from faas_toolkit.stores import StoreSettings
from faas_toolkit.wiring import OPERATIONS, PRESENTERS, VERSION, Process, RuntimeSettings, load, operation_named

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogInvalid
    from faas_toolkit.catalog.load import LoadedCatalog
    from faas_toolkit.catalog.spec import Catalog
    from faas_toolkit.observe.audit import AuditLog
    from faas_toolkit.pipeline.access import Role
    from faas_toolkit.pipeline.admission import Quota
    from faas_toolkit.pipeline.cache import Cache
    from faas_toolkit.pipeline.identity_token import TokenVerifier
    from faas_toolkit.state.cache.tiers import TieredCache

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
            self._fronts[name] = self._front(name)
        return self._fronts[name](call)

    def offer(self, call: Call) -> Offer:
        """What the caller may use; raises a `Failure`."""
        if self.unusable:
            self._front(call.operation.name)(call)
        return offer.ask(call, policies=self._policies, functions=self._families.functions, redact=self.redact)

    def check(self) -> None:
        """Makes every part that can be wrong without a call; raises a `Failure` that names the setting."""
        if self.broken is not None:
            raise self.broken
        self._verifier()
        if self._stores.redis is not None:
            self._stores.redis.check()
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
        if "_log" in self.__dict__:
            self._log.close()
        self._process.return_stores(self._stores)

    @cached_property
    def redact(self) -> SecretRedactor:
        """Removes this configuration's secrets from texts."""
        secrets = [*self.loaded.secrets, *(value for _, value in self._settings.secrets)]
        return SecretRedactor(secrets, self._process.offload.give_way)

    @cached_property
    def _policies(self) -> tuple[Policy, ...]:
        """In the order of `pipeline.front.FRONT_ORDER`; a test compares."""
        from faas_toolkit.pipeline.access import Access
        from faas_toolkit.pipeline.admission import Admission
        from faas_toolkit.pipeline.consult import Consult
        from faas_toolkit.pipeline.enrich import Enrich
        from faas_toolkit.pipeline.review import Review
        from faas_toolkit.pipeline.validation import Validation

        catalog, process, stores = self.loaded.catalog, self._process, self._stores
        invoke = self._families.functions.invoke
        return (
            self._audit,
            Validation(),
            Access(roles=_roles(catalog), default_role=self._settings.default_role, verifier=self._verifier()),
            Admission(quotas=_quotas(catalog), cells=stores.cells, clock=process.clock),
            Consult(
                before={name: around.before for name, around in catalog.operations.items() if around.before},
                invoke=invoke,
                detect=catalog.review.detect,
                redact=self.redact,
            ),
            Review(
                patterns=tuple(rule.pattern for rule in catalog.review.refuse if rule.pattern),
                words=tuple(word for rule in catalog.review.refuse for word in rule.words or ()),
                detect=catalog.review.detect,
                give_way=process.offload.give_way,
                redact=self.redact,
            ),
            self._cache,
            Enrich(after={name: around.after for name, around in catalog.operations.items() if around.after}, invoke=invoke),
        )

    @cached_property
    def _answers(self) -> "TieredCache":
        return self._stores.answers(self.loaded.catalog.cache, lambda: self._families.client, self._background.spawn)

    @cached_property
    def _cache(self) -> "Cache":
        from faas_toolkit.pipeline.cache import Cache
        from faas_toolkit.pipeline.cached_read import Lifetimes
        from faas_toolkit.pipeline.refresh import Refreshes

        config, stores = self.loaded.catalog.cache, self._stores
        return Cache(
            store=self._answers,
            memory=stores.local_answers(),
            outcomes=stores.outcomes,
            traits=self._traits,
            catalog_hash=f"{VERSION}/{self.loaded.hash}",
            lifetimes=Lifetimes(stale=config.stale, negative=config.negative, local=config.memory.seconds),
            refreshes=Refreshes(spawn=self._background.spawn, audit=self._audit, clock=self._process.clock),
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
            database=self._stores.database,
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
            families = self._families
            make: Mapping[str, Callable[[], Capability]] = {
                **families.capabilities,
                "workspace.capabilities": lambda: ListCapabilities(inventories=families.inventories),
                DIAGNOSE: lambda: Diagnose(inventories=families.inventories, environment=self._environment),
                "cache.warm": self._warm,
            }
            self._capabilities[name] = make[name]()
        return self._capabilities[name]

    def _warm(self) -> Capability:
        from faas_toolkit.capabilities.workspace.warming import Warm
        from faas_toolkit.pipeline.front import FRONT_ORDER, compose
        from faas_toolkit.pipeline.warming import OnlyKept

        outer = FRONT_ORDER.index("cache")
        policies = (*self._policies[:outer], OnlyKept(self._traits), *self._policies[outer:])
        operations = {name: operation_named(name) for name in OPERATIONS}
        return Warm(
            run=lambda call: compose(policies, self._capability(call.operation.name))(call),
            settle=self._answers.settle,
            operations=operations | {operation.tool: operation for operation in operations.values()},
            roles=tuple(self.loaded.catalog.roles),
        )

    def _environment(self, call: Call) -> Iterator[Finding]:
        yield from diagnosis.catalog_findings(self.loaded, self.broken)
        yield from diagnosis.storage_findings(self._process, self._stores)
        yield from diagnosis.cache_findings(self._answers.tiers, self._cache.reads(call.workspace))
        yield from diagnosis.redis_findings(self._stores)
        yield from diagnosis.version_findings()


def _roles(catalog: "Catalog") -> Mapping[str, "Role"]:
    from faas_toolkit.pipeline.access import Role

    return {
        name: Role(allow=role.allow, sources=role.sources(), hidden=frozenset(role.crm.hide), masks=role.mask)
        for name, role in catalog.roles.items()
    }


def _quotas(catalog: "Catalog") -> tuple["Quota", ...]:
    from faas_toolkit.pipeline.admission import Quota

    return tuple(
        Quota(of=quota.of, limit=quota.limit, per=quota.per or 0.0, by=quota.by, currency=quota.currency or "")
        for quota in catalog.limits
    )
