"""Forgets a person: looks everywhere, tells what was found, and does it when that is confirmed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from faas_toolkit.core.call import Answer, Call, Workspace
from faas_toolkit.core.canonical import digest
from faas_toolkit.core.erasure import Holding, Person, Register, Trace
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.operation import NEVER_KEPT, Traits

_CONFIRM_CHARS = 16
_BOUND_TO = ("crm", "knowledge")
"""Places whose records a confirmation names; the others change with every call."""


class ErasePerson:
    """Answers `workspace.erase`.

    Args:
        register: knows people by what they are called.
        holdings: for what `documents` asks (report or delete), whatever may hold something of a person.
        elsewhere: the systems that the catalog names and that are not the plugin's own.
        blind: a name for a workspace's word that tells nothing without its key.
        scrub: makes nothing deleted stay on the disk; whether it could.
    """

    def __init__(
        self,
        *,
        register: Register,
        holdings: Callable[[str], Sequence[Holding]],
        elsewhere: Sequence[Trace],
        blind: Callable[[Workspace, str], str],
        scrub: Callable[[], bool],
    ) -> None:
        self._register = register
        self._holdings = holdings
        self._elsewhere = elsewhere
        self._blind = blind
        self._scrub = scrub

    def __call__(self, call: Call) -> Answer:
        """What was found, and the token that confirms it; or, with that token, what was done.

        Raises:
            InvalidInput: several people may be meant, or the token is of another request.
            Unavailable: a store is away; what was erased before that stays erased, and a repetition does the rest.
        """
        workspace, documents = call.workspace, str(call.arguments["documents"])
        person = self._register.person(workspace, str(call.arguments["person"]).strip())
        holdings = self._holdings(documents)
        found = [trace for each in holdings for trace in each.forget(workspace, person, confirmed=False)]
        token = self._token(workspace, person, documents, found)
        given = call.arguments["confirm"]
        if given not in (None, token):
            raise InvalidInput(
                "confirm is not the token of this erasure: it belongs to another person, or something was added meanwhile.",
                hint="Call again without confirm, look at the report, and confirm with the token it gives.",
            )
        if given == token:
            found = [trace for each in holdings for trace in each.forget(workspace, person, confirmed=True)]
        return self._answer(call, person, [*found, *self._elsewhere], None if given == token else token)

    def traits(self, call: Call) -> Traits:
        """An erasure is of now."""
        return NEVER_KEPT

    def _token(self, workspace: Workspace, person: Person, documents: str, found: Sequence[Trace]) -> str:
        items = sorted((trace.place, trace.item, trace.action) for trace in found if trace.place in _BOUND_TO)
        return self._blind(workspace, digest(["erase", person.given.casefold(), documents, items]))[:_CONFIRM_CHARS]

    def _answer(self, call: Call, person: Person, traces: Sequence[Trace], token: str | None) -> Answer:
        scrubbed = self._scrub() if token is None else None
        notices = () if scrubbed is not False else (_NOT_SCRUBBED,)
        name = self._blind(call.workspace, f"erased person {person.given.casefold()}")
        call.record.noted["erasure"] = {"person": name, "done": token is None, "found": _summary(traces)}
        variables: Mapping[str, object] = {
            "erased": token is None,
            "person": name,
            "report": [asdict(trace) for trace in traces],
            "confirm": token or "",
        }
        return Answer(variables=variables, source="erasure", notices=notices)


_NOT_SCRUBBED = (
    "The database could not be written anew just now, so deleted data may still lie in its file."
    " Repeat this erasure in a quiet moment."
)


def _summary(traces: Sequence[Trace]) -> dict[str, int]:
    """How much of what, for the audit row."""
    counted: Counter[str] = Counter()
    for trace in traces:
        counted[f"{trace.place}: {trace.action}"] += trace.count
    return dict(counted)
