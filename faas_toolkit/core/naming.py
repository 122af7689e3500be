"""Which things of the catalog a caller means: resolved within the scope; unknown and forbidden names answer alike."""

from collections.abc import Iterable, Sequence

from faas_toolkit.core.call import Scope
from faas_toolkit.core.errors import NotFound
from faas_toolkit.core.untrusted import did_you_mean, printable


def visible(scope: Scope, family: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names that this scope may know of, in their order."""
    return tuple(name for name in names if scope.allows(family, name))


def chosen(scope: Scope, family: str, names: Iterable[str], asked: Sequence[str], *, what: str, key: str) -> tuple[str, ...]:
    """The names that are meant: all visible ones where none is asked for.

    Args:
        scope: of the caller.
        family: as scopes name it, e.g. `crm`.
        names: all there are, in the order of the catalog.
        asked: what the caller wrote.
        what: one of them in words, e.g. `CRM source`.
        key: the catalog key under which a role names them, e.g. `crm.sources`.

    Raises:
        NotFound: a name that does not exist or is not open to the caller, or nothing is.
    """
    there = visible(scope, family, names)
    if not there:
        raise NotFound(f"No {what} is open to you.", hint=f"An administrator names one in the catalog: roles.<role>.{key}.")
    for name in asked:
        if name not in there:
            raise NotFound(
                f"There is no {what} {printable(name)!r} that you may use.{did_you_mean(name, there)}",
                hint=f"You may use: {', '.join(there)}.",
            )
    return tuple(name for name in there if not asked or name in asked)
