"""What of a passage is indexed, and where: each area has an index of its own.

BM25 weighs a term by how many documents there are and how long they are. With one index for all areas those would be the
documents of everybody, and one workspace's ranking would change with what another one adds.
"""

from functools import lru_cache

from faas_toolkit.search.text_index import TextIndex

COLUMNS = {"title": 2.0, "heading": 1.5, "body": 1.0}
"""Weights of BM25F; that titles count double is worth .003 nDCG on Cranfield (`bench/knowledge.py`)."""


@lru_cache(maxsize=1_024)
def passage_terms_of(area: int) -> TextIndex:
    """The index of one area."""
    return TextIndex(f"knowledge_terms_1_{area:d}", COLUMNS, stemmed=True)
