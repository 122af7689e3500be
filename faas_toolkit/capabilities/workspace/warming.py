"""Asks a list of questions so that their answers are kept before anybody needs them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from faas_toolkit.core.call import Answer, ApiClient, Call, Origin, Record
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure, InvalidInput
from faas_toolkit.core.fan_out import ask_each
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.operation import NEVER_KEPT, Operation, Traits
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import did_you_mean, printable

MOST_CALLS = 200
_NAMED_PROBLEMS = 5
_LEAST_SECONDS = 2.0
"""With less time than that no further question is begun."""
_KEYS = frozenset({"tool", "operation", "arguments"})
OUTCOMES = ("warmed", "kept", "failed", "skipped")


@immutable
class _Wanted:
    number: int
    operation: Operation
    arguments: Mapping[str, object]


class Warm:
    """Answers `cache.warm`.

    Args:
        run: passes one call through the whole front; refuses, with a decision `warming`, what would not be kept.
        settle: waits until what was kept has reached where it outlives this process.
        operations: by their own names and by those of their tools.
        roles: of the catalog.
    """

    def __init__(
        self,
        *,
        run: Callable[[Call], Answer | Stream],
        settle: Callable[[Deadline], None],
        operations: Mapping[str, Operation],
        roles: Collection[str],
    ) -> None:
        self._run = run
        self._settle = settle
        self._operations = operations
        self._roles = roles

    def __call__(self, call: Call) -> Answer:
        """What became of each question; the answers themselves are kept and not told.

        Raises:
            InvalidInput: the list is none, or names what does not exist; then nothing is asked.
        """
        wanted = self._wanted(call.arguments["calls"])
        origin = self._origin(call)
        report = ask_each(wanted, lambda each: self._ask(each, origin, call))
        self._settle(call.deadlines.first_content)
        counts = {outcome: sum(row["outcome"] == outcome for row in report) for outcome in OUTCOMES}
        return Answer(variables={**counts, "report": report}, source="cache")

    def traits(self, call: Call) -> Traits:
        """What it leaves is the cache itself."""
        return NEVER_KEPT

    def _ask(self, wanted: _Wanted, origin: Origin, call: Call) -> dict[str, object]:
        row: dict[str, object] = {"number": wanted.number, "tool": wanted.operation.tool}
        deadline = call.deadlines.first_content
        if deadline.remaining() < _LEAST_SECONDS:
            return {**row, "outcome": "skipped", "message": "No time was left; send the rest in another call."}
        record = Record(request_id=f"{call.record.request_id}-{wanted.number}", started=deadline.clock.monotonic())
        asked = replace(call, operation=wanted.operation, arguments=wanted.arguments, origin=origin, record=record)
        try:
            answer = self._run(asked)
        except Failure as failure:
            skipped = any(decision.policy == "warming" for decision in record.decisions)
            return {**row, "outcome": "skipped" if skipped else "failed", "kind": failure.kind, "message": failure.message}
        if isinstance(answer, Stream):
            answer.close()
        return {**row, "outcome": "kept" if record.cached else "warmed"}

    def _origin(self, call: Call) -> Origin:
        """Whose questions they are: the caller's own, or those of a role, as what is kept for one scope no other scope sees."""
        role = call.arguments["role"]
        if not role:
            return call.origin
        if role not in self._roles:
            raise InvalidInput(
                f"There is no role {printable(role)!r} in the catalog.{did_you_mean(str(role), self._roles)}",
                hint=f"The roles are: {', '.join(self._roles)}.",
            )
        name = call.caller.subject.removeprefix("client:")  # which the access policy puts before it again
        return replace(call.origin, identity_token=None, client=ApiClient(name=name, role=str(role)))

    def _wanted(self, calls: object) -> list[_Wanted]:
        if not isinstance(calls, Sequence) or isinstance(calls, str) or not 1 <= len(calls) <= MOST_CALLS:
            raise InvalidInput(f"calls must be a JSON list of 1 to {MOST_CALLS} calls.", hint=_EXAMPLE)
        wanted: list[_Wanted] = []
        problems: list[str] = []
        for number, item in enumerate(calls, 1):
            try:
                wanted.append(self._read(number, item))
            except InvalidInput as problem:
                problems.append(problem.message)
        if problems:
            more = f" There are {len(problems) - _NAMED_PROBLEMS} more." if len(problems) > _NAMED_PROBLEMS else ""
            raise InvalidInput(" ".join(problems[:_NAMED_PROBLEMS]) + more, hint=_EXAMPLE)
        return wanted

    def _read(self, number: int, item: object) -> _Wanted:
        if not isinstance(item, Mapping):
            raise InvalidInput(f"Call {number} is no JSON object.")
        unknown = [printable(key) for key in item if key not in _KEYS]
        if unknown:
            raise InvalidInput(f"Call {number} has the key {unknown[0]!r}; it takes tool and arguments.")
        name, arguments = item.get("tool", item.get("operation")), item.get("arguments", {})
        operation = self._operations.get(name) if isinstance(name, str) else None
        if operation is None:
            meant = did_you_mean(printable(name), self._operations)
            raise InvalidInput(f"Call {number} names no tool: {printable(name)!r}.{meant}")
        if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
            raise InvalidInput(f"The arguments of call {number} are no JSON object.")
        return _Wanted(number, operation, arguments)


_EXAMPLE = 'Example: [{"tool": "crm_lookup", "arguments": {"query": "Acme"}}]'
