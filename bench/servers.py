"""Servers that a benchmark starts on spare ports of loopback, and ends."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

MINISTACK = Path(__file__).parents[1] / ".venv-ministack" / "bin" / "ministack"


@contextmanager
def served(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[None]:
    """A server on a port of loopback."""
    process = subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def served_redis(folder: Path) -> Iterator[str]:
    """The URL of a Redis of this run."""
    port = spare_port()
    with served(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], port, folder):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def served_bucket(folder: Path) -> Iterator[str]:
    """The address of an S3 of this run, with the bucket; empty where ministack is not installed."""
    if not MINISTACK.is_file():
        yield ""
        return
    port = spare_port()
    with served([str(MINISTACK)], port, folder, BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port)):
        httpx.put(f"http://127.0.0.1:{port}/answers", timeout=30).raise_for_status()
        yield f"http://127.0.0.1:{port}"


def spare_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
