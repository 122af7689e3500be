"""The policies of one configuration, each made from its part of the catalog on first use."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from faas_toolkit.core.call import Call
from faas_toolkit.core.chain import InvokeFunction, Policy
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.offload import Spawn
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.stores import Stores
from faas_toolkit.wiring import VERSION, Process, RuntimeSettings

if TYPE_CHECKING:
    from faas_toolkit.catalog.load import LoadedCatalog
    from faas_toolkit.catalog.spec import Catalog
    from faas_toolkit.net.http import HttpClient
    from faas_toolkit.observe.audit import AuditLog
    from faas_toolkit.observe.audit_person import PersonalParts
    from faas_toolkit.pipeline.access import Role
    from faas_toolkit.pipeline.admission import Quota
    from faas_toolkit.pipeline.audit import Audit
    from faas_toolkit.pipeline.cache import Cache
    from faas_toolkit.pipeline.identity_token import TokenVerifier
    from faas_toolkit.state.cache.tiers import TieredCache


class Policies:
    """The front of one configuration, and what of it others ask too.

    Args:
        process, settings, loaded, stores: as the runtime has them.
        invoke: calls a function of the catalog.
        client: the HTTP client of this catalog, made when it is asked for.
        traits: how a call behaves.
        spawn: runs work in the background; it keeps the configuration open meanwhile.
    """

    def __init__(
        self,
        process: Process,
        settings: RuntimeSettings,
        loaded: "LoadedCatalog",
        stores: Stores,
        *,
        invoke: InvokeFunction,
        client: "Callable[[], HttpClient]",
        traits: Callable[[Call], Traits],
        spawn: Spawn,
    ) -> None:
        self._process = process
        self._settings = settings
        self._loaded = loaded
        self._stores = stores
        self._invoke = invoke
        self._client = client
        self._traits = traits
        self._spawn = spawn

    @cached_property
    def redact(self) -> SecretRedactor:
        """Removes this configuration's secrets from texts."""
        secrets = [*self._loaded.secrets, *(value for _, value in self._settings.secrets)]
        return SecretRedactor(secrets, self._process.offload.give_way)

    def close(self) -> None:
        """Writes what the audit log still holds."""
        if "log" in self.__dict__:
            self.log.close()

    @cached_property
    def front(self) -> tuple[Policy, ...]:
        """In the order of `pipeline.front.FRONT_ORDER`; a test compares."""
        from faas_toolkit.pipeline.access import Access
        from faas_toolkit.pipeline.admission import Admission
        from faas_toolkit.pipeline.consult import Consult
        from faas_toolkit.pipeline.enrich import Enrich
        from faas_toolkit.pipeline.intent import Intent, with_intent
        from faas_toolkit.pipeline.review import Review
        from faas_toolkit.pipeline.validation import Validation

        catalog, process, stores = self._loaded.catalog, self._process, self._stores
        invoke = with_intent(
            self._invoke,
            write=self.audit.intend,
            has_effects=lambda name: catalog.functions[name].effects != "none",
        )
        return (
            self.audit,
            Validation(),
            Access(roles=_roles(catalog), default_role=self._settings.default_role, verifier=self.verifier),
            Admission(quotas=_quotas(catalog), cells=stores.cells, clock=process.clock),
            Consult(
                before={name: around.before for name, around in catalog.operations.items() if around.before},
                invoke=invoke,
                detect=catalog.review.detect,
                redact=self.redact,
            ),
            Review(
                patterns=tuple(rule.pattern for rule in catalog.review.refuse if rule.pattern),
                words=tuple(rule.words for rule in catalog.review.refuse if rule.words),
                detect=catalog.review.detect,
                mark_instructions=catalog.review.mark_instructions,
                offload=process.offload,
                give_way=process.offload.give_way,
                redact=self.redact,
            ),
            self.cache,
            Intent(write=self.audit.intend, traits=self._traits),
            Enrich(after={name: around.after for name, around in catalog.operations.items() if around.after}, invoke=invoke),
        )

    @cached_property
    def answers(self) -> "TieredCache":
        """Where answers are kept."""
        return self._stores.answers(self._loaded.catalog.cache, self._client, self._spawn)

    @cached_property
    def cache(self) -> "Cache":
        """Keeps answers and the outcomes of effects."""
        from faas_toolkit.pipeline.cache import Cache
        from faas_toolkit.pipeline.cached_read import Lifetimes
        from faas_toolkit.pipeline.refresh import Refreshes

        config, stores = self._loaded.catalog.cache, self._stores
        return Cache(
            store=stores.of_epoch(self.answers),
            memory=stores.of_epoch(stores.local_answers()),
            outcomes=stores.outcomes,
            traits=self._traits,
            catalog_hash=f"{VERSION}/{self._loaded.hash}",
            lifetimes=Lifetimes(stale=config.stale, negative=config.negative, local=config.memory.seconds),
            refreshes=Refreshes(spawn=self._spawn, audit=self.audit, clock=self._process.clock),
        )

    @cached_property
    def audit(self) -> "Audit":
        """Writes down every call; also where nothing else of the front stands."""
        from faas_toolkit.pipeline.audit import Audit

        return Audit(
            log=self.log,
            persons=self.persons,
            metrics=self._process.metrics,
            clock=self._process.clock,
            arguments=self._loaded.catalog.audit.arguments,
            detectors=tuple(DETECTORS),
            redact=self.redact,
            catalog_hash=self._loaded.hash,
        )

    @cached_property
    def persons(self) -> "PersonalParts":
        """What audit rows say of persons."""
        from faas_toolkit.observe.audit_person import PersonalParts

        keep = self._loaded.catalog.audit.keep
        return PersonalParts(keys=self._stores.data_keys, clock=self._process.clock, keep=keep)

    @cached_property
    def log(self) -> "AuditLog":
        """The audit log."""
        from faas_toolkit.observe.audit import AuditLog

        audit, process = self._loaded.catalog.audit, self._process
        return AuditLog(
            database=self._stores.database,
            clock=process.clock,
            offload=process.offload,
            metrics=process.metrics,
            write=audit.write,
            keep=audit.keep,
            heads=process.audit_heads,
            spool=self._stores.audit_spool,
        )

    @cached_property
    def verifier(self) -> "TokenVerifier | None":
        """What identity tokens are checked with; raises a `Failure` that names the setting."""
        from faas_toolkit.pipeline.identity_setting import open_verifier

        return open_verifier(self._settings.identity_keys, client=self._client, clock=self._process.clock)


def _roles(catalog: "Catalog") -> Mapping[str, "Role"]:
    from faas_toolkit.pipeline.access import Role

    return {
        name: Role(allow=role.allow, sources=role.sources(), hidden=frozenset(role.crm.hide), rows=role.crm.rows, masks=role.mask)
        for name, role in catalog.roles.items()
    }


def _quotas(catalog: "Catalog") -> tuple["Quota", ...]:
    from faas_toolkit.pipeline.admission import Quota

    return tuple(
        Quota(of=quota.of, limit=quota.limit, per=quota.per or 0.0, by=quota.by, currency=quota.currency or "")
        for quota in catalog.limits
    )
