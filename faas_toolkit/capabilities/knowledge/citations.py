"""Passages as the values of `result` and `citations`.

`result` has the shape that Dify's LLM node takes as its context (crm-and-knowledge, d): items with `content`, and citations where
`metadata._source` is `knowledge`.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from faas_toolkit.capabilities.knowledge.port import Passage
from faas_toolkit.core.untrusted import json_size

_MAX_METADATA_BYTES = 4_000
_MOST_METADATA = 1_000
"""Values that are looked at; a server may send a hundred thousand, and this runs on the hub."""


def as_context(passages: Sequence[tuple[str, Passage]]) -> list[dict[str, object]]:
    """The passages with the names of their bases, in the order in which they are cited."""
    return [_item(number, base, passage) for number, (base, passage) in enumerate(passages, 1)]


def as_citations(passages: Sequence[tuple[str, Passage]]) -> list[dict[str, object]]:
    """What is needed to cite them and to ask on, without their texts."""
    return [
        {
            "number": number,
            "id": passage.id,
            "document": passage.document,
            "title": passage.title,
            "heading": passage.heading,
            "base": base,
            "score": passage.score,
        }
        for number, (base, passage) in enumerate(passages, 1)
    ]


def _item(number: int, base: str, passage: Passage) -> dict[str, object]:
    return {
        "title": passage.title,
        "content": passage.content,
        "metadata": {
            "_source": "knowledge",
            "position": number,
            "dataset_id": base,
            "dataset_name": base,
            "document_id": passage.document,
            "document_name": passage.title,
            "data_source_type": "external",
            "segment_id": passage.id,
            "retriever_from": "workflow",
            "score": passage.score,
            "segment_hit_count": 0,
            "segment_word_count": len(passage.content),
            "segment_position": passage.position,
            "segment_index_node_hash": "",
            "page": None,
            "heading": passage.heading,
            "doc_metadata": _bounded(passage.metadata),
        },
    }


def _bounded(metadata: Mapping[str, object]) -> dict[str, object]:
    """A server's metadata may hold whole documents; those values are left out."""
    kept: dict[str, object] = {}
    left = _MAX_METADATA_BYTES - len("{}")
    for name, value in islice(metadata.items(), _MOST_METADATA):
        size = json_size({str(name): value}) - len("{}") + len(",")
        if size <= left:
            kept[str(name)] = value
            left -= size
    return kept
