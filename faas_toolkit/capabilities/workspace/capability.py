"""Lists what the caller's scope shows, and asks every part how it is doing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict

from faas_toolkit.core.call import Answer, Call, Scope
from faas_toolkit.core.errors import NotFound
from faas_toolkit.core.inventory import Entry, Finding, Inventory
from faas_toolkit.core.operation import NEVER_KEPT, Traits
from faas_toolkit.core.untrusted import nearest, printable

_REMEMBERED_SCOPES = 64
_ALWAYS_TOLD = ("family", "name", "kind", "use", "description", "effects")


class ListCapabilities:
    """Answers `workspace.capabilities`.

    Args:
        inventories: what each family tells about itself, by family.
    """

    def __init__(self, *, inventories: Mapping[str, Inventory]) -> None:
        self._inventories = inventories
        self._told: dict[int, tuple[Scope, list[Entry]]] = {}

    def __call__(self, call: Call) -> Answer:
        """The entries of the asked family, or the one that was named.

        Raises:
            NotFound: nothing of that name in this caller's scope.
        """
        family = call.arguments["family"]
        entries = [entry for entry in self._entries(call.scope) if family in ("all", entry.family)]
        name = call.arguments["name"]
        if isinstance(name, str):
            entries = self._named(name, entries)
        return Answer(variables={"capabilities": [_plain(entry) for entry in entries]}, source="catalog")

    def traits(self, call: Call) -> Traits:
        """Cheaper to make than to keep."""
        return NEVER_KEPT

    def _entries(self, scope: Scope) -> list[Entry]:
        """All entries of the scope. They change with the catalog only, and callers of the same roles share one scope."""
        told_for, told = self._told.get(id(scope), (None, []))
        if told_for is not scope:
            told = [entry for inventory in self._inventories.values() for entry in inventory.entries(scope)]
            if len(self._told) >= _REMEMBERED_SCOPES:  # a proven caller has a scope of their own on each call
                self._told.clear()
            self._told[id(scope)] = (scope, told)
        return told

    def _named(self, name: str, entries: Iterable[Entry]) -> list[Entry]:
        by_name = {entry.name: entry for entry in entries}
        if name in by_name:
            return [by_name[name]]
        close = nearest(name, by_name)
        hint = f"Did you mean {close!r}?" if close else f"There are: {', '.join(sorted(by_name)) or 'none'}."
        raise NotFound(f"You may call nothing named {printable(name)!r}.", hint=hint)


class Diagnose:
    """Answers `workspace.diagnose`.

    Args:
        inventories: asked for the state of their targets, by family.
        environment: findings about the catalog in force, the storage and the versions.
    """

    def __init__(self, *, inventories: Mapping[str, Inventory], environment: Callable[[Call], Iterable[Finding]]) -> None:
        self._inventories = inventories
        self._environment = environment

    def __call__(self, call: Call) -> Answer:
        """Every finding of the asked check; never fails because something else does."""
        check = call.arguments["check"]
        findings = [finding for finding in self._findings(call, check) if check in ("all", finding.check)]
        return Answer(variables={"report": [asdict(finding) for finding in findings]}, source="diagnose")

    def traits(self, call: Call) -> Traits:
        """A diagnosis is of now."""
        return NEVER_KEPT

    def _findings(self, call: Call, check: object) -> Iterator[Finding]:
        yield from _identity(call)
        yield from self._environment(call)
        if check in ("all", "sources", "limits"):  # asks targets: not for a question about identity
            for inventory in self._inventories.values():
                yield from inventory.findings(call)


def _plain(entry: Entry) -> dict[str, object]:
    plain: dict[str, object] = {name: getattr(entry, name) for name in _ALWAYS_TOLD}
    return {**plain, "arguments": entry.arguments} if entry.arguments else plain


def _identity(call: Call) -> Iterator[Finding]:
    origin, caller = call.origin, call.caller
    shown = "a client's key" if caller.subject.startswith("client:") else "an identity token"
    proof = f"proved by {shown}" if caller.verified else "not proved (good for quotas only)"
    yield Finding(check="identity", item="caller", status="ok", text=f"{caller.subject}, {proof}; surface {origin.surface}.")
    yield Finding(
        check="identity",
        item="roles",
        status="ok" if caller.roles else "warning",
        text=f"Roles: {', '.join(caller.roles) or 'none'}. Grants: {', '.join(sorted(call.scope.grants)) or 'none'}.",
        repair="" if caller.roles else "Define the role in the catalog's `roles`, or change the setting `default_role`.",
    )
    yield Finding(check="identity", item="workspace", status="ok", text=f"Workspace {origin.workspace.id[:8]}….")
