"""The audit trail as an administrator asks it: `observe` keeps it, a capability shows it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from faas_toolkit.core.call import Call, Workspace
from faas_toolkit.core.immutable import immutable

INTENT = "intent"
"""The outcome of a row that was written before an effect; the row of how it ended has the same request id."""

type Place = tuple[float, str, int]
"""Where a row stands in time: epoch seconds, writer, sequence."""


@immutable(kw_only=True)
class AuditQuestion:
    """Which rows of one workspace are wanted, newest first."""

    workspace: Workspace
    since: float
    """Epoch seconds, included."""
    until: float
    """Epoch seconds, not included."""
    limit: int
    text: str = ""
    """Stands somewhere in the row, in any case of letters; empty: any row."""
    callers: tuple[str, ...] = ()
    """Subjects, one of which it is; empty: anybody."""
    operation: str = ""
    outcome: str = ""
    before: Place | None = None
    """The last row of the page before."""


@immutable
class AuditPage:
    """Rows, newest first."""

    rows: Sequence[Mapping[str, object]]
    """As they were written, with `time` in epoch seconds."""
    next: Place | None
    """Where the next page begins; None: there is none."""


class Verified(Protocol):
    """What a verification found (`observe/audit_verify.py` says what each number means)."""

    @property
    def intact(self) -> bool:
        """Whether everything holds."""
        ...

    @property
    def complete(self) -> bool:
        """Whether there was time for all rows."""
        ...

    @property
    def rows(self) -> int:
        """How many were looked at."""
        ...

    @property
    def chains(self) -> int:
        """In how many chains."""
        ...

    @property
    def anchors(self) -> int:
        """How many heads that are known from elsewhere were looked for."""
        ...

    @property
    def unproved(self) -> int:
        """Rows with the proof of another key."""
        ...

    @property
    def faults(self) -> Sequence[tuple[str, int, str]]:
        """Writer, sequence, and what is wrong there."""
        ...

    @property
    def unfinished(self) -> Sequence[str]:
        """Requests whose effect began and of which nobody wrote down the end."""
        ...

    @property
    def problems(self) -> Sequence[str]:
        """Where evidence could not be had, in words."""
        ...


class AuditTrail(Protocol):
    """What is kept about calls."""

    def search(self, question: AuditQuestion) -> AuditPage:
        """The rows; raises `Unavailable` when the store is away."""
        ...

    def verify(self, call: Call) -> Verified:
        """Whether the rows of the call's workspace are what was written, within the call's time; raises as `search` does."""
        ...
