"""Tests run as the plugin does: under the gevent patches that importing the SDK applies, so it is imported before everything."""

import time
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own, at import; ours are errors
    import dify_plugin  # noqa: F401 - applies the patches


@pytest.fixture
def until():
    """Waits for something that another process does."""

    def wait(met, seconds=5):
        end = time.monotonic() + seconds
        while not met() and time.monotonic() < end:
            time.sleep(0.02)
        assert met()

    return wait
