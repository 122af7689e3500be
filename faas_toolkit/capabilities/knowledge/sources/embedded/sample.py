"""The sample handbook of a fresh install: short documents of a made-up company, in English and Chinese, as files of this package.

Each begins with lines `name: value`, which become its metadata, then a blank line, then Markdown.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from faas_toolkit.capabilities.knowledge.reading.document import Given, Said, draft_of

if TYPE_CHECKING:
    from faas_toolkit.capabilities.knowledge.port import DocumentDraft

_FOLDER = "handbook"


def sample_drafts() -> list["DocumentDraft"]:
    """The documents, in the order of their file names."""
    drafts = []
    for text in _texts().values():
        metadata, body = _parted(text)
        draft, _ = draft_of(Given(content=body), Said(metadata=metadata))
        drafts.append(draft)
    return drafts


@cache
def made_of() -> str:
    """What the sample is made of, as a digest: a store that holds another one makes it anew."""
    return hashlib.sha256("\0".join(f"{name}\0{text}" for name, text in _texts().items()).encode()).hexdigest()[:32]


def _texts() -> Mapping[str, str]:
    folder = files(__package__) / _FOLDER
    found = {entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".md")}
    return dict(sorted(found.items()))


def _parted(text: str) -> tuple[dict[str, object], str]:
    head, _, body = text.partition("\n\n")
    pairs = (line.partition(": ") for line in head.split("\n"))
    return {name: value for name, _, value in pairs}, body
