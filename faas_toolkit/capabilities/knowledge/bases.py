"""Which bases are meant, and which can be written to."""

from collections.abc import Mapping, Sequence

from faas_toolkit.capabilities.knowledge.port import KnowledgeSource, KnowledgeStore
from faas_toolkit.core import naming
from faas_toolkit.core.call import Scope
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.untrusted import printable

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
        return naming.visible(scope, FAMILY, self._sources)

    def chosen(self, scope: Scope, asked: Sequence[str]) -> tuple[str, ...]:
        """The bases that are asked: all visible ones where none is named.

        Raises:
            NotFound: a name that does not exist or is not open to the caller, or nothing is.
        """
        return naming.chosen(scope, FAMILY, self._sources, asked, what="knowledge base", key="knowledge")

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
