"""Whatever may hold something of a person, put together for the operation that forgets them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from faas_toolkit.core.erasure import Holding, Trace

if TYPE_CHECKING:
    from faas_toolkit.capabilities.workspace.erase import ErasePerson
    from faas_toolkit.catalog.spec import Catalog
    from faas_toolkit.observe.audit_person import PersonalParts
    from faas_toolkit.stores import Stores


def assemble(stores: "Stores", catalog: "Catalog", persons: "PersonalParts") -> "ErasePerson":
    """The operation over these stores."""
    from faas_toolkit.capabilities.crm.sources.embedded.erasing import CrmErasure
    from faas_toolkit.capabilities.knowledge.sources.embedded.erasing import KnowledgeErasure
    from faas_toolkit.capabilities.workspace.erase import ErasePerson
    from faas_toolkit.observe.audit_erasing import AuditErasure
    from faas_toolkit.state.cache.erasing import CacheErasure, OutcomesErasure

    database, keys = stores.database, stores.data_keys
    crm = CrmErasure(stores.file)

    def holdings(documents: str) -> Sequence[Holding]:
        return (
            crm,
            KnowledgeErasure(database, mentioning=documents == "delete"),
            AuditErasure(database=database, keys=keys, persons=persons),
            OutcomesErasure(database),
            CacheErasure(keys),  # last: what is read until then is not kept in the new age
        )

    def scrub() -> bool:
        if stores.replica is not None:
            stores.replica.discard()  # it is copied anew by the next search
        return database.scrub()

    return ErasePerson(register=crm, holdings=holdings, elsewhere=_elsewhere(catalog), blind=keys.name, scrub=scrub)


def _elsewhere(catalog: "Catalog") -> tuple[Trace, ...]:
    """Systems that keep data of their own: the plugin reads them, and erases nothing there."""
    named: list[tuple[str, str, str]] = [("crm", name, config.kind) for name, config in catalog.crm.items()]
    named += [("knowledge", name, config.kind) for name, config in catalog.knowledge.items()]
    return tuple(
        Trace(
            place="elsewhere", item=f"{family}:{name}", action="keep", text=f"A system of its own ({kind}): erase them there too."
        )
        for family, name, kind in named
        if kind != "embedded"
    )
