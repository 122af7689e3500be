"""One plugin process, started and watched as the daemon does, and stricter: what the daemon only logs is a violation here."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Literal, cast

from workbench.wire import MAX_LINE_BYTES

READY_WITHIN = 120.0
SILENCE_LIMIT = 120.0
"""Seconds without any output after which the daemon kills a plugin."""
_KEPT_STDERR_BYTES = 65_536
_WATCH_EVERY = 0.1

Rule = Literal["stdout", "line_size", "heartbeat", "exit", "late"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the wire that the plugin broke.

    stdout: a line that is not a JSON object (the daemon drops it, and what was glued to it is lost);
    line_size: a line above 5 MiB (kills the plugin); heartbeat: no sign of life (kills it);
    exit: the process ended by itself (open callers wait 600 s); late: a message for a session that had ended (it vanishes).
    """

    rule: Rule
    detail: str

    def __str__(self) -> str:
        """`rule: detail`."""
        return f"{self.rule}: {self.detail}"


class PluginProcess:
    """The process, its reader and its watch.

    Args:
        root: the plugin's folder, which becomes its working directory.
        entrypoint: the module of the manifest's `runner`.
        on_event: gets each event; called in the reading thread.
        on_violation: gets each violation, from any thread.
        environment: added to this process's own environment, all of which the plugin inherits, as from the daemon.
    """

    def __init__(
        self,
        root: Path,
        entrypoint: str,
        *,
        on_event: Callable[[Mapping[str, Any]], None],
        on_violation: Callable[[Violation], None],
        environment: Mapping[str, str] | None = None,
        python: str = sys.executable,
        silence_limit: float = SILENCE_LIMIT,
    ) -> None:
        self._command = [python, "-m", entrypoint]
        self._root = root
        self._environment = {**os.environ, **(environment or {}), "INSTALL_METHOD": "local"}
        self._on_event = on_event
        self._on_violation = on_violation
        self._silence_limit = silence_limit
        self._writing = threading.Lock()
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._last_life = 0.0
        self._stderr = bytearray()
        self._threads: list[threading.Thread] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.heartbeats: list[float] = []
        """When each heartbeat came, in seconds of the monotonic clock."""

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._running().pid

    @property
    def stderr(self) -> str:
        """The last 64 KiB of its stderr."""
        return bytes(self._stderr).decode(errors="replace")

    def start(self) -> None:
        """Starts the process; `wait_ready` says when it serves.

        Raises:
            RuntimeError: this process is PID 1, and the SDK ends itself when its parent is.
        """
        if os.getpid() == 1:
            raise RuntimeError("The host runs as PID 1, and a plugin whose parent is PID 1 ends itself; use a shell.")
        self._last_life = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._root,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for work in (self._read_stdout, self._read_stderr, self._watch):
            thread = threading.Thread(target=work, name=f"plugin-{work.__name__}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wait_ready(self, within: float = READY_WITHIN) -> bool:
        """Whether the first heartbeat came in time; False at once when the process ended."""
        until = time.monotonic() + within
        while not self._ready.wait(0.02):
            if self._ended.is_set() or time.monotonic() > until:
                return self._ready.is_set()
        return True

    def write(self, line: bytes) -> None:
        """Writes one line; one writer at a time."""
        pipe = self._running().stdin
        if pipe is None:
            raise BrokenPipeError("the plugin's stdin is closed")
        with self._writing:
            pipe.write(line)
            pipe.flush()

    def stop(self) -> None:
        """Kills the process, as the daemon does; closing stdin instead makes the SDK spin."""
        self._stopping.set()
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        for thread in self._threads:
            thread.join(5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            _close(pipe)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("The plugin was not started.")
        return self._process

    def _read_stdout(self) -> None:
        pipe = self._running().stdout
        while pipe and (line := pipe.readline(MAX_LINE_BYTES + 1)):
            self._last_life = time.monotonic()
            if len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
                self._violated("line_size", f"a line above {MAX_LINE_BYTES:,} bytes, beginning {_shown(line)}")
                self._running().kill()
                break
            if line.strip():
                self._take(line.strip())
        self._ended.set()
        if not self._stopping.is_set():
            self._violated("exit", f"the process ended by itself; its stderr ends: {self.stderr[-1000:].strip() or '(empty)'}")

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._violated("stdout", f"a line that is not a JSON object: {_shown(line)}")
            return
        if event.get("event") == "heartbeat":
            self.heartbeats.append(time.monotonic())
            self._ready.set()
        self._on_event(event)

    def _read_stderr(self) -> None:
        pipe = cast("BufferedReader | None", self._running().stderr)
        while pipe and (chunk := pipe.read1(65_536)):
            self._last_life = time.monotonic()
            self._stderr += chunk
            del self._stderr[:-_KEPT_STDERR_BYTES]

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_EVERY) and not self._ended.is_set():
            silent = time.monotonic() - self._last_life
            if silent > self._silence_limit:
                self._violated("heartbeat", f"no sign of life for {silent:.1f} s")
                self._running().kill()
                return

    def _violated(self, rule: Rule, detail: str) -> None:
        self._on_violation(Violation(rule, detail))


def _shown(line: bytes) -> str:
    return repr(line[:120].decode(errors="replace"))


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(OSError):  # what was buffered for a killed process has nowhere to go
            pipe.close()
