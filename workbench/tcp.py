"""The plugin as a developer runs it against a distant Dify (remote debug): it connects to the daemon and registers by itself."""

import uuid
from collections.abc import Mapping
from typing import ClassVar

from workbench.debug_server import DebugServer
from workbench.declaration import Declaration
from workbench.process import DuplexProcess, Launch
from workbench.registration import Registration

SILENCE_LIMIT = 60.0
"""Seconds without a heartbeat after which the daemon closes the connection."""


class TcpProcess(DuplexProcess):
    """Lines go both ways over the connection, without a bound on their length; stdout is the developer's terminal."""

    method: ClassVar[str] = "remote"
    daemons_silence_limit: ClassVar[float] = SILENCE_LIMIT

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self._key = str(uuid.uuid4())
        self._server = DebugServer(self._key, on_line=self._take, on_registered=self._took_over, on_refused=self._refused)
        self.registration: Registration | None = None
        """What the plugin sent before it served; None until then."""

    @property
    def declaration(self) -> Declaration | None:
        """What the plugin registered."""
        return self.registration.declaration if self.registration else None

    def stop(self) -> None:
        """Kills the process and closes the port."""
        super().stop()
        self._server.close()

    def _settings(self) -> Mapping[str, str]:
        self._server.open()
        return {"REMOTE_INSTALL_URL": f"127.0.0.1:{self._server.port}", "REMOTE_INSTALL_KEY": self._key}

    def _write(self, line: bytes) -> None:
        self._server.write(line)

    def _took_over(self, registration: Registration) -> None:
        self.registration = registration

    def _refused(self, text: str) -> None:
        self._violated("registration", text)
        self._running().kill()  # the SDK would try again for ever
