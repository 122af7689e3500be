"""How personal data is shown to one caller: in values of any shape, and in streams."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from faas_toolkit.core.call import Answer, MaskMode, Record
from faas_toolkit.core.errors import BadResponse
from faas_toolkit.core.redaction import Found, find_personal_data, mask_partially
from faas_toolkit.core.stream import End, Stream

HELD_BACK_CHARS = 320
"""How much of a stream waits for what follows: the longest e-mail address (RFC 5321 §4.5.3.1: 64 and 255 characters)."""
_CONTEXT_CHARS = 80
"""How much of what has gone out still tells whether what follows is part of an id."""
_MAX_DEPTH = 100


class Masker:
    """Masks findings by the caller's modes (`partial` or `drop`), and counts them in the call's record."""

    def __init__(self, modes: Mapping[str, MaskMode], record: Record) -> None:
        self._modes = modes
        self._record = record
        self.count = 0

    def value(self, value: Any, key: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - of the same shape as what goes in
        """The value with every text inside masked; keys and types stay.

        Raises:
            BadResponse: it is nested so deeply that it cannot be looked through, and so is not shown.
        """
        if isinstance(value, str):
            return self.text(value, key)
        if depth > _MAX_DEPTH:
            raise BadResponse(f"The answer is nested deeper than {_MAX_DEPTH} levels and cannot be reviewed.")
        if isinstance(value, Mapping):
            return {name: self.value(inner, str(name), depth + 1) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self.value(inner, key, depth + 1) for inner in value])
        return value

    def text(self, text: str, key: str = "") -> str:
        """The text with every finding masked; `key` is the name of the field that holds it."""
        found = find_personal_data(text, self._modes, key)
        return self._masked(text, found, 0, len(text)) if found else text

    def stream(self, stream: Stream) -> Stream:
        """The stream with its findings masked, also those that two chunks share, and so the answer it ends with."""
        ended: list[Answer] = []
        return Stream.over(stream, self._chunks(stream, ended), answer=lambda: ended[0] if ended else None)

    def answer(self, answer: Answer) -> Answer:
        """The answer with every text inside masked."""
        return replace(
            answer,
            variables=self.value(answer.variables),
            added=self.value(answer.added),
            notices=tuple(self.text(notice) for notice in answer.notices),
        )

    def _chunks(self, stream: Stream, ended: list[Answer]) -> Iterator[str]:
        text, done = "", 0  # what stands before `done` has gone out
        for item in stream:
            if isinstance(item, End):
                yield self._between(text, done, len(text))
                if item.failure is not None:
                    raise item.failure
                if item.answer is not None:  # its findings were counted as they went by
                    ended.append(Masker(self._modes, Record(request_id="", started=0.0)).answer(item.answer))
                return
            text += item
            cut = self._safe_cut(text, len(text) - HELD_BACK_CHARS)
            if cut > done:
                yield self._between(text, done, cut)
                context = max(0, cut - _CONTEXT_CHARS)
                text, done = text[context:], cut - context

    def _safe_cut(self, text: str, cut: int) -> int:
        """The place itself, or the beginning of the finding that it would tear."""
        torn = (found.start for found in find_personal_data(text, self._modes) if found.start < cut < found.end)
        return next(torn, cut) if cut > 0 else 0

    def _between(self, text: str, start: int, end: int) -> str:
        found = [item for item in find_personal_data(text, self._modes) if start <= item.start and item.end <= end]
        return self._masked(text, found, start, end)

    def _masked(self, text: str, findings: list[Found], position: int, end: int) -> str:
        pieces = []
        for found in findings:
            self.count += 1
            self._record.masked(found.detector)
            shown = f"[{found.detector}]" if self._modes[found.detector] == "drop" else mask_partially(found)
            pieces += [text[position : found.start], shown]
            position = found.end
        return "".join(pieces) + text[position:end]
