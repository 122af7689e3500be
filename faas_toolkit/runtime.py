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
from faas_toolkit.core.operation import Operation, Traits
from faas_toolkit.core.redaction import DETECTORS, SecretRedactor
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import printable
from faas_toolkit.families import Families
from faas_toolkit.wiring import PRESENTERS, Process, RuntimeSettings, load

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogInvalid
    from faas_toolkit.catalog.load import LoadedCatalog
    from faas_toolkit.catalog.spec import Catalog
    from faas_toolkit.observe.audit import AuditLog
    from faas_toolkit.pipeline.access import Role
    from faas_toolkit.pipeline.admission import Quota
    from faas_toolkit.pipeline.identity_token import TokenVerifier

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
        self._families = Families(process, loaded.catalog)
        self._fronts: dict[str, Proceed] = {}
        self._capabilities: dict[str, Capability] = {}

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
        if self._verifier is not None:
            self._verifier.check()
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
        """Closes what this configuration opened for itself."""
        self._families.close()
        if "_log" in self.__dict__:
            self._log.close()

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
        from faas_toolkit.pipeline.cache import Cache
        from faas_toolkit.pipeline.consult import Consult
        from faas_toolkit.pipeline.enrich import Enrich
        from faas_toolkit.pipeline.review import Review
        from faas_toolkit.pipeline.validation import Validation

        catalog, process = self.loaded.catalog, self._process
        invoke = self._families.functions.invoke
        return (
            self._audit,
            Validation(),
            Access(roles=_roles(catalog), default_role=self._settings.default_role, verifier=self._verifier),
            Admission(quotas=_quotas(catalog), cells=process.cells, clock=process.clock),
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
            Cache(
                store=process.cache_store,
                memory=process.memory_cache,
                outcomes=process.outcomes,
                traits=self._traits,
                catalog_hash=self.loaded.hash,
            ),
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

    @cached_property
    def _verifier(self) -> "TokenVerifier | None":
        from faas_toolkit.pipeline.identity_setting import open_verifier

        return open_verifier(self._settings.identity_keys, client=lambda: self._families.client, clock=self._process.clock)

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
            }
            self._capabilities[name] = make[name]()
        return self._capabilities[name]

    def _environment(self, call: Call) -> Iterator[Finding]:
        yield from diagnosis.identity_findings(self._verifier)
        yield from diagnosis.catalog_findings(self.loaded, self.broken)
        yield from diagnosis.storage_findings(self._process)
        yield from diagnosis.version_findings()


def _roles(catalog: "Catalog") -> Mapping[str, "Role"]:
    from faas_toolkit.pipeline.access import Role

    return {
        name: Role(allow=role.allow, sources=role.sources(), hidden=frozenset(role.crm.hide), rows=role.crm.rows, masks=role.mask)
        for name, role in catalog.roles.items()
    }


def _quotas(catalog: "Catalog") -> tuple["Quota", ...]:
    from faas_toolkit.pipeline.admission import Quota

    return tuple(Quota(of=quota.of, limit=quota.limit, per=quota.per, by=quota.by) for quota in catalog.limits)
