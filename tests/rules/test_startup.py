"""What the plugin loads before its first call (design.md §3.7): counted by names, so that no machine's speed decides."""

import json
import subprocess
import sys

import pytest

from tests.rules.tree import ROOT

MAX_OWN_MODULES = 40
HEAVY = [
    "alembic",
    "botocore",
    "cryptography",
    "google.cloud",
    "jsonschema",
    "jwt",
    "mako",
    "numpy",
    "prometheus_client",
    "psycopg",
    "pymysql",
    "pypinyin",
    "rapidfuzz",
    "re2",
    "redis",
    "sqlalchemy",
]

SCRIPT = """
import json, sys
import dify_plugin
before = set(sys.modules)
import faas_toolkit.dify.adapter, faas_toolkit.dify.settings
json.dump(sorted(set(sys.modules) - before), sys.stdout)
"""


@pytest.fixture(scope="module")
def loaded():
    """The modules that the adapter adds to those of the SDK."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_few_modules_of_our_own_are_loaded(loaded):
    own = [name for name in loaded if name.startswith("faas_toolkit")]
    assert own
    assert len(own) <= MAX_OWN_MODULES, own


def test_no_capability_source_or_platform_is_loaded(loaded):
    rooms = ("faas_toolkit.capabilities.", "faas_toolkit.platforms.", "faas_toolkit.search.")
    assert [name for name in loaded if name.startswith(rooms)] == []


def test_no_heavy_library_is_loaded(loaded):
    assert [name for name in loaded if name in HEAVY or name.startswith(tuple(f"{heavy}." for heavy in HEAVY))] == []
