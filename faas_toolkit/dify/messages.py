"""From a reply to the lines that Dify reads: one text, then the variables (dify-behaviour §3.3 says what becomes of each).

The SDK checks and copies every message several times and writes it in two pieces; for a small call that costs more than all
policies together (decision 0026). Here a value becomes JSON once, and the lines of a reply are written together. What stands
around the values is the SDK's own: it writes one line of each kind with marks in it.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, TypeAdapter

from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import nothing
from faas_toolkit.core.untrusted import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dify_plugin.core.runtime import Session

MAX_VARIABLE_BYTES = 1_000_000
"""A line above 5 MiB kills the plugin and hangs every open caller for 600 s (dify-daemon N8); one variable stays far below."""


LARGE_BYTES = 50_000
"""Made or written in about 0.1 ms."""

MAX_PIECE_CHARS = 100_000
"""JSON needs up to six bytes for a character."""

_JSON: TypeAdapter[Any] = TypeAdapter(Any, config=ConfigDict(ser_json_inf_nan="null"))
"""What the SDK's models write values with."""


@immutable
class Lines:
    """How the SDK writes a text and a variable: what stands before, between and behind the JSON of what is said."""

    text: tuple[str, ...]
    """Around the session's id and the value."""
    variable: tuple[str, ...]
    """Around the session's id, the name and the value."""


def send(session: "Session", text: str, variables: Mapping[str, str], give_way: Callable[[], None] = nothing) -> None:
    """Writes the messages of one reply, the text first; `variables` are `written`. Others are let in between large portions."""
    lines, session_id = _lines(), _as_json(session.session_id)
    begin, to_value, end = lines.text
    portion, size = [f"{begin}{session_id}{to_value}{_as_json(speakable(text))}{end}"], 0
    begin, to_name, to_value, end = lines.variable
    begin = f"{begin}{session_id}{to_name}"
    for name, value in variables.items():
        if size > LARGE_BYTES:
            session.writer.write("".join(portion))
            give_way()
            portion, size = [], 0
        portion.append(f"{begin}{_name_as_json(name)}{to_value}{value}{end}")
        size += len(value)
    session.writer.write("".join(portion))


def written(variables: Mapping[str, object], give_way: Callable[[], None] = nothing) -> Mapping[str, str]:
    """Each variable as JSON, as the SDK would write it; others are let in after a large one.

    Halves of characters are replaced, and so is a value that is too large for a line: by a note that says so.

    Raises:
        ValueError: JSON cannot say a value.
    """
    done: dict[str, str] = {}
    for name, value in variables.items():
        as_json = _as_json(value)
        if len(as_json) > LARGE_BYTES:
            give_way()
            size = len(as_json.encode())
            if size > MAX_VARIABLE_BYTES:
                as_json = _as_json(_too_large(name, size, value))
        done[name] = as_json
    return done


def pieces(text: str) -> "Iterator[str]":
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


def _as_json(value: object) -> str:
    try:
        return _JSON.serializer.to_json(value, fallback=str).decode()  # what `dump_json` calls, three times as fast for a number
    except ValueError:  # a half of a character, somewhere
        whole = json.loads(speakable(json.dumps(value, ensure_ascii=False, default=str)))
        return _JSON.dump_json(whole).decode()


_name_as_json = lru_cache(maxsize=1_024)(_as_json)
"""Names of variables are few."""


def _too_large(name: str, size: int, value: object) -> object:
    note = f"{printable(name)} was left out: {size:,} bytes, at most {MAX_VARIABLE_BYTES:,} are sent. Ask for less."
    if isinstance(value, str):
        return note
    return [] if isinstance(value, list) else {"left_out": note}


@cache
def _lines() -> Lines:
    """Asked of the SDK once, so that a version of it that writes otherwise is followed."""
    from dify_plugin.core.server.stdio.response_writer import StdioResponseWriter
    from dify_plugin.entities.tool import ToolInvokeMessage

    writer, kinds = StdioResponseWriter(), ToolInvokeMessage.MessageType
    text = ToolInvokeMessage(type=kinds.TEXT, message=ToolInvokeMessage.TextMessage(text=_VALUE))
    variable = ToolInvokeMessage(
        type=kinds.VARIABLE, message=ToolInvokeMessage.VariableMessage(variable_name=_NAME, variable_value=_VALUE)
    )
    of_text, of_variable = (writer.session_message_text(_SESSION, writer.stream_object(message)) for message in (text, variable))
    return Lines(_around(of_text, _SESSION, _VALUE), _around(of_variable, _SESSION, _NAME, _VALUE))


def _around(line: str, *marks: str) -> tuple[str, ...]:
    """The parts of a line around these marks, which stand in it in this order."""
    parts = []
    for mark in marks:
        part, found, line = line.partition(f'"{mark}"')
        if not found:
            raise ValueError(f"The SDK does not write {' before '.join(marks)} any more, as this module does.")
        parts.append(part)
    return (*parts, line)


_SESSION, _NAME, _VALUE = "<session>", "<name>", "<value>"
"""What stands for them where the SDK writes a line; each as a JSON text, in quotes."""
