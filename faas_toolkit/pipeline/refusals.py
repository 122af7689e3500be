"""What must not come in: word lists of any size, and patterns on an engine whose time grows only with the text."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from faas_toolkit.core.detectors.text import INVISIBLE, UNSPACED_SCRIPTS
from faas_toolkit.core.offload import InlineOffload, Offload, Pace

_MAX_PATTERN_CHARS = 1_000
_INLINE_CHARS = 4_096
"""So much is looked through where it stands: the engine needs a microsecond a character at worst, and most texts are short."""
_STARTS = (8, 2, 1)
"""Words are found by so many of their first characters, as many as they have."""
_NEVER_JOINED = re.compile("[\x00-\x7f\u4e00-\u9fff]")
"""Characters that no form of Unicode joins with the one before."""
_LETTER = rf"[^\W_{UNSPACED_SCRIPTS}]"
"""A letter or digit of a script that parts its words by spaces."""
_IS_LETTER = re.compile(_LETTER)


def compile_pattern(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    """The pattern on the linear-time engine.

    Raises:
        ValueError: the engine does not take it (look-around, back-references), or it refuses every text.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    if len(pattern) > _MAX_PATTERN_CHARS:
        raise ValueError(f"a pattern has at most {_MAX_PATTERN_CHARS:,} characters; write several")
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ValueError(
            f"this is not a pattern that RE2 takes ({reason}); it knows no look-around and no back-references,"
            ' e.g. "(?i)ignore all previous"'
        ) from error
    if compiled.search(""):
        raise ValueError(
            'this pattern is found in every text, the empty one too; say what must stand there, e.g. "(?i)secret plan"'
        )
    return compiled


class Refusals:
    """Whether a text holds what is refused.

    Args:
        patterns: RE2 patterns, searched in the text as it came and in its plain form (full-width letters made narrow, invisible
            characters removed), so that a change of looks does not pass.
        words: lists of words and phrases, one on each line, whatever their case, width and spacing; those of scripts with spaces
            only as whole words.
        offload: where long lists are read and long texts are looked through.
    """

    def __init__(self, patterns: Iterable[str], words: Iterable[str], offload: Offload | None = None) -> None:
        self._patterns = tuple(patterns)
        self._words = tuple(words)
        self._offload = offload or InlineOffload()
        self._rules: _Rules | None = None

    def __bool__(self) -> bool:
        """Whether anything is refused."""
        return bool(self._patterns or self._words)

    def __call__(self, text: str) -> bool:
        """True when something that is refused stands in the text."""
        rules = self._rules or self._offload.run("parse", self._read)
        return rules(text) if len(text) <= _INLINE_CHARS else self._offload.run("parse", lambda: rules(text))

    def _read(self) -> "_Rules":
        if self._rules is None:  # read by the first who asked; the pool has one thread
            self._rules = _Rules(self._patterns, self._words)
        return self._rules


class _Rules:
    def __init__(self, patterns: Iterable[str], words: Iterable[str]) -> None:
        self._patterns = [compile_pattern(pattern) for pattern in patterns]
        self._words = _WordList(word for lines in words for word in lines.splitlines())

    def __call__(self, text: str) -> bool:
        whole = text.encode("utf-8", "replace").decode()  # the engine takes no lone surrogates
        plain = _plain(whole)
        looks = dict.fromkeys((whole, plain))
        return any(found.search(look.encode()) for found in self._patterns for look in looks) or self._words.stands_in(plain)


class _WordList:
    """Words by their beginnings, so that neither the number of words nor that of equal beginnings makes a text slow."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_start: dict[str, dict[int, set[str]]] = {}
        for word in filter(None, map(_folded, words)):
            start = next(word[:size] for size in _STARTS if len(word) >= size)
            self._by_start.setdefault(start, {}).setdefault(len(word), set()).add(word)
        firsts = {start[0] for start in self._by_start}
        spaced = "".join(map(re.escape, sorted(filter(_IS_LETTER.match, firsts))))
        others = "".join(map(re.escape, sorted(first for first in firsts if not _IS_LETTER.match(first))))
        starts = ([rf"(?<!{_LETTER})[{spaced}]"] if spaced else []) + ([f"[{others}]"] if others else [])
        self._starts = re.compile("|".join(starts)) if starts else None

    def stands_in(self, plain: str) -> bool:
        """Whether one of the words stands in a text in its plain form."""
        if self._starts is None:
            return False
        text = _folded(plain)
        return any(self._stands_at(text, match.start()) for match in self._starts.finditer(text))

    def _stands_at(self, text: str, start: int) -> bool:
        for size in _STARTS:
            words_by_length = self._by_start.get(text[start : start + size])
            if words_by_length is None:
                continue
            for length, words in words_by_length.items():
                if text[start : start + length] in words and not _runs_on(text, start + length):
                    return True
        return False


def _plain(text: str) -> str:
    return text if text.isascii() else INVISIBLE.sub("", "".join(map(_normalised, _portions(text))))


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _portions(text: str) -> Iterator[str]:
    """The text in parts, since C code that normalises 1 MB lets nobody else run; cut before a character that no accent joins."""
    start = 0
    while start < len(text):
        safe = _NEVER_JOINED.search(text, start + Pace.PORTION, start + 2 * Pace.PORTION)
        end = safe.start() if safe else start + Pace.PORTION
        yield text[start:end]
        start = end


def _folded(plain: str) -> str:
    folded = _plain(plain).casefold()
    return " ".join((folded if folded.isascii() else "".join(map(_normalised, _portions(folded)))).split())


def _runs_on(text: str, end: int) -> bool:
    """Whether the word goes on behind its end: two letters of a script with spaces belong together."""
    return end < len(text) and bool(_IS_LETTER.match(text[end - 1]) and _IS_LETTER.match(text[end]))
