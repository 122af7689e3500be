"""Catalogs as files: their one-line form for Dify's settings field, and what is wrong with them."""

import base64


def encoded(text: str) -> str:
    """The text as one line that survives Dify's one-line field."""
    return "base64:" + base64.b64encode(text.encode()).decode()
