"""From a reply to the SDK's messages: one text, then the variables (dify-behaviour §3.3 says what becomes of each)."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from faas_toolkit.core.offload import nothing
from faas_toolkit.core.untrusted import printable

if TYPE_CHECKING:
    from dify_plugin import Tool
    from dify_plugin.entities.tool import ToolInvokeMessage

    from faas_toolkit.core.outgoing import OutgoingFile

MAX_TEXT_CHARS = 8_000
MAX_VARIABLE_CHARS = 1_000_000
"""A line above 5 MiB kills the plugin and hangs every open caller for 600 s (dify-daemon N8); one variable stays far below."""


LARGE_CHARS = 50_000
"""Written in about 1 ms."""

MAX_PIECE_CHARS = 100_000
"""JSON needs up to six bytes for a character."""


def render(
    tool: "Tool", text: str, variables: Mapping[str, object], file: "OutgoingFile | None" = None
) -> Iterator["ToolInvokeMessage"]:
    """The messages of one reply, the text first and a file last; `variables` are `sendable`."""
    yield tool.create_text_message(speakable(text))
    for name, value in variables.items():
        yield tool.create_variable_message(name, value)
    if file is not None:
        yield tool.create_blob_message(file.content, meta={"mime_type": file.media_type, "filename": file.name})


def sendable(variables: Mapping[str, object], give_way: Callable[[], None] = nothing) -> Mapping[str, object]:
    """The variables as they can be written; raises TypeError or ValueError where JSON cannot say one.

    Writing them holds the thread, here and once more in the SDK; where they are large, others are let in between.
    """
    written = json.dumps(dict(variables), ensure_ascii=False, default=str)
    if len(written) > LARGE_CHARS:
        give_way()
    if _fits(written):  # the usual case, and the cheapest look
        return variables
    return {name: _bounded(name, value) for name, value in variables.items()}


def pieces(text: str) -> Iterator[str]:
    """A streamed text in parts that stay far below the bound of a line, however JSON spells them."""
    for start in range(0, len(text), MAX_PIECE_CHARS):
        yield speakable(text[start : start + MAX_PIECE_CHARS])


def speakable(text: str) -> str:
    """The text with lone surrogates replaced: pydantic refuses to serialise them, and the call would fail."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def _fits(written: str) -> bool:
    """Whether all variables together are small enough for one, and hold no half of a character."""
    try:
        return len(written.encode()) <= MAX_VARIABLE_CHARS
    except UnicodeEncodeError:
        return False


def _bounded(name: str, value: object) -> object:
    """The value, if it can be written as one line; a value that is too large is replaced by a note that says so."""
    written = json.dumps(value, ensure_ascii=False, default=str)
    size = len(written)
    if size > MAX_VARIABLE_CHARS:
        return _too_large(name, size, value)
    try:
        written.encode()
    except UnicodeEncodeError:
        return json.loads(speakable(written))
    return value


def _too_large(name: str, size: int, value: object) -> object:
    note = f"{printable(name)} was left out: {size:,} characters, at most {MAX_VARIABLE_CHARS:,} are sent. Ask for less."
    if isinstance(value, str):
        return note
    return [] if isinstance(value, list) else {"left_out": note}
