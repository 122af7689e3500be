"""One ranking from several, by ranks alone, since scores of different searches cannot be compared."""

from collections.abc import Hashable, Sequence

_K = 60
"""Cormack, Clarke and Büttcher, SIGIR 2009; measured the same from 10 to 60 (crm-and-knowledge, e)."""


def fuse[T: Hashable](rankings: Sequence[Sequence[T]]) -> list[tuple[T, float]]:
    """Reciprocal rank fusion: every item of any ranking with its score, best first.

    1 is the score of an item that stands first in every ranking. Ties go to the item that was met first.
    """
    scores: dict[T, float] = {}
    for ranking in rankings:
        for place, item in enumerate(ranking):
            scores[item] = scores.get(item, 0.0) + (_K + 1) / (_K + 1 + place) / len(rankings)
    return sorted(scores.items(), key=lambda scored: -scored[1])
