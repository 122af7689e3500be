"""One ranked list out of several."""

from collections.abc import Hashable, Iterable, Sequence

SMOOTHING = 60
"""k of reciprocal rank fusion (Cormack, Clarke, Büttcher 2009); 10 and 60 measured alike (crm-and-knowledge, e)."""


def reciprocal_rank[T: Hashable](lists: Iterable[Sequence[T]], smoothing: int = SMOOTHING) -> list[T]:
    """All items, those first that stand high in many lists: the sum of 1 / (k + rank). Ties keep the order of appearance."""
    scores: dict[T, float] = {}
    for ranked in lists:
        for rank, item in enumerate(ranked, start=1):
            scores[item] = scores.get(item, 0.0) + 1.0 / (smoothing + rank)
    return sorted(scores, key=lambda item: -scores[item])
