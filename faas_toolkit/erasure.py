"""Whatever may hold something of a person, put together for the operation that forgets them."""

from collections.abc import Iterator
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

    crm = CrmErasure(stores.file)

    def holdings(documents: str) -> Iterator[Holding]:
        yield crm
        for database, keys in stores.databases:
            yield KnowledgeErasure(database, mentioning=documents == "delete")
            yield AuditErasure(database=database, keys=keys, persons=persons.beside(keys))
            yield OutcomesErasure(database)
        yield CacheErasure(stores.data_keys)  # last: what is read until then is not kept in the new age

    def scrub() -> bool:
        if stores.replica is not None:
            stores.replica.discard()  # it is copied anew with the next search
        return stores.file.scrub()

    return ErasePerson(
        register=crm,
        holdings=lambda documents: tuple(holdings(documents)),
        elsewhere=(*_elsewhere(catalog), *(_ON_SERVERS if stores.replica is not None else ())),
        blind=stores.data_keys.name,
        scrub=scrub,
    )


_ON_SERVERS = (
    Trace(
        place="elsewhere",
        item="copies of documents on other nodes",
        action="keep",
        text="Each follows with its next search of the base; what is free in its file is overwritten in time.",
    ),
    Trace(
        place="elsewhere",
        item="the database server",
        action="keep",
        text="Deleted rows stay in its free space, logs and backups until it, or who runs it, recycles them.",
    ),
)
"""What of the person may lie on servers for a while."""


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
