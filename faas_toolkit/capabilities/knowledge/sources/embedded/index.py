"""What of a passage is indexed, and where: each area has an index of its own.

BM25 weighs a term by how many documents there are and how long they are. With one index for all areas those would be the
documents of everybody, and one workspace's ranking would change with what another one adds.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from sqlalchemy import Connection  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.search.text_index import TextIndex

COLUMNS = {"title": 2.0, "heading": 1.5, "body": 1.0}
"""Weights of BM25F; that titles count double is worth .003 nDCG on Cranfield (`bench/knowledge.py`)."""


@lru_cache(maxsize=1_024)
def passage_terms_of(area: int) -> TextIndex:
    """The index of one area."""
    return TextIndex(f"knowledge_terms_1_{area:d}", COLUMNS, stemmed=True)


class Unindexed:
    """What stands for an index on a server, where nothing is found by words: each node indexes its own copy (`replica.py`)."""

    def prepare(self, connection: Connection) -> None:
        """Makes nothing."""

    def add(self, connection: Connection, area: int, documents: Iterable[tuple[int, Mapping[str, Sequence[str]]]]) -> None:
        """Adds nothing."""

    def remove(self, connection: Connection, area: int, documents: Iterable[int]) -> None:
        """Removes nothing."""

    def purge(self, connection: Connection) -> None:
        """Has nothing to write anew."""


def index_beside(connection: Connection, area: int) -> TextIndex | Unindexed:
    """The index that is written together with the rows of an area."""
    return passage_terms_of(area) if connection.dialect.name == "sqlite" else Unindexed()
