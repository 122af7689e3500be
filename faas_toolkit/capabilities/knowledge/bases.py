"""Which bases are meant: names are resolved within the caller's scope, and unknown and forbidden ones answer alike."""

from collections.abc import Mapping, Sequence

from faas_toolkit.capabilities.knowledge.port import KnowledgeSource, KnowledgeStore
from faas_toolkit.core.call import Scope
from faas_toolkit.core.errors import InvalidInput, NotFound
from faas_toolkit.core.untrusted import nearest, printable

FAMILY = "knowledge"


class Bases:
    """The bases of a catalog.

    Args:
        sources: by the name that the catalog gives them.
    """

    def __init__(self, sources: Mapping[str, KnowledgeSource]) -> None:
        self._sources = sources

    def __getitem__(self, name: str) -> KnowledgeSource:
        """The base of that name."""
        return self._sources[name]

    def visible(self, scope: Scope) -> tuple[str, ...]:
        """The names that this scope may know of, in the order of the catalog."""
        return tuple(name for name in self._sources if scope.allows(FAMILY, name))

    def chosen(self, scope: Scope, asked: Sequence[str]) -> tuple[str, ...]:
        """The bases that are asked: all visible ones where none is named.

        Raises:
            NotFound: a name that does not exist or is not open to the caller, or nothing is.
        """
        visible = self.visible(scope)
        if not visible:
            raise NotFound(
                "No knowledge base is open to you.", hint="An administrator names one in the catalog: roles.<role>.knowledge."
            )
        for name in asked:
            if name not in visible:
                close = nearest(name, visible)
                meant = f" Did you mean {close!r}?" if close else ""
                raise NotFound(
                    f"There is no knowledge base {printable(name)!r} that you may use.{meant}",
                    hint=f"You may use: {', '.join(visible)}.",
                )
        return tuple(name for name in visible if not asked or name in asked)

    def writable(self, scope: Scope, asked: str) -> tuple[str, KnowledgeStore]:
        """The base to write to: the one named, or the only one that can be written to.

        Raises:
            InvalidInput: none is named and there are several, or the one named cannot be written to.
            NotFound: as `chosen`.
        """
        names = self.chosen(scope, (asked,) if asked else ())
        stores = {name: source for name in names if isinstance(source := self._sources[name], KnowledgeStore)}
        if asked and not stores:
            others = [name for name in self.visible(scope) if isinstance(self._sources[name], KnowledgeStore)]
            raise InvalidInput(
                f"The base {asked!r} is of kind {self._sources[asked].kind}: it is only asked, not written to.",
                hint=f"Documents can be added to: {', '.join(others) or 'none of your bases'}.",
            )
        if len(stores) != 1:
            raise InvalidInput(
                f"Say which base is meant: {', '.join(stores)}." if stores else "None of your bases can be written to.",
                hint=f"Example: base={next(iter(stores))}." if stores else "An administrator adds one of kind embedded.",
            )
        return next(iter(stores.items()))


def document_number(text: str, base: str) -> int:
    """The number in an id such as `handbook:12`, `handbook:12#3` or `12`.

    Raises:
        InvalidInput: it is none, or one of another base.
    """
    named, _, number = text.strip().partition("#")[0].rpartition(":")
    if named not in ("", base):
        raise InvalidInput(
            f"The document {printable(text)!r} is not of the base {base!r}.", hint=f"Give base={printable(named)}."
        )
    if not number.isdecimal() or not 0 < len(number) < 10:
        raise InvalidInput(
            f"document must be an id as knowledge_search shows it, got {printable(text)!r}.", hint=f"Example: {base}:12."
        )
    return int(number)
