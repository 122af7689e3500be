"""Servers of this machine that a benchmark asks: a Redis is `tests/fakes/data_servers.py`, the bucket is started here."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from faas_toolkit.core.clock import Clock
from faas_toolkit.net.egress import OPERATOR_ALLOW, EgressGuard
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.connection import RedisConnection

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


def connection_to(url: str, clock: Clock) -> RedisConnection:
    """To this machine's Redis."""
    guard = EgressGuard(environment={OPERATOR_ALLOW: "127.0.0.1/32"})
    return RedisConnection(address=RedisAddress.parse(url), guard=guard, clock=clock)


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
