"""What `diagnose` tells about the process itself: the catalog in force, the storage, the versions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from faas_toolkit.core.errors import Failure
from faas_toolkit.core.inventory import Finding
from faas_toolkit.wiring import VERSION, Process

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogInvalid
    from faas_toolkit.catalog.load import LoadedCatalog
    from faas_toolkit.pipeline.identity_token import TokenVerifier


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


def storage_findings(process: Process) -> Iterator[Finding]:
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
        process.database.check()
    except Failure as failure:
        yield Finding(check="storage", item="database", status="failed", text=failure.message, repair=failure.hint)
    else:
        yield Finding(
            check="storage", item="database", status="ok", text=f"The {process.database.dialect} store answers and is whole."
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
