"""The plugin as a process, with real functions behind it."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from workbench.functions_runtime import Function, serving
from workbench.host import PluginHost

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "tests" / "fakes" / "functions"


@pytest.fixture(scope="session")
def function_addresses() -> Iterator[dict[str, str]]:
    folders = [
        ROOT / "functions" / "samples" / "churn_score",
        *(FUNCTIONS / name for name in ("check_policy", "add_note", "garbage", "count")),
    ]
    with serving([Function(folder) for folder in folders]) as running:
        yield {function.name: function.url for function in running}


@pytest.fixture(scope="session")
def catalog(function_addresses) -> dict:
    """What the tests' workspace may call."""
    churn = {"type": "object", "required": ["open_tickets"], "properties": {"open_tickets": {"type": "number"}}}
    kind = {"type": "object", "properties": {"kind": {"type": "string"}}}
    shapes = {"churn_score": churn, "garbage": kind}
    functions = {
        name: {
            "platform": "http",
            "target": {"url": url},
            "describe": f"{name} of the tests",
            "arguments": shapes.get(name, {"type": "object"}),
        }
        for name, url in function_addresses.items()
    }
    allowed = ["crm.read", "knowledge.read", "knowledge.write", "function.call"]
    roles = {"member": {"allow": allowed, "functions": ["*"], "knowledge": ["*"], "crm": {"sources": ["*"]}}}
    knowledge = {"handbook": {"kind": "embedded", "sample": True}, "notes": {"kind": "embedded"}}
    return {"version": 1, "roles": roles, "knowledge": knowledge, "functions": functions}


@pytest.fixture(scope="session")
def credentials(catalog) -> dict[str, str]:
    return {"catalog": json.dumps(catalog)}


@pytest.fixture(scope="session")
def plugin_environment(function_addresses, tmp_path_factory) -> dict[str, str]:
    """An operator who opens exactly the test's functions on loopback."""
    hosts = ",".join(f"http://{urlsplit(url).netloc}" for url in function_addresses.values())
    return {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path_factory.mktemp("data")), "FAAS_TOOLKIT_NETWORK_ALLOW": hosts}


@pytest.fixture(scope="session")
def plugin(plugin_environment) -> Iterator[PluginHost]:
    """One plugin process for all tests of the contract; it must not have broken the protocol at the end."""
    with PluginHost(ROOT, environment=plugin_environment) as host:
        yield host
