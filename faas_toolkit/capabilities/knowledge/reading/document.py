"""What a caller gave, read and cut: the drafts that a base stores. CPU work, so it runs on a pool of native threads."""

import hashlib
from collections.abc import Mapping
from itertools import islice

from faas_toolkit.capabilities.knowledge.access import Access
from faas_toolkit.capabilities.knowledge.port import DocumentDraft, PassageDraft
from faas_toolkit.capabilities.knowledge.reading.csv_text import text_of_csv
from faas_toolkit.capabilities.knowledge.reading.cutting import Piece, cut, first_heading
from faas_toolkit.capabilities.knowledge.reading.decoding import clean, decode
from faas_toolkit.capabilities.knowledge.reading.html_text import text_of_html
from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import cut_short, printable
from faas_toolkit.search.analysis import terms

MAX_FILE_BYTES = 5_000_000
MAX_CHARACTERS = 2_000_000
"""Of one document; below this it has fewer passages than a store can number."""

_MOST_PASSAGES = 4_000
_FIRST_WORDS_CHARS = 80
_TITLE_CHARS = 300
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("txt", "text", "log"), "txt"),
    **dict.fromkeys(("md", "markdown", "mdx"), "md"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("csv", "tsv"), "csv"),
}
_MEDIA_TYPES: Mapping[str, str] = {
    "text/plain": "txt",
    "text/markdown": "md",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "csv",
}
_SERVED = "This version reads txt, md, html and csv. Convert other files, or send their text as text."


@immutable(kw_only=True)
class Given:
    """One thing to be added: a text, or a file's content with its name and type."""

    content: bytes | str
    name: str = ""
    """The file's name, or the address it came from."""
    media_type: str = ""
    charset: str = ""


@immutable(kw_only=True)
class Said:
    """What the caller says about all that is added in one call."""

    title: str = ""
    metadata: Mapping[str, object] | None = None
    access: Access | None = None
    replaces: int | None = None


def draft_of(given: Given, said: Said) -> tuple[DocumentDraft, tuple[str, ...]]:
    """The draft of a document, and what its reader should know of how it was read.

    Raises:
        InvalidInput: nothing that can be read.
        TooLarge: above one of the bounds.
    """
    if isinstance(given.content, str):
        return _draft("text", clean(given.content), "", given, said), ()
    if len(given.content) > MAX_FILE_BYTES:
        raise TooLarge(f"{printable(given.name, 100)} has {len(given.content):,} bytes; at most {MAX_FILE_BYTES:,} are read.")
    kind = kind_of(given)
    decoded = decode(given.content, given.name, given.charset)
    title, text = text_of_html(decoded.text) if kind == "html" else ("", decoded.text)
    if kind == "csv":
        text = text_of_csv(text, given.name)
    guessed = f"{printable(given.name, 100)} was read as {decoded.guessed}, which is a guess." if decoded.guessed else ""
    return _draft(kind, text, title, given, said), (guessed,) if guessed else ()


def kind_of(given: Given) -> str:
    """The form of a file, by its name, else by its media type.

    Raises:
        InvalidInput: it is none that is read.
    """
    ending = given.name.rpartition(".")[2].lower() if "." in given.name.rpartition("/")[2] else ""
    media_type = given.media_type.partition(";")[0].strip().lower()
    kind = _KINDS.get(ending) or _MEDIA_TYPES.get(media_type)
    if kind is None:
        shown = f".{printable(ending, 20)}" if ending else printable(media_type or "its kind", 60)
        raise InvalidInput(f"{printable(given.name, 100) or 'The file'} cannot be read: {shown} is not served.", hint=_SERVED)
    return kind


def _draft(kind: str, text: str, title: str, given: Given, said: Said) -> DocumentDraft:
    shown = printable(given.name, 100) or "The text"
    if len(text) > MAX_CHARACTERS:
        raise TooLarge(f"{shown} has more than {MAX_CHARACTERS:,} characters.", hint="Split it.")
    name = given.name.rpartition("/")[2] or given.name
    whole_title = cut_short(said.title or title or first_heading(text) or name or _first_words(text), _TITLE_CHARS)
    pieces = list(islice(cut(text), _MOST_PASSAGES + 1))
    if not pieces:
        raise InvalidInput(f"{shown} holds no text.", hint="Send some words.")
    if len(pieces) > _MOST_PASSAGES:
        raise TooLarge(f"{shown} makes more than {_MOST_PASSAGES:,} passages.", hint="Split it.")
    passages = tuple(_passage(whole_title, piece) for piece in pieces)
    return DocumentDraft(
        title=whole_title,
        kind=kind,
        origin=cut_short(given.name, 2_000),
        passages=passages,
        characters=len(text),
        digest=hashlib.sha256(f"{whole_title}\0{text}".encode("utf-8", "replace")).hexdigest(),
        metadata=said.metadata,
        access=said.access,
        replaces=said.replaces,
    )


def _passage(title: str, piece: Piece) -> PassageDraft:
    heading = piece.heading.removeprefix(title).removeprefix(" > ")
    return PassageDraft(heading=heading, text=piece.text, terms=passage_terms(title, heading, piece.text))


def passage_terms(title: str, heading: str, text: str) -> dict[str, list[str]]:
    """The terms that a passage is found by, by column of the index."""
    return {"title": terms(title), "heading": terms(heading), "body": terms(text)}


def _first_words(text: str) -> str:
    return cut_short(text.strip().split("\n", 1)[0].strip(), _FIRST_WORDS_CHARS)
