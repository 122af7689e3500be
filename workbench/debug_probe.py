"""Who answers at the address of a debug server, and what it says to a key; nothing is registered."""

import contextlib
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

PATIENCE = 5.0
"""Seconds for each connection and each answer."""
_MOST_BYTES = 4096

Answer = Literal["accepted", "refused", "trouble", "http", "tls", "closed", "silent", "other"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What answered.

    accepted, refused: a debug server, about the key; trouble: a debug server with trouble of its own; http, tls: another kind of
    server; closed: it hung up without a word; silent: it keeps the connection and says nothing; other: something else.
    """

    answer: Answer
    text: str = ""
    """Its first words."""


_OPENINGS: Mapping[str, Answer] = {
    "handshake already completed": "accepted",
    "handshake failed": "refused",
    "failed to get connection info": "trouble",
    "internal error": "trouble",
}


def ask(host: str, port: int, key: str, patience: float = PATIENCE) -> Heard:
    """Shows the key twice: the daemon takes a handshake in silence and answers a second one (its `debugging_runtime`).

    Raises:
        OSError: no connection.
    """
    told = json.dumps(key)
    said, closed = _exchange(host, port, f'{{"type":"handshake","data":{{"key":{told}}}}}\n'.encode() * 2, patience)
    text = said.decode(errors="replace").replace(told, "<the key>").strip()[:200]  # an echo must not show it
    known = next((answer for opening, answer in _OPENINGS.items() if text.startswith(opening)), None)
    if known:
        return Heard(known, text)
    if said.startswith(b"HTTP/") or _speaks_http(host, port, patience):
        return Heard("http")
    if said.startswith(b"\x15\x03") or _speaks_tls(host, port, patience):
        return Heard("tls")
    silence: Answer = "closed" if closed else "silent"
    return Heard("other", text) if said else Heard(silence)


def _exchange(host: str, port: int, sent: bytes, patience: float) -> tuple[bytes, bool]:
    """What came back until the other side closed or had said nothing for too long; and whether it closed."""
    said = b""
    with socket.create_connection((host, port), timeout=patience) as connection:
        try:
            connection.sendall(sent)
            while len(said) < _MOST_BYTES and (part := connection.recv(_MOST_BYTES)):
                said += part
        except TimeoutError:
            return said, False
        except OSError:
            pass  # reset: closed, with what came before
    return said, True


def _speaks_http(host: str, port: int, patience: float) -> bool:
    with contextlib.suppress(OSError):
        said, _ = _exchange(host, port, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode(), patience)
        return said.startswith(b"HTTP/")
    return False


def _speaks_tls(host: str, port: int, patience: float) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who it is does not matter, only what it speaks
    try:
        with socket.create_connection((host, port), timeout=patience) as plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except (OSError, ValueError):
        return False
