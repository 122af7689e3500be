"""A catalog in the one line that Dify's form field takes."""

import base64
import json

from faas_toolkit.catalog.document import read_document


def encode(text: str) -> str:
    """`base64:…`: the text as it is, comments included."""
    return "base64:" + base64.b64encode(text.encode()).decode()


def one_line(text: str) -> str:
    """The document as one line of JSON that a person can still read; comments are lost.

    Raises:
        SyntaxProblem: the text cannot be read.
    """
    return json.dumps(read_document(text).value, ensure_ascii=False)
