"""Vectors of passages: how they are kept, and which lie nearest to a question's. Exact, without an index.

Exact search is fast enough to a hundred thousand passages (crm-and-knowledge, e: 6.6 ms for 100,000 vectors of 384 numbers), and
needs nothing that could be out of step with the rows. numpy takes 80 ms to load, so it is loaded when a vector is first met.
"""

import heapq
from collections.abc import Iterable, Sequence

_BYTES_PER_NUMBER = 4


def pack(vectors: Sequence[Sequence[float]]) -> bytes:
    """Vectors of one length as bytes (float32), each scaled to length 1, so that the inner product is the cosine.

    Raises:
        ValueError: they differ in length, are empty, or hold what is no finite number.
    """
    import numpy as np

    try:
        with np.errstate(over="ignore"):  # what does not fit becomes an infinity, which is refused below
            table = np.asarray(vectors, dtype=np.float32)
    except (TypeError, OverflowError) as error:  # None or a list among the numbers, a whole number of 400 digits
        raise ValueError("vectors must hold numbers") from error
    if table.ndim != 2 or table.shape[1] == 0 or not np.isfinite(table).all():
        raise ValueError("vectors must be of one length and hold finite numbers")
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    packed: bytes = (table / np.where(lengths > 0, lengths, 1)).tobytes()
    return packed


def dimension(packed: bytes) -> int:
    """How many numbers one packed vector holds."""
    return len(packed) // _BYTES_PER_NUMBER


def nearest(query: bytes, blocks: Iterable[tuple[int, bytes, int]], limit: int) -> list[tuple[int, int, float]]:
    """The vectors most alike to the query: number of the block, place in it, cosine; best first, ties by number and place.

    A block is a number, packed vectors, and how many these are: one whose vectors have another length than the query's is of
    another model, though it may bear the same name, and passed over.
    """
    import numpy as np

    asked = np.frombuffer(query, dtype=np.float32)
    best: list[tuple[float, int, int]] = []
    for number, packed, count in blocks:
        if not packed or len(packed) != count * len(query):
            continue
        cosines = np.frombuffer(packed, dtype=np.float32).reshape(-1, len(asked)) @ asked
        for place, cosine in enumerate(cosines.tolist()):
            item = (cosine, -number, -place)
            if len(best) < limit:
                heapq.heappush(best, item)
            elif item > best[0]:
                heapq.heapreplace(best, item)
    return [(-number, -place, cosine) for cosine, number, place in sorted(best, reverse=True)]
