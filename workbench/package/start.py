"""The unpacked package starts on this interpreter and serves: as Dify starts it, and as the marketplace's install check does."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.host import PluginHost, Transport
from workbench.package.contents import Problem
from workbench.session import HostFailure
from workbench.wire import Sender

TRANSPORTS: tuple[Transport, ...] = ("stdio", "serverless")
"""As Dify's daemon runs it; as the marketplace's install check and a serverless Dify do."""
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
    """Whether the unpacked package serves in time, answers through its tool `diagnose`, and keeps to the wire's rules."""
    for transport in TRANSPORTS:
        yield from _serves(folder, transport)


def _serves(folder: Path, transport: Transport) -> Iterator[Problem]:
    data = str(folder.parent / "data")
    environment = {"HOME": data, "PYTHONPATH": "", "FAAS_TOOLKIT_DATA_DIR": data}
    try:
        with PluginHost(folder, transport=transport, environment=environment, ready_within=START_SECONDS) as host:
            reply = host.invoke_tool("diagnose", {}, sender=Sender(app_id="app"), timeout=60)
    except HostFailure as failure:
        yield Problem(transport, str(failure), "Unpack the package elsewhere and run python -m main there.")
        return
    if reply.error is not None or "ok" not in reply.variables:
        said = reply.error.message if reply.error else "it has no variable `ok`"
        yield Problem(transport, f"diagnose did not answer: {said}.", "python -m workbench call diagnose shows more.")
