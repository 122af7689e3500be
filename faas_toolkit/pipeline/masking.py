"""How personal data is shown to one caller: in values of any shape, and in streams."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from itertools import takewhile
from typing import Any

from faas_toolkit.core.call import Answer, Call, MaskMode, Record
from faas_toolkit.core.detectors.credential import MAX_CHARS as LONGEST_TOKEN
from faas_toolkit.core.detectors.table import holds_number
from faas_toolkit.core.detectors.text import Found
from faas_toolkit.core.errors import BadResponse, Failure
from faas_toolkit.core.offload import Pace, nothing
from faas_toolkit.core.redaction import SecretRedactor, find_personal_data, mask_partially, renamed
from faas_toolkit.core.stream import End, Stream
from faas_toolkit.pipeline.tokens import Tokens

HELD_BACK_CHARS = 320
"""How much of a stream waits for what follows: the longest e-mail address (RFC 5321 §4.5.3.1: 64 and 255 characters)."""
_CONTEXT_CHARS = 80
"""How much of what has gone out still tells whether what follows is part of an id."""
_OF_TOKENS = "".join(map(chr, range(0x21, 0x7F)))
"""What tokens and addresses are written with: in a stream none is torn, though one may be longer than what is held back."""
_LOOKED_AT_AGAIN = 16
"""A stream is looked through again when it has grown by a 16th of what waits, so that the time does not grow with its square."""
_TELLING = 4
"""So many characters of an opened value tell something of it."""
_CUTS = ("…", " …", "...", " ...")
_MAX_DEPTH = 100
_KNOWN_NAMES = 1_000
_VISIT = 16
"""What going to one value costs, in characters that are looked through."""
_HIDING = 64
"""And what hiding one finding costs."""
_LONGEST_NUMBER = 10**19
"""What has more digits than a card (ISO/IEC 7812: 19) is nobody's number."""


def masker_of(
    call: Call,
    detect: Iterable[str],
    give_way: Callable[[], None] = nothing,
    redact: SecretRedactor | None = None,
    opened: Mapping[str, str] | None = None,
) -> "Masker":
    """Masks what the detectors find as the call's caller is shown it: `keep`, `drop`, `token`, anything else in part.

    `opened` are the values behind the tokens that the caller sent, each with its detector (`pipeline/tokens.py`): they are hidden
    wherever they stand, also where no detector would find them.
    """
    modes = {name: mode for name in detect if (mode := call.caller.masks.get(name, "partial")) != "keep"}
    values = {value: name for value, name in (opened or {}).items() if name in modes}
    return Masker(modes, call.record, give_way, redact, tokens=Tokens(call.workspace), opened=values)


