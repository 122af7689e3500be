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
