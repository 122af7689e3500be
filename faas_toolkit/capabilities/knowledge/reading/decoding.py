"""Bytes to text: byte order marks, UTF-8, what the sender said, and a guess that is told."""

import codecs
import re

from faas_toolkit.capabilities.knowledge.reading.blocks import substituted
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import printable

_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a DOCX, XLSX or other ZIP"),
    (b"\xd0\xcf\x11\xe0", "an old Office"),
    (b"{\\rtf", "an RTF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a compressed"),
)
_GUESSED_BYTES = 20_000
_COMMON = ("gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1252", "cp1251", "cp1253", "cp1255", "cp1256")
"""Encodings that text is still found in; a guess among all of them takes Portuguese for Romanian."""
# Everything that is no text: control characters other than tab and line breaks, marks of byte order in the middle, and halves of
# characters, which no store takes (`unicode_escape`, which a server may name as its encoding, makes them).
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")


@immutable
class Decoded:
    """A text, and how it had to be read."""

    text: str
    guessed: str = ""
    """The encoding, where it was guessed."""


def decode(content: bytes, name: str, declared: str = "") -> Decoded:
    """The text of a file.

    Args:
        content: the file.
        name: for messages.
        declared: the encoding that the sender named, if any.

    Raises:
        InvalidInput: it is empty or no text; the message says what can be read instead.
    """
    shown = printable(name, 100)
    for head, what in _BINARY:
        if content.startswith(head):
            raise InvalidInput(f"{shown} is {what} file, which this version does not read.", hint=_READABLE)
    decoded = _decoded(content, declared)
    if decoded is None or _is_binary(decoded.text):
        raise InvalidInput(f"{shown} is not a text file.", hint=_READABLE)
    text = clean(decoded.text)
    if not text:
        raise InvalidInput(f"{shown} holds no text.", hint=_READABLE)
    return Decoded(text, decoded.guessed)


def clean(text: str) -> str:
    """The text with one kind of line break and without control characters."""
    return substituted(_CONTROLS, "", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


_READABLE = "Give txt, md, html or csv files; convert others, or send their text as text."


def _decoded(content: bytes, declared: str) -> Decoded | None:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _tried(content, encoding)
    return _tried(content, "utf-8") or (_tried(content, declared) if declared else None) or _guessed(content)


def _tried(content: bytes, encoding: str, guessed: str = "") -> Decoded | None:
    try:
        return Decoded(content.decode(encoding), guessed)
    except (UnicodeDecodeError, LookupError, ValueError):
        return None


def _guessed(content: bytes) -> Decoded | None:
    from charset_normalizer import from_bytes

    best = from_bytes(content[:_GUESSED_BYTES], cp_isolation=list(_COMMON), preemptive_behaviour=False).best()
    if best is None:
        return None
    # What was cut in the middle of a character, or is damaged in one place, is still worth reading.
    return Decoded(content.decode(best.encoding, errors="replace"), best.encoding)


def _is_binary(text: str) -> bool:
    """Whether it is full of characters that no text has; a few may be damage."""
    head = text[:_GUESSED_BYTES]
    return "\0" in head or len(_CONTROLS.findall(head)) > max(2, len(head) // 100)
