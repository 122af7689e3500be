"""One plugin process, started and watched as the daemon does, and stricter: what the daemon only logs is a violation here.

How requests reach it and events come back is up to the subclass: `stdio`, `tcp`, `serverless`.
"""

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, ClassVar, Literal, cast

from workbench.declaration import Declaration
from workbench.wire import MAX_LINE_BYTES, event_of, is_backwards_call

READY_WITHIN = 120.0
_KEPT_STDERR_BYTES = 65_536
_WATCH_EVERY = 0.1

Rule = Literal["stdout", "wire", "line_size", "heartbeat", "registration", "exit", "late"]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the wire that the plugin broke.

    stdout: a line that is not a JSON object (the daemon drops it, and what was glued to it is lost);
    wire: the same over TCP or HTTP, or an event that has no place there;
    line_size: a line above 5 MiB (kills the plugin); heartbeat: no sign of life (kills it);
    registration: the debug server refuses what the plugin sends at first;
    exit: the process ended by itself (open callers wait 600 s); late: a message for a session that had ended (it vanishes).
    """

    rule: Rule
    detail: str

    def __str__(self) -> str:
        """`rule: detail`."""
        return f"{self.rule}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a process is started with, and whom it tells."""

    root: Path
    """The plugin's folder, which becomes its working directory."""
    entrypoint: str
    """The module of the manifest's `runner`."""
    on_event: Callable[[Mapping[str, Any]], None]
    """Gets each event but backwards calls; called in a reading thread."""
    on_violation: Callable[[Violation], None]
    """Gets each violation, from any thread."""
    answers: Callable[[Mapping[str, Any]], Iterator[bytes]]
    """The lines that answer a backwards call; LookupError where its session is not open."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to this process's own environment, all of which the plugin inherits, as from the daemon."""
    python: str = sys.executable
    silence_limit: float | None = None
    """Seconds without a sign of life after which it is killed; None: as the daemon has it."""


class PluginProcess(ABC):
    """The process and its watch."""

    method: ClassVar[str]
    """The SDK's INSTALL_METHOD."""
    daemons_silence_limit: ClassVar[float] = math.inf

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._silence_limit = self.daemons_silence_limit if launch.silence_limit is None else launch.silence_limit
        self._inherited = {**os.environ, **launch.environment}
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._last_life = 0.0
        self._stderr = bytearray()
        self._threads: list[threading.Thread] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.heartbeats: list[float] = []
        """When each heartbeat came, in seconds of the monotonic clock; a serverless plugin sends none."""

    @abstractmethod
    def request(self, session_id: str, line: bytes) -> None:
        """Sends the line that opens a session.

        Raises:
            OSError: nobody takes it.
            RequestRefused: it is too long for this way.
        """

    @abstractmethod
    def _settings(self) -> Mapping[str, str]:
        """What the SDK reads from the environment for this way to start; called once, before the process is started."""

    @property
    def declaration(self) -> Declaration | None:
        """What the plugin told of itself, where this way to start makes it tell."""
        return None

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
            [self._launch.python, "-m", self._launch.entrypoint],
            cwd=self._launch.root,
            env={**self._inherited, "INSTALL_METHOD": self.method, **self._settings()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for work in (self._read_stdout, self._read_stderr, self._watch):
            self._begin(work)

    def wait_ready(self, within: float = READY_WITHIN) -> bool:
        """Whether it began to serve in time; False at once when the process ended."""
        until = time.monotonic() + within
        while not self._ready.wait(0.02):
            if self._ended.is_set() or time.monotonic() > until:
                return self._ready.is_set()
        return True

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

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name=f"plugin-{work.__name__}", daemon=True)
        thread.start()
        self._threads.append(thread)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("The plugin was not started.")
        return self._process

    def _read_stdout(self) -> None:
        pipe = self._running().stdout
        while pipe and (line := pipe.readline(MAX_LINE_BYTES + 1)):
            if not self._printed(line):
                break
        self._ended.set()
        if not self._stopping.is_set():
            self._violated("exit", f"the process ended by itself; its stderr ends: {self.stderr[-1000:].strip() or '(empty)'}")

    def _printed(self, line: bytes) -> bool:
        """Takes a line of stdout, which is only a log unless it is the wire; whether to go on reading."""
        return True

    def _take(self, line: bytes, rule: Rule = "wire") -> Mapping[str, Any]:
        """Hands the line's event on, and answers it; empty where it is none."""
        event = event_of(line)
        if event is None:
            self._violated(rule, f"a line that is not a JSON object: {_shown(line)}")
            return {}
        if event.get("event") == "heartbeat":
            self._last_life = time.monotonic()
            self.heartbeats.append(self._last_life)
            self._ready.set()
        self._dispatch(event)
        return event

    def _dispatch(self, event: Mapping[str, Any]) -> None:
        self._launch.on_event(event)

    def _read_stderr(self) -> None:
        pipe = cast("BufferedReader | None", self._running().stderr)
        while pipe and (chunk := pipe.read1(65_536)):
            self._stderr += chunk
            del self._stderr[:-_KEPT_STDERR_BYTES]

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_EVERY) and not self._ended.is_set():
            silent = time.monotonic() - self._last_life
            if self._ready.is_set() and silent > self._silence_limit:  # until then `wait_ready` has the say
                self._violated("heartbeat", f"no sign of life for {silent:.1f} s")
                self._running().kill()
                return

    def _violated(self, rule: Rule, detail: str) -> None:
        self._launch.on_violation(Violation(rule, detail))

    def _too_long(self, line: bytes) -> bool:
        """Whether the daemon's scanner fails at this line, which has been read to one byte more than the limit."""
        if len(line) <= MAX_LINE_BYTES or line.endswith(b"\n"):
            return False
        self._violated("line_size", f"a line above {MAX_LINE_BYTES:,} bytes, beginning {_shown(line)}")
        return True


class DuplexProcess(PluginProcess):
    """Lines go both ways over one stream, so answers to backwards calls are written between requests."""

    def __init__(self, launch: Launch) -> None:
        super().__init__(launch)
        self._writing = threading.Lock()
        self._answering = ThreadPoolExecutor(max_workers=32, thread_name_prefix="backwards")

    def request(self, session_id: str, line: bytes) -> None:
        """Writes the line."""
        self._write_whole(line)

    def stop(self) -> None:
        """Kills the process and waits for the answers that are being written."""
        super().stop()
        self._answering.shutdown(wait=True, cancel_futures=True)

    @abstractmethod
    def _write(self, line: bytes) -> None:
        """Writes a line to the stream; called by one writer at a time."""

    def _write_whole(self, line: bytes) -> None:
        with self._writing:
            self._write(line)

    def _dispatch(self, event: Mapping[str, Any]) -> None:
        if not is_backwards_call(event):
            self._launch.on_event(event)
            return
        with contextlib.suppress(LookupError):  # a late call vanishes
            self._answering.submit(self._write_all, self._launch.answers(event))

    def _write_all(self, lines: Iterator[bytes]) -> None:
        with contextlib.suppress(OSError):  # the plugin is gone; its sessions fail by that
            for line in lines:
                self._write_whole(line)


def _shown(line: bytes) -> str:
    return repr(line[:120].decode(errors="replace"))


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with contextlib.suppress(OSError):  # what was buffered for a killed process has nowhere to go
            pipe.close()
