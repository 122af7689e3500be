"""The debug server of Dify's daemon: plugins connect to it, show a key, register, and then serve over the same connection."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from workbench.registration import Registration, RegistrationRefused

HANDSHAKE_WITHIN = 10.0
"""Seconds that the daemon waits for a handshake."""


class DebugServer:
    """Listens on a free port of loopback from `open` to `close`.

    Args:
        key: the debugging key that it accepts.
        on_line: gets each line of a registered plugin; called in the connection's thread.
        on_registered: gets what a plugin registered.
        on_refused: gets the text with which a connection was closed.
    """

    def __init__(
        self,
        key: str,
        *,
        on_line: Callable[[bytes], None] = lambda _: None,
        on_registered: Callable[[Registration], None] = lambda _: None,
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._key = key
        self._on_line = on_line
        self._on_registered = on_registered
        self._on_refused = on_refused
        self._listener: socket.socket | None = None
        self._connections: list[socket.socket] = []
        self._registered: socket.socket | None = None

    def __enter__(self) -> Self:
        """Opens it, unless it is open."""
        if self._listener is None:
            self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Closes it and every connection."""
        self.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._listener is None:
            raise RuntimeError("The debug server was not opened.")
        return int(self._listener.getsockname()[1])

    def open(self, port: int = 0) -> None:
        """Begins to listen; 0: on any free port."""
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(self._listener,), name="debug-server", daemon=True).start()

    def close(self) -> None:
        """Stops listening and drops every connection."""
        for one in (self._listener, *self._connections):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)  # wakes whoever waits on it
                one.close()
        self._listener = None
        self._connections.clear()

    def write(self, line: bytes) -> None:
        """Writes to the plugin that registered last; one writer at a time.

        Raises:
            OSError: there is none, or it is gone.
        """
        if self._registered is None:
            raise ConnectionError("no plugin is connected")
        self._registered.sendall(line)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), name="debug-connection", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        registration = Registration(self._key)
        connection.settimeout(HANDSHAKE_WITHIN)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            try:
                for line in lines:
                    if line.strip():
                        self._take(connection, registration, line.strip())
            except RegistrationRefused as refusal:
                self._on_refused(str(refusal))
                connection.sendall(f"{refusal}\n".encode())

    def _take(self, connection: socket.socket, registration: Registration, line: bytes) -> None:
        if registration.complete:
            self._on_line(line)
            return
        registration.take(line)
        if registration.handshaken:
            connection.settimeout(None)
        if registration.complete:
            self._registered = connection
            self._on_registered(registration)
