"""What of a passage is indexed."""

from faas_toolkit.search.text_index import TextIndex

COLUMNS = {"title": 2.0, "heading": 1.5, "body": 1.0}
"""Weights of BM25F; that titles count double is worth .003 nDCG on Cranfield (`bench/knowledge.py`)."""

PASSAGE_TERMS = TextIndex("knowledge_terms_1", COLUMNS, stemmed=True)
