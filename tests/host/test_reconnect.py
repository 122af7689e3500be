"""Remote debug survives a daemon that is away for longer than the SDK's three attempts."""

import os
import subprocess
import sys
import threading

import pytest

from workbench.cli import PROJECT
from workbench.debug_server import DebugServer

KEY = "c0ffee00-0000-4000-8000-000000000000"
FASTER = "import main; main.plugin.request_reader.reconnect_timeout = 0.05; main.plugin.run()"
"""The real entry point; the SDK's pause of 5 s between attempts is shortened."""
SDKS_ATTEMPTS = 3


@pytest.fixture
def log(tmp_path):
    return tmp_path / "stderr"


@pytest.fixture
def debugged(log):
    """Starts the plugin in remote debug against this port."""
    started = []

    def start(port):
        environment = {"INSTALL_METHOD": "remote", "REMOTE_INSTALL_URL": f"127.0.0.1:{port}", "REMOTE_INSTALL_KEY": KEY}
        with log.open("wb") as stderr:
            command = [sys.executable, "-c", FASTER]
            started.append(
                subprocess.Popen(
                    command, cwd=PROJECT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=stderr
                )
            )

    yield start
    for child in started:
        child.kill()
        child.wait()


def test_a_plugin_comes_back_to_a_daemon_that_was_away_for_long(debugged, log, until):
    registered = threading.Semaphore(0)
    server = DebugServer(KEY, on_registered=lambda _: registered.release())
    with server:
        port = server.port
        debugged(port)
        assert registered.acquire(timeout=30)
    until(lambda: log.read_bytes().count(b"Failed to connect") > SDKS_ATTEMPTS, seconds=20)
    server.open(port)
    with server:
        assert registered.acquire(timeout=30)
