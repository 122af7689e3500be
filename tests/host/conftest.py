import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.host import PluginHost

PROBE = Path(__file__).parent / "probe_plugin"


@pytest.fixture(scope="module")
def probe() -> Iterator[PluginHost]:
    """One running probe for the well-behaved tests of a module; it must be clean at the end."""
    with PluginHost(PROBE) as host:
        yield host


@pytest.fixture
def until():
    """Waits for something that another process does."""

    def wait(met, seconds=5):
        end = time.monotonic() + seconds
        while not met() and time.monotonic() < end:
            time.sleep(0.02)
        assert met()

    return wait
