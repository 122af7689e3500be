"""What comes in and what goes out: word lists and patterns on the way in, detectors and masks on the way out.

It only takes away from texts; rows and documents that a caller may not see were cut by the scope, inside the source.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from faas_toolkit.core.call import Answer, Call, MaskMode
from faas_toolkit.core.errors import Blocked
from faas_toolkit.core.operation import Proceed
from faas_toolkit.core.redaction import find_personal_data, mask_partially
from faas_toolkit.core.stream import End, Stream

HELD_BACK_CHARS = 120
"""How much of a stream waits for what follows: longer than any value that the detectors find in practice."""


class Review:
    """The review policy.

    Args:
        patterns: RE2 patterns; a text in which one is found is refused.
        words: words and phrases that are refused; Latin ones only as whole words.
        detect: detectors whose findings are masked as the caller's roles say.
    """

    def __init__(self, *, patterns: tuple[str, ...] = (), words: tuple[str, ...] = (), detect: tuple[str, ...] = ()) -> None:
        self._patterns = patterns
        self._words = frozenset(folded(word) for word in words if word.strip())
        self._detect = detect
        self._compiled: list[Any] | None = None

    def __call__(self, call: Call, proceed: Proceed) -> Answer | Stream:
        """The answer with its personal data masked.

        Raises:
            Blocked: the arguments hold what this workspace refuses; the text does not say which word or pattern.
        """
        if (self._patterns or self._words) and any(self._refuses(text) for text in texts_in(call.arguments)):
            call.record.decide("review", "refused")
            raise Blocked(
                "This text is refused by a rule of this workspace.", hint="Say it in another way, without that content."
            )
        answer = proceed(call)
        modes = {name: mode for name in self._detect if (mode := call.caller.masks.get(name, "partial")) != "keep"}
        if not modes:
            return answer
        masker = _Masker(modes, call)
        if isinstance(answer, Stream):
            return masked_stream(answer, masker)
        masked = replace(
            answer,
            variables=masker.value(answer.variables),
            added=masker.value(answer.added),
            notices=tuple(masker.text(notice) for notice in answer.notices),
        )
        if masker.count:
            call.record.decide("review", "masked", f"{masker.count} values")
        return masked

    def _refuses(self, text: str) -> bool:
        plain = folded(text)
        return any(pattern.search(text) for pattern in self._engine()) or any(_holds(plain, word) for word in self._words)

    def _engine(self) -> list[Any]:
        if self._compiled is None:
            self._compiled = [compile_pattern(pattern) for pattern in self._patterns]
        return self._compiled


def compile_pattern(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    """The pattern on the linear-time engine; raises `re2.error` for what it does not take (look-around, back-references)."""
    import re2

    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def folded(text: str) -> str:
    """The text without differences of width, case and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def texts_in(value: object) -> Iterator[str]:
    """Every text inside a value, keys of mappings included."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)


def masked_stream(stream: Stream, masker: "_Masker") -> Stream:
    """The stream with its findings masked, also those that two chunks share."""
    ending: list[End] = []

    def chunks() -> Iterator[str]:
        held = ""
        for item in stream:
            if isinstance(item, End):
                ending.append(item)
                break
            held += item
            cut = _safe_cut(held)
            if cut:
                yield masker.text(held[:cut])
                held = held[cut:]
        if held:
            yield masker.text(held)
        if ending and ending[0].failure is not None:
            raise ending[0].failure

    reviewed = Stream(chunks(), usage=lambda: ending[0].usage if ending else {})
    reviewed.on_end(lambda _: stream.close())
    return reviewed


def _safe_cut(held: str) -> int:
    """Where the text may be cut: at the last white space before what is held back, so that no value is torn."""
    limit = len(held) - HELD_BACK_CHARS
    return 0 if limit <= 0 else max((found.end() for found in re.finditer(r"\s(?=[^\d\s(+])", held[:limit])), default=0)


def _holds(text: str, word: str) -> bool:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not (_joins(text, start - 1, word[0]) or _joins(text, end, word[-1])):
            return True
        start = text.find(word, start + 1)
    return False


def _joins(text: str, position: int, edge: str) -> bool:
    """Whether the neighbouring letter belongs to the same word; scripts without spaces have no such neighbours."""
    if not 0 <= position < len(text):
        return False
    return edge.isalnum() and text[position].isalnum() and ord(edge) < 0x2E80 and ord(text[position]) < 0x2E80


class _Masker:
    """Masks values by the caller's modes, and counts."""

    def __init__(self, modes: Mapping[str, MaskMode], call: Call) -> None:
        self._modes = modes
        self._record = call.record
        self.count = 0

    def value(self, value: Any) -> Any:  # noqa: ANN401 - JSON-like, of the same shape as what goes in
        """The value with every text inside masked; keys and types stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner) for inner in value]
        return value

    def text(self, text: str) -> str:
        """The text with every finding masked."""
        return "".join(self._pieces(text))

    def _pieces(self, text: str) -> Iterable[str]:
        position = 0
        for found in find_personal_data(text, self._modes):
            self.count += 1
            self._record.masked(found.detector)
            yield text[position : found.start]
            yield f"[{found.detector}]" if self._modes[found.detector] == "drop" else mask_partially(found)
            position = found.end
        yield text[position:]
