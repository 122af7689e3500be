"""The `after` function of an operation: it may add to the result.

It is sent

    {"operation": "crm.lookup", "arguments": {…}, "result": {…the operation's variables…}, "source": "main"}

and answers an object of at most 100 kB of JSON, which becomes the variable `added`. It never takes anything away, and its failure
never fails the call: the answer then says that the addition is missing, and is not kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.chain import InvokeFunction, Proceed
from faas_toolkit.core.errors import BadResponse, Failure
from faas_toolkit.core.stream import Stream
from faas_toolkit.core.untrusted import json_size, require_clean_value
from faas_toolkit.core.upload import described

MAX_ADDED_BYTES = 100_000


class Enrich:
    """The enrich policy.

    Args:
        after: the function's name by operation.
        invoke: calls a function of the catalog.
    """

    def __init__(self, *, after: Mapping[str, str], invoke: InvokeFunction) -> None:
        self._after = after
        self._invoke = invoke

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The answer with what the function added; a stream is handed on as it comes, and what is added stands at its end."""
        name = self._after.get(call.operation.name)
        answer = proceed(call)
        if name is None:
            return answer
        return self._streamed(name, call, answer) if isinstance(answer, Stream) else self._added(name, call, answer)

    def _streamed(self, name: str, call: Call, stream: Stream) -> Stream:
        ended: list[Answer] = []
        total = call.deadlines.total  # the first content came long ago; the function has what is left
        later = replace(call, deadlines=replace(call.deadlines, first_content=total))

        def chunks() -> Iterator[str]:
            yield from stream.texts()
            ended.append(self._added(name, later, stream.answer))

        return Stream.over(stream, chunks(), answer=lambda: ended[0] if ended else None)

    def _added(self, name: str, call: Call, answer: Answer) -> Answer:
        try:
            added = self._ask(name, call, answer)
        except Failure as failure:
            call.record.decide("enrich", failure.kind, name)
            notice = f"What {name!r} adds is missing from this answer. {failure.message}"
            return replace(answer, partial=True, notices=(*answer.notices, notice))
        call.record.decide("enrich", "added", name)
        return replace(answer, added=added)

    def _ask(self, name: str, call: Call, answer: Answer) -> Mapping[str, object]:
        payload = {
            "operation": call.operation.name,
            "arguments": described(call.arguments),
            "result": dict(answer.variables),
            "source": answer.source,
        }
        added = self._invoke(name, payload, call)
        require_clean_value(added, "Its answer")
        if not isinstance(added, Mapping) or json_size(added) > MAX_ADDED_BYTES:
            raise BadResponse(f"It must answer an object of at most {MAX_ADDED_BYTES:,} bytes of JSON.")
        return added
