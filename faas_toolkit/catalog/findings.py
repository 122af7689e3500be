"""What is wrong with a catalog, in words for the administrator who wrote it."""

from collections.abc import Iterable
from typing import Literal

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.immutable import immutable

type Path = tuple[str | int, ...]
"""Where in the document: keys and positions in lists, from the top."""

_SHOWN_AT_ONCE = 5


@immutable
class Mark:
    """Where something stands in the text; both count from 1."""

    line: int
    column: int


@immutable(kw_only=True)
class CatalogFinding:
    """One thing that is wrong, or that is probably not what was meant."""

    path: str
    """E.g. `functions.score_customer.timeout`; empty: the document as a whole."""
    message: str
    """What was found; never a secret's value."""
    hint: str = ""
    """What would be right, with an example where one helps."""
    line: int | None = None
    """From 1; None where the place has no line of its own."""
    column: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """One line, e.g. `functions.f.timeout (line 12, column 5): "5 parsecs" is not a duration. Write e.g. 30s.`."""
        place = f" (line {self.line}, column {self.column})" if self.line is not None else ""
        return f"{self.path or 'the document'}{place}: {self.message}" + (f" {self.hint}" if self.hint else "")


@immutable
class FoundAt:
    """A finding that does not know its line yet."""

    path: Path
    message: str
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    at_key: bool = False
    """The key itself is wrong, not what stands under it."""
    mark: Mark | None = None
    """The place, where it is not simply that of the path."""


class CatalogInvalid(Unavailable):
    """The catalog cannot be used. Raised by a tool as it is: nothing can be answered until the administrator repairs it.

    `message` holds the first few findings, bounded for a model; `findings` and `report()` hold all.
    """

    retryable_by_default = False

    def __init__(self, findings: Iterable[CatalogFinding]) -> None:
        self.findings = tuple(findings)
        count = len(self.findings)
        shown = " ".join(f"{number}) {finding}" for number, finding in enumerate(self.findings[:_SHOWN_AT_ONCE], 1))
        more = f" And {count - _SHOWN_AT_ONCE} more; the tool diagnose lists all." if count > _SHOWN_AT_ONCE else ""
        super().__init__(
            f"The catalog in this plugin's settings cannot be used: {count} problem{'s' if count > 1 else ''}. {shown}{more}",
            hint="An administrator repairs it in the plugin's settings, field `catalog`.",
            not_executed=True,
        )

    def report(self) -> str:
        """Every finding, one to a line."""
        return "\n".join(str(finding) for finding in self.findings)


def render_path(path: Path) -> str:
    """`roles.member.crm.hide[0]`, `operations."crm.lookup".before`."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
            continue
        plain = part.replace("_", "a").replace("-", "a").isalnum() and len(part) <= 60
        shown += ("." if shown else "") + (part if plain else _quoted(part))
    return shown


def _quoted(part: str) -> str:
    readable = "".join(character if character.isprintable() else "�" for character in part)
    return f'"{readable[:60]}{"…" if len(readable) > 60 else ""}"'
