"""The plugin as Dify's daemon runs it on its own machine: lines over stdin and stdout."""

import time
from collections.abc import Mapping
from typing import ClassVar

from workbench.process import DuplexProcess

SILENCE_LIMIT = 120.0
"""Seconds without any output after which the daemon kills a plugin."""


class StdioProcess(DuplexProcess):
    """Requests go to stdin, stdout is the wire: whatever else is printed there breaks it."""

    method: ClassVar[str] = "local"
    daemons_silence_limit: ClassVar[float] = SILENCE_LIMIT

    def _settings(self) -> Mapping[str, str]:
        return {}

    def _write(self, line: bytes) -> None:
        pipe = self._running().stdin
        if pipe is None:
            raise BrokenPipeError("the plugin's stdin is closed")
        pipe.write(line)
        pipe.flush()

    def _printed(self, line: bytes) -> bool:
        self._last_life = time.monotonic()
        if self._too_long(line):
            self._running().kill()
            return False
        if line.strip():
            self._take(line.strip(), "stdout")
        return True
