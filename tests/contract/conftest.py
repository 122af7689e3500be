"""The plugin as a process, with real functions behind it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes import openai_server
from tests.fakes.data_servers import MariadbServer, PostgresServer, running
from tests.fakes.databases import Nodes
from workbench.functions_runtime import Function, serving
from workbench.host import PluginHost, Transport
from workbench.openai_models import ModelServer

ROOT = Path(__file__).parents[2]
FUNCTIONS = ROOT / "tests" / "fakes" / "functions"


@pytest.fixture(scope="session")
def function_addresses() -> Iterator[dict[str, str]]:
    folders = [
        ROOT / "functions" / "samples" / "churn_score",
        ROOT / "functions" / "samples" / "summarise",
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
    allowed = ["crm.read", "knowledge.read", "knowledge.write", "function.call", "model.use", "admin.read", "admin.write"]
    roles = {"member": {"allow": allowed, "functions": ["*"], "knowledge": ["*"], "crm": {"sources": ["*"]}}}
    knowledge = {"handbook": {"kind": "embedded", "sample": True}, "notes": {"kind": "embedded"}}
    return {"version": 1, "roles": roles, "knowledge": knowledge, "functions": functions}


@pytest.fixture(scope="session")
def model_handlers() -> Iterator[dict]:
    """What answers a workspace's calls of Dify's models: a real server of OpenAI's API."""
    with openai_server.serving([{"content": "A model that is set up in Dify says this to whoever asks it."}] * 10_000) as server:
        yield ModelServer(server.url, server.key).handlers()


@pytest.fixture(scope="session")
def models() -> dict:
    """The pools of the tests' workspace; a section of its own, since a pool of functions needs the catalog's functions."""
    deployments = [{"name": "own", "kind": "function", "function": "summarise"}]
    return {"models": {"pools": {"summaries": {"deployments": deployments}}}}


@pytest.fixture(scope="session")
def credentials(catalog, models) -> dict[str, str]:
    return {"catalog": json.dumps({**catalog, **models})}


@pytest.fixture(scope="session")
def plugin_environment(function_addresses, tmp_path_factory) -> dict[str, str]:
    """An operator who opens exactly the test's functions on loopback."""
    hosts = ",".join(f"http://{urlsplit(url).netloc}" for url in function_addresses.values())
    return {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path_factory.mktemp("data")), "FAAS_TOOLKIT_NETWORK_ALLOW": hosts}


@pytest.fixture(scope="session")
def plugin_through(plugin_environment, tmp_path_factory) -> Iterator[Callable[[Transport], PluginHost]]:
    """One plugin process for each way to start it, shared by all tests of the contract and started by the first that needs it.

    None of them must have broken the protocol at the end.
    """
    with ExitStack() as stack:

        @cache
        def started(transport: Transport) -> PluginHost:
            environment = {**plugin_environment, "FAAS_TOOLKIT_DATA_DIR": str(tmp_path_factory.mktemp(transport))}
            return stack.enter_context(PluginHost(ROOT, transport=transport, environment=environment))

        yield started


@pytest.fixture(scope="session")
def plugin(request, plugin_through) -> PluginHost:
    """Through stdio, unless a test names another way."""
    return plugin_through(getattr(request, "param", "stdio"))


@pytest.fixture(scope="session")
def database_servers(tmp_path_factory) -> Iterator[Callable[[str], PostgresServer | MariadbServer | None]]:
    """A server of each kind for all tests that do it no harm, started by the first that needs it."""
    makes = {"postgresql": PostgresServer, "mysql": MariadbServer}
    with ExitStack() as stack:

        @cache
        def started(kind: str) -> PostgresServer | MariadbServer | None:
            return stack.enter_context(running(makes[kind], tmp_path_factory.mktemp(kind))) if kind in makes else None

        yield started


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def nodes(request, database_servers, tmp_path) -> Iterator[Nodes]:
    """An empty store of rows of each kind."""
    nodes = Nodes(request.param, tmp_path, database_servers(request.param))
    yield nodes
    nodes.close()
