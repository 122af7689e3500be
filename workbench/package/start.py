"""The unpacked package starts on this interpreter and serves: over stdio as in Dify, and as the marketplace asks."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from workbench.declaration import read_declaration
from workbench.host import PluginHost
from workbench.package.contents import Problem
from workbench.session import HostFailure
from workbench.wire import Sender

START_SECONDS = 20.0
"""The marketplace kills a plugin that does not serve by then."""


@contextmanager
def unpacked(package: Path) -> Iterator[Path]:
    """The package as a working directory below a daemon's, so that nothing of the repository can be imported."""
    with tempfile.TemporaryDirectory(prefix="difypkg-") as temporary:
        folder = Path(temporary) / "author" / "name-0.0.0@checksum"
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder)
        yield folder


def starts(folder: Path) -> Iterator[Problem]:
    """Whether the unpacked package starts and serves both ways."""
    yield from serves_over_stdio(folder)
    yield from serves_in_serverless_mode(folder)


def serves_over_stdio(folder: Path) -> Iterator[Problem]:
    """A heartbeat in time; the tool `diagnose` answers; and nothing but JSON on stdout."""
    try:
        with PluginHost(folder, environment=_environment(folder), ready_within=START_SECONDS) as host:
            reply = host.invoke_tool("diagnose", {}, sender=Sender(app_id="app"), timeout=60)
        if reply.error is not None or "ok" not in reply.variables:
            said = reply.error.message if reply.error else "no variable `ok`"
            yield Problem("stdio", f"diagnose did not answer: {said}.", "Call it with python -m workbench call diagnose.")
    except (HostFailure, LookupError) as failure:
        yield Problem("stdio", str(failure), "Unpack the package elsewhere and run python -m main there.")


def serves_in_serverless_mode(folder: Path) -> Iterator[Problem]:
    """The words "Serving Flask app" and an HTTP answer within 20 s, which is all that the marketplace looks at."""
    port = _spare_port()
    settings = {"INSTALL_METHOD": "serverless", "SERVERLESS_HOST": "127.0.0.1", "SERVERLESS_PORT": str(port)}
    command = [sys.executable, "-m", read_declaration(folder).entrypoint]
    environment = {**os.environ, **_environment(folder), **settings}
    end = time.monotonic() + START_SECONDS
    with (
        tempfile.TemporaryFile() as stderr,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        try:
            serves = _says(process.stdout, b"Serving Flask app", end) and _answers(f"http://127.0.0.1:{port}/health", end)
        finally:
            process.kill()
        if not serves:
            stderr.seek(0)
            said = stderr.read()[-1_500:].decode(errors="replace")
            yield Problem("serverless", f"did not serve within {START_SECONDS:g} s: {said}", "Import less when it starts.")


def _environment(folder: Path) -> dict[str, str]:
    """Nothing leads to the repository, and what the plugin keeps stays beside its folder."""
    data = str(folder.parent / "data")
    return {"HOME": data, "PYTHONPATH": "", "PYTHONUNBUFFERED": "1", "FAAS_TOOLKIT_DATA_DIR": data}


def _spare_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _says(pipe: IO[bytes] | None, words: bytes, end: float) -> bool:
    read = b""
    while pipe is not None and (left := end - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            chunk = os.read(pipe.fileno(), 65_536)
            read += chunk
            if words in read or not chunk:
                return words in read
    return False


def _answers(url: str, end: float) -> bool:
    """Whether there is an HTTP answer in time, 200 or 404."""
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, timeout=2, trust_env=False).status_code in (httpx.codes.OK, httpx.codes.NOT_FOUND)
        time.sleep(0.05)
    return False
