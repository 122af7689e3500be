"""Catalogs as files: what is wrong with them, and their one-line form for Dify's settings field."""

import base64
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogFinding

_SECRET = re.compile(r"\$\{secret:([^}]*)\}")


def encoded(text: str) -> str:
    """The text as one line that survives Dify's one-line field."""
    return "base64:" + base64.b64encode(text.encode()).decode()


def secrets_of(text: str) -> list[str]:
    """The names of the secrets that a catalog refers to, in the order of their first use."""
    return list(dict.fromkeys(_SECRET.findall(text)))


def findings(text: str) -> Sequence["CatalogFinding"]:
    """What is wrong, errors and warnings; every secret that the catalog refers to is taken to be there."""
    from faas_toolkit.catalog.load import check_text
    from faas_toolkit.wiring import OPERATIONS

    return check_text(text, secrets=None, operations=frozenset(OPERATIONS))
