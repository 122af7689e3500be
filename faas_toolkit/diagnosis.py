"""What `diagnose` tells about the process itself: the catalog in force, the storage, the versions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from faas_toolkit.core.errors import Failure
from faas_toolkit.core.inventory import Finding
from faas_toolkit.wiring import VERSION, Process

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogInvalid
    from faas_toolkit.catalog.load import LoadedCatalog
    from faas_toolkit.core.call import Workspace
    from faas_toolkit.pipeline.identity_token import TokenVerifier
    from faas_toolkit.state.cache.port import CacheStore
    from faas_toolkit.stores import Stores


def catalog_findings(loaded: "LoadedCatalog", broken: "CatalogInvalid | None") -> Iterator[Finding]:
    """Which catalog is in force, and everything that is wrong with the configured one."""
    catalog = loaded.catalog
    yield Finding(
        check="catalog",
        item="in force",
        status="ok" if broken is None else "warning",
        text=f"{loaded.origin}, {loaded.hash[:12]}: {len(catalog.crm)} CRM sources,"
        f" {len(catalog.knowledge)} knowledge bases, {len(catalog.models.pools)} pools of models,"
        f" {len(catalog.functions)} functions.",
        repair="" if broken is None else "The configured catalog is broken (below); repair it in the setting `catalog`.",
    )
    for finding in loaded.warnings:
        yield Finding(check="catalog", item="warning", status="warning", text=str(finding))
    for number, finding in enumerate(broken.findings if broken else (), 1):
        yield Finding(
            check="catalog", item=f"error {number}", status="failed", text=str(finding), repair="Repair it in `catalog`."
        )


def identity_findings(verifier: "TokenVerifier | None") -> Iterator[Finding]:
    """What identity tokens are checked with, and whether it can be had."""
    if verifier is None:
        yield Finding(check="identity", item="keys", status="ok", text="None, so nobody can prove who they are.")
        return
    state = verifier.state()
    failure = state.failure
    yield Finding(
        check="identity",
        item="keys",
        status="ok" if failure is None else "warning" if state.usable else "failed",
        text=f"{state.text[:1].upper()}{state.text[1:]}." + (f" {failure.message}" if failure else ""),
        repair="" if failure is None else failure.hint or "Look at the setting `identity_keys`.",
    )


def storage_findings(process: Process, stores: "Stores") -> Iterator[Finding]:
    """Where data is kept, whether it lasts, and whether the store answers."""
    directory = process.data_directory
    yield Finding(
        check="storage",
        item="data directory",
        status="ok" if directory.lasting else "warning",
        text=f"Chosen by {directory.chosen_by}; it {'lasts' if directory.lasting else 'may not outlive this container'}.",
        repair=directory.remedy,
    )
    try:
        answered = stores.database.check()
    except Failure as failure:
        yield Finding(check="storage", item="database", status="failed", text=failure.message, repair=failure.hint)
    else:
        yield Finding(check="storage", item="database", status="ok", text=answered)


def redis_findings(stores: "Stores") -> Iterator[Finding]:
    """Whether the Redis that is named answers, and what decides about limits where it does not."""
    try:
        if stores.redis is None:
            return
        stores.redis.check()
    except Failure as failure:
        meanwhile = {
            "local_share": "Each process decides about limits by itself meanwhile, with its share of them.",
            "closed": "What is limited is refused meanwhile (`state.redis_gone: closed`).",
            "open": "Nothing is limited meanwhile (`state.redis_gone: open`).",
        }[stores.chosen.redis_gone]
        yield Finding(check="storage", item="redis", status="failed", text=f"{failure.message} {meanwhile}", repair=failure.hint)
    else:
        yield Finding(check="storage", item="redis", status="ok", text="Redis answers; limits hold over all its processes.")


def cache_findings(tiers: "Sequence[CacheStore]", reads: Mapping[str, int]) -> Iterator[Finding]:
    """Where answers are kept, which part of them is away, and how often each answered.

    Args:
        tiers: nearest first.
        reads: looks of the workspace since this process began, by the tier that had the answer, and `miss`.
    """
    looks = sum(reads.values())
    shares = ", ".join(f"{name} {count / looks:.0%}" for name, count in sorted(reads.items(), key=lambda read: -read[1]))
    told = f"{looks:,} looks of this workspace in this process: {shares}" if looks else "no look of this workspace yet"
    yield Finding(check="storage", item="cache", status="ok", text=f"{', then '.join(tier.name for tier in tiers)}; {told}.")
    for tier in tiers:
        if tier.problem:
            yield Finding(
                check="storage",
                item=f"cache in {tier.name}",
                status="warning",
                text=f"It is left alone for a moment: {tier.problem.rstrip('.')}. Calls are answered without it.",
                repair="It is tried again by itself; check it, and `cache` in the catalog, if this stays.",
            )


def encryption_findings(stores: "Stores", workspace: "Workspace") -> Iterator[Finding]:
    """Which keys seal and open, and what rests sealed with which."""
    try:
        resting = stores.data_keys.sealed_with(workspace) + stores.outcomes.sealed_with(workspace)
    except Failure as failure:
        yield Finding(check="storage", item="encryption", status="failed", text=failure.message, repair=failure.hint)
        return
    lost = resting.pop(None, 0)
    opens = ", ".join(f"`{named.id}`" for named in workspace.older) or "none"
    with_which = ", ".join(f"{count} with `{key}`" for key, count in sorted(resting.items(), key=str)) or "nothing yet"
    yield Finding(
        check="storage",
        item="encryption",
        status="warning" if lost else "ok",
        text=f"The key `{workspace.key_id}` seals; others that open: {opens}. Sealed keys and outcomes: {with_which}"
        + (f", {lost} with a key that is in no setting." if lost else "."),
        repair="Add the former key to the setting `encryption_key`, after the new one: new:…,old:…" if lost else "",
    )


def version_findings() -> Iterator[Finding]:
    """What runs."""
    import platform
    from importlib.metadata import version

    yield Finding(
        check="versions",
        item="toolkit",
        status="ok",
        text=f"FaaS Toolkit {VERSION}, Python {platform.python_version()}, dify_plugin {version('dify_plugin')}.",
    )
