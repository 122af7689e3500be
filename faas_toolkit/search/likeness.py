"""How much two names resemble each other, from 0 to 1."""

from collections.abc import Sequence

_BETTER_SIDE = 0.8
"""A query that holds more than the name, or less, still means it: the side that is covered better counts most."""


def alike_in_writing(query: Sequence[str], key: str) -> float:
    """Likeness of a query's words and a name (words, or one run of a script without spaces), in any order of the words."""
    from rapidfuzz.fuzz import ratio

    name = key.split()
    if not query or not name:
        return 0.0
    table = [[ratio(word, part) for part in name] for word in query]
    covered = (_covered(query, table), _covered(name, list(zip(*table, strict=True))))
    aligned = _BETTER_SIDE * max(covered) + (1 - _BETTER_SIDE) * min(covered)
    # A space forgotten or misplaced; the order of the words is not known.
    joined = max(ratio("".join(query), "".join(name)), ratio("".join(query), "".join(reversed(name))))
    return max(aligned, joined) / 100


def alike_in_sound(spellings: Sequence[str], sound: str) -> float:
    """Likeness of the best of several spellings and a name in pinyin."""
    from rapidfuzz.fuzz import ratio

    return max((ratio(spelling, sound) for spelling in spellings), default=0.0) / 100


def _covered(words: Sequence[str], table: Sequence[Sequence[float]]) -> float:
    """How well each word finds its like on the other side, longer ones counting more."""
    return sum(max(row) * len(word) for word, row in zip(words, table, strict=True)) / sum(map(len, words))
