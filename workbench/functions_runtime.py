"""Functions on a real FaaS runtime of this machine: Google's functions-framework, on loopback."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

READY_WITHIN = 20.0


class FunctionNotStarted(RuntimeError):
    """The runtime did not serve; the text holds the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as a folder: `main.py` with an entry point of the folder's name."""

    folder: Path

    @property
    def name(self) -> str:
        """The entry point."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class RunningFunction:
    """A function that serves."""

    name: str
    url: str


@contextlib.contextmanager
def serving(functions: Sequence[Function], within: float = READY_WITHIN) -> Iterator[list[RunningFunction]]:
    """Runs each function in its own runtime process until the block ends.

    Raises:
        FunctionNotStarted: with what the runtime wrote.
    """
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(_process(function)) for function in functions]
        until = time.monotonic() + within
        for function, (port, process, written) in zip(functions, ports, strict=True):
            _wait(function, port, process, written, until)
        yield [
            RunningFunction(function.name, f"http://127.0.0.1:{port}/")
            for function, (port, _, _) in zip(functions, ports, strict=True)
        ]


@contextlib.contextmanager
def _process(function: Function) -> Iterator[tuple[int, subprocess.Popen[bytes], IO[bytes]]]:
    port = _spare_port()
    command = [sys.executable, "-m", "functions_framework", "--target", function.name, "--source", "main.py"]
    with tempfile.TemporaryFile() as written:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=function.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        try:
            yield port, process, written
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM first: the runtime's master then ends its worker too."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(function: Function, port: int, process: subprocess.Popen[bytes], written: IO[bytes], until: float) -> None:
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return
        time.sleep(0.05)
    written.seek(0)
    raise FunctionNotStarted(f"{function.name} does not serve: {written.read()[-1500:].decode(errors='replace')}")


def _spare_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
