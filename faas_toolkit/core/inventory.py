"""What a family offers to a caller, and how it is doing: the words of `list_capabilities` and `diagnose`."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Literal, Protocol

from faas_toolkit.core.call import Call, Scope
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.operation import Effects

Status = Literal["ok", "warning", "failed"]

_CHECK_SECONDS = 3.0


@immutable(kw_only=True)
class Entry:
    """One thing that a caller may use."""

    family: str
    name: str
    kind: str
    """E.g. `embedded`, `http`, `aws_lambda`."""
    use: str
    """The tool that reaches it, with the arguments that name it, e.g. `function_call function=score_customer`."""
    description: str = ""
    effects: Effects = "none"
    arguments: Mapping[str, object] = field(default_factory=dict)
    """JSON Schema of what it takes, where it takes more than its tool's own parameters."""
    result: Mapping[str, object] = field(default_factory=dict)
    """JSON Schema of what it answers, where one is declared."""


@immutable(kw_only=True)
class Offer:
    """What one caller may use, for a front that shows it as tools of its own."""

    operations: tuple[str, ...]
    functions: tuple[Entry, ...]


@immutable(kw_only=True)
class Finding:
    """One line of `diagnose`."""

    check: Literal["identity", "catalog", "sources", "limits", "storage", "versions"]
    item: str
    status: Status
    text: str
    repair: str = ""
    """Names the field or catalog key to change; empty where nothing is to be done."""


class Inventory(Protocol):
    """What every family tells about itself."""

    def entries(self, scope: Scope) -> Iterable[Entry]:
        """What this scope may use; nothing else may show, not even by its name."""
        ...

    def findings(self, call: Call) -> Iterable[Finding]:
        """Asks each target in the scope for the cheapest sign of life, within 3 seconds each; never raises."""
        ...


def source_finding(item: str, check: Callable[[Deadline], str], *, call: Call, key: str) -> Finding:
    """How one source is doing.

    Args:
        item: its id, e.g. `crm:main`.
        check: asks for a sign of life, within the deadline; a sentence without its full stop, or raises a `Failure`.
        call: the call.
        key: the catalog key to look at where the failure has no hint of its own.
    """
    try:
        said = check(call.deadlines.first_content.earlier(_CHECK_SECONDS))
    except Failure as failure:
        repair = failure.hint or f"Check `{key}` in the catalog."
        return Finding(check="sources", item=item, status="failed", text=failure.message, repair=repair)
    return Finding(check="sources", item=item, status="ok", text=f"{said[:1].upper()}{said[1:]}.")
