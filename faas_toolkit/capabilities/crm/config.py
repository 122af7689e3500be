"""One source of customers of the catalog's section `crm`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from faas_toolkit.net.config import TargetSection

KINDS = ("embedded",)
"""The kinds of source that this version serves."""


def _known_kind(kind: object) -> object:
    if kind not in KINDS:
        raise ValueError(f"this version serves the kinds {', '.join(KINDS)}")
    return kind


class CrmSourceConfig(TargetSection):
    """The embedded store: SQLite in the data directory."""

    kind: Annotated[Literal["embedded"], BeforeValidator(_known_kind)]
