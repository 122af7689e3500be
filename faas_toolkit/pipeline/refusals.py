"""What must not come in: word lists of any size, and patterns on an engine whose time grows only with the text."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from faas_toolkit.core.detectors import UNSPACED_SCRIPTS

_MAX_PATTERN_CHARS = 1_000
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
"""Soft hyphens, zero-width characters and marks of direction: a word with one inside looks the same."""
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
        words: words and phrases, whatever their case, width and spacing; those of scripts with spaces only as whole words.
    """

    def __init__(self, patterns: Iterable[str], words: Iterable[str]) -> None:
        self._patterns = [compile_pattern(pattern) for pattern in patterns]
        self._words = _WordList(words)

    def __call__(self, text: str) -> bool:
        """True when something that is refused stands in the text."""
        whole = text.encode("utf-8", "replace").decode()  # the engine takes no lone surrogates
        plain = _plain(whole)
        return any(found.search(whole) or found.search(plain) for found in self._patterns) or self._words.stands_in(plain)


class _WordList:
    """Words by their first two characters, so that the time does not grow with the number of words."""

    def __init__(self, words: Iterable[str]) -> None:
        self._by_start: dict[str, dict[int, set[str]]] = {}
        for word in filter(None, map(_folded, words)):
            self._by_start.setdefault(word[:2], {}).setdefault(len(word), set()).add(word)
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
        return any(
            text[start : start + length] in words and not _runs_on(text, start + length)
            for key in {text[start], text[start : start + 2]}
            for length, words in self._by_start.get(key, {}).items()
        )


def _plain(text: str) -> str:
    return text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", _plain(text).casefold()).split())


def _runs_on(text: str, end: int) -> bool:
    """Whether the word goes on behind its end: two letters of a script with spaces belong together."""
    return end < len(text) and bool(_IS_LETTER.match(text[end - 1]) and _IS_LETTER.match(text[end]))
