"""Server-sent events, read from bytes as they arrive (WHATWG HTML Living Standard §9.2.6, "Interpreting an event stream")."""

import re
from collections.abc import Iterable, Iterator

from faas_toolkit.core.errors import BadResponse

MAX_EVENT_BYTES = 1_000_000
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


def event_data(pieces: Iterable[bytes], what: str) -> Iterator[str]:
    """The `data` of each event, lines joined by line feeds. Names, ids, comments and unknown fields are passed over.

    An event that the end of the stream cuts off is given up, as the standard says.

    Raises:
        BadResponse: a line or an event above 1 MB, or data that is no UTF-8.
    """
    data: list[bytes] = []
    size = 0
    for line in _lines(pieces, what):
        name, _, value = line.partition(b":")
        if not line and data:
            yield _decoded(b"\n".join(data), what)
            data, size = [], 0
        elif name == b"data":
            data.append(value.removeprefix(b" "))
            size += len(value) + 1
            if size > MAX_EVENT_BYTES:
                raise _too_long(what)


def _lines(pieces: Iterable[bytes], what: str) -> Iterator[bytes]:
    waiting, first = bytearray(), True
    for piece in pieces:
        had_cr = waiting.endswith(b"\r")
        waiting += piece
        if first and len(waiting) < len(_BOM) and _BOM.startswith(waiting):
            continue
        if first:
            waiting, first = waiting.removeprefix(_BOM), False
        if had_cr or _LINE_END.search(piece):  # else a line of many small pieces would be looked through again with each
            # a CR at the very end may be half of a CRLF, so it waits for what follows
            ends_in_cr = waiting.endswith(b"\r")
            *lines, rest = _LINE_END.split(waiting[:-1] if ends_in_cr else waiting)
            yield from lines
            waiting = bytearray(rest + b"\r" * ends_in_cr)
        if len(waiting) > MAX_EVENT_BYTES:
            raise _too_long(what)
    if waiting.endswith(b"\r"):
        yield bytes(waiting[:-1])


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadResponse(f"{what} answered an event that is no UTF-8.") from error


def _too_long(what: str) -> BadResponse:
    return BadResponse(f"{what} answered an event of more than {MAX_EVENT_BYTES:,} bytes.")