class Masker:
    """Masks findings by the caller's modes (`partial`, `token` or `drop`), and counts them in the call's record.

    A large answer is masked in portions, between which other calls run. From answers, streams and failures secrets are taken out
    first: one in which an address or a number stands would be masked in part, and its rest not be found any more.
    """

    def __init__(
        self,
        modes: Mapping[str, MaskMode],
        record: Record,
        give_way: Callable[[], None] = nothing,
        redact: SecretRedactor | None = None,
        *,
        tokens: Tokens | None = None,
        opened: Mapping[str, str] | None = None,
    ) -> None:
        self._modes = modes
        self._record = record
        self._give_way = give_way
        self._redact = redact or SecretRedactor(())
        self._tokens = tokens
        self._opened = opened or {}
        self._pace = Pace(give_way)
        self._clean_names: set[str] = set()
        self.count = 0

    def __bool__(self) -> bool:
        """Whether anything is masked for this caller."""
        return bool(self._modes)

    def value(self, value: Any, key: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - of the same shape as what goes in
        """The value with every text inside masked, keys included, and numbers where their field says that they are personal data.

        A masked number becomes a text; all other types stay.

        Raises:
            BadResponse: it is nested so deeply that it cannot be looked through, and so is not shown.
        """
        self._pace(_VISIT)
        if isinstance(value, str):
            return self.text(value, key)
        if depth > _MAX_DEPTH:
            raise BadResponse(f"The answer is nested deeper than {_MAX_DEPTH} levels and cannot be reviewed.")
        if isinstance(value, Mapping):
            names = renamed(value, self._name, self._pace)
            return {names[name]: self.value(inner, str(name), depth + 1) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self.value(inner, key, depth + 1) for inner in value])
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._number(value, key)
        return value

    def _name(self, name: str) -> str:
        if name in self._clean_names:  # records have the same ones over and over
            return name
        shown = self.text(name)
        if shown == name and len(self._clean_names) < _KNOWN_NAMES:
            self._clean_names.add(name)
        return shown

    def _number(self, number: float, key: str) -> float | str:
        if not 0 < number < _LONGEST_NUMBER or number != int(number):
            return number
        written = str(int(number))
        if written not in self._opened and not any(holds_number(name, key) for name in self._modes):
            return number
        shown = self.text(written, key)
        return number if shown == written else shown

    def text(self, text: str, key: str = "") -> str:
        """The text with every finding masked; `key` is the name of the field that holds it."""
        if len(text) > Pace.PORTION:
            return "".join(self._chunks(_portions((text, End())), []))
        found = self._found(text, key)
        return self._masked(text, found, 0, len(text)) if found else text

    def failure[F: Failure](self, failure: F) -> F:
        """A copy with its texts masked: who waited for the same answer shares it, and each is shown it by their own roles."""
        masked = copy(failure)
        masked.message, masked.hint = (self.text(self._redact(text)) for text in (failure.message, failure.hint))
        masked.args = (masked.message,)
        return masked

    def stream(self, stream: Stream) -> Stream:
        """The stream with its findings masked, also those that two chunks share, and so the answer it ends with."""
        ended: list[Answer] = []
        return Stream.over(
            stream, self._chunks(_portions(self._without_secrets(stream)), ended), answer=lambda: ended[0] if ended else None
        )

    def answer(self, answer: Answer) -> Answer:
        """The answer with every text inside masked."""
        return replace(
            answer,
            variables=self.value(self._redact.value(answer.variables)),
            source=self.text(self._redact(answer.source)),
            added=self.value(self._redact.value(answer.added)),
            notices=tuple(self.text(self._redact(notice)) for notice in answer.notices),
        )

    def _without_secrets(self, stream: Stream) -> Iterator[str | End]:
        ends: list[End] = []

        def texts() -> Iterator[str]:
            for item in stream:
                if isinstance(item, End):
                    ends.append(item)
                else:
                    yield item

        yield from self._redact.pieces(texts())
        yield from ends

    def _chunks(self, items: Iterable[str | End], ended: list[Answer]) -> Iterator[str]:
        text, done = "", 0  # what stands before `done` has gone out
        enough = HELD_BACK_CHARS
        for item in items:
            if isinstance(item, End):
                yield self._between(text, done, len(text), self._found(text))
                if item.failure is not None:
                    raise self.failure(item.failure) from item.failure
                if item.answer is not None:  # its findings were counted as they went by
                    again = copy(self)
                    again._record = Record(request_id="", started=0.0)  # noqa: SLF001 - a copy of ourselves
                    ended.append(again.answer(item.answer))
                return
            text += item
            if len(text) - done <= enough:
                continue
            found = self._found(text)
            cut = _safe_cut(text, found, len(text) - HELD_BACK_CHARS)
            if cut > done:
                yield self._between(text, done, cut, found)
                context = max(0, cut - _CONTEXT_CHARS)
                text, done = text[context:], cut - context
            enough = max(HELD_BACK_CHARS, len(text) - done + (len(text) - done) // _LOOKED_AT_AGAIN)

    def _found(self, text: str, key: str = "") -> list[Found]:
        self._pace(len(self._opened) * _VISIT)
        known = [found for value, detector in self._opened.items() for found in _standing(text, value, detector)]
        return find_personal_data(text, self._modes, key, pace=self._pace, known=known)

    def _between(self, text: str, start: int, end: int, found: list[Found]) -> str:
        return self._masked(text, [item for item in found if start <= item.start and item.end <= end], start, end)

    def _masked(self, text: str, findings: list[Found], position: int, end: int) -> str:
        pieces = []
        self._pace(len(findings) * _HIDING)
        for found in findings:
            self.count += 1
            self._record.masked(found.detector)
            pieces += [text[position : found.start], self._shown(found)]
            position = found.end
        return "".join(pieces) + text[position:end]

    def _shown(self, found: Found) -> str:
        mode = self._modes[found.detector]
        if mode == "token" and self._tokens is not None:
            return self._tokens.seal(found)
        return mask_partially(found) if mode == "partial" else f"[{found.detector}]"


def _portions(items: Iterable[str | End]) -> Iterator[str | End]:
    for item in items:
        if isinstance(item, End):
            yield item
        else:
            yield from (item[start : start + Pace.PORTION] for start in range(0, len(item), Pace.PORTION))


def _standing(text: str, value: str, detector: str) -> Iterator[Found]:
    """Where a value stands, and where its beginning does at a cut."""
    start = text.find(value[:_TELLING])
    while start >= 0:
        end = start + sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(value, text[start : start + len(value)], strict=False))
        )
        shown = text[start:end]
        if shown == value or text.startswith(_CUTS, end):
            yield Found(detector, start, end, shown, whole=shown == value)
        start = text.find(value[:_TELLING], end)


def _safe_cut(text: str, findings: list[Found], cut: int) -> int:
    """The place itself, or the beginning of the finding, or of the word in ASCII, that it would tear."""
    if text[cut] in _OF_TOKENS:
        start = len(text[:cut].rstrip(_OF_TOKENS))
        cut = start if cut - start < LONGEST_TOKEN else cut
    return next((found.start for found in findings if found.start < cut < found.end), cut)
