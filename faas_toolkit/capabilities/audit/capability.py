"""Shows the audit rows of the caller's own workspace, and says whether they are what was written."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping

from faas_toolkit.capabilities.audit.period import as_time, moment
from faas_toolkit.core.audit_trail import INTENT, AuditQuestion, AuditTrail, Place, Verified
from faas_toolkit.core.call import Answer, Call, Exported
from faas_toolkit.core.errors import InvalidInput, every_kind
from faas_toolkit.core.operation import NEVER_KEPT, Traits
from faas_toolkit.core.untrusted import did_you_mean, printable

EXPORT_ROWS = 5_000
"""Of one file; the next one begins at `next_cursor`. All rows at once: `workbench audit export`."""

OUTCOMES = ("ok", INTENT, *every_kind())
_TAKES_FILES = ("workflow", "agent_chat")
"""Where Dify hands a file on; an Agent node fails on one (dify-behaviour §3.3)."""


class AuditSearch:
    """Answers `audit.search`.

    Args:
        trail: what is kept about calls.
        tools: each operation's name by its tool's.
        now: epoch seconds.
    """

    def __init__(self, *, trail: AuditTrail, tools: Mapping[str, str], now: Callable[[], float]) -> None:
        self._trail = trail
        self._tools = tools
        self._now = now

    def __call__(self, call: Call) -> Answer:
        """The rows, newest first, and where it was asked for, what a verification found.

        Raises:
            InvalidInput: a time, an operation, an outcome or a cursor that cannot be meant.
            Unavailable: the store is away.
        """
        export = bool(call.arguments["export"])
        question = self._question(call, EXPORT_ROWS if export else int(str(call.arguments["limit"])))
        page = self._trail.search(question)
        rows = [{**row, "time": as_time(row["time"])} for row in page.rows]
        chain = chain_as_variable(self._trail.verify(call)) if call.arguments["verify"] else {}
        notices: tuple[str, ...] = ()
        exported = None
        if export and call.origin.surface in _TAKES_FILES:
            exported = Exported(variable="rows", name="audit.jsonl", shown=int(str(call.arguments["limit"])))
        elif export:
            notices = ("No file can be handed over here; rows has what fits. Export from a workflow or a chat app's agent.",)
        return Answer(
            variables={"rows": rows, "next_cursor": _cursor(page.next), "chain": chain},
            source="audit",
            notices=notices,
            exported=exported,
        )

    def traits(self, call: Call) -> Traits:
        """Each call adds a row, so no answer stays true."""
        return NEVER_KEPT

    def _question(self, call: Call, limit: int) -> AuditQuestion:
        given = {name: str(value or "") for name, value in call.arguments.items()}
        now = self._now()
        since = moment(given["since"], "since", now)
        until = moment(given["until"], "until", now, whole_day=True) if given["until"] else float("inf")
        if since >= until:
            raise InvalidInput(
                f"since ({as_time(since)}) must lie before until ({as_time(until)}).", hint="Example: since=48h, until=24h."
            )
        return AuditQuestion(
            workspace=call.workspace,
            since=since,
            until=min(until, _LATEST),
            limit=limit,
            text=given["query"],
            callers=_callers(given["caller"]),
            operation=self._operation(given["operation"]),
            outcome=_outcome(given["outcome"]),
            before=_place(given["cursor"]),
        )

    def _operation(self, given: str) -> str:
        if not given or given in self._tools.values():
            return given
        if given in self._tools:
            return self._tools[given]
        raise InvalidInput(
            f"There is no operation {printable(given)!r}.{did_you_mean(given, (*self._tools, *self._tools.values()))}",
            hint=f"The tools are {', '.join(sorted(self._tools))}.",
        )


_LATEST = 1e12
"""No row is younger; an infinity is no number to a database."""


def _callers(given: str) -> tuple[str, ...]:
    """The subject as it stands in rows, or a user or a client by the name alone."""
    if not given:
        return ()
    return (given,) if ":" in given else (given, f"dify:{given}", f"client:{given}")


def _outcome(given: str) -> str:
    outcome = given.strip().lower()
    if outcome and outcome not in OUTCOMES:
        raise InvalidInput(
            f"There is no outcome {printable(given)!r}.{did_you_mean(outcome, OUTCOMES)}",
            hint=f"The outcomes are {', '.join(OUTCOMES)}.",
        )
    return outcome


def _cursor(place: Place | None) -> str:
    return "" if place is None else base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _place(cursor: str) -> Place | None:
    """It only says where to go on: whose rows are read, the question says anew."""
    if not cursor:
        return None
    try:
        time, writer, sequence = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        place = (float(time), str(writer)[:32], int(sequence))
    except (binascii.Error, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise InvalidInput(
            "This cursor is not one of this tool's.",
            hint="Pass next_cursor of the page before unchanged, with the same filters, or leave cursor out.",
        ) from error
    if not (abs(place[0]) < _LATEST and place[1].isalnum() and place[1].isascii() and 0 <= place[2] < 2**63):
        raise InvalidInput("This cursor is not one of this tool's.", hint="Leave cursor out to begin at the newest row.")
    return place


def chain_as_variable(found: Verified) -> dict[str, object]:
    """The variable `chain`."""
    return {
        "intact": found.intact,
        "complete": found.complete,
        "rows": found.rows,
        "chains": found.chains,
        "anchors": found.anchors,
        "unproved": found.unproved,
        "faults": [{"writer": writer, "sequence": sequence, "what": what} for writer, sequence, what in found.faults],
        "unfinished": list(found.unfinished),
        "problems": list(found.problems),
    }
