"""Workflows in Dify's engine against the plugin as a process, with real functions. Graphon is imported by what needs it only."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.fakes.openai_server import ScriptedServer
from tests.fakes.openai_server import serving as serving_models
from workbench.functions_runtime import Function, serving
from workbench.host import PluginHost

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "functions" / "samples"


@pytest.fixture(scope="session")
def functions() -> Iterator[dict[str, str]]:
    with serving([Function(SAMPLES / "churn_score"), Function(SAMPLES / "exchange_rates")]) as running:
        yield {function.name: function.url for function in running}


@pytest.fixture(scope="session")
def models() -> Iterator[ScriptedServer]:
    """Says nothing until a test gives it a script."""
    with serving_models([]) as server:
        yield server


@pytest.fixture(scope="session")
def host(functions, models, tmp_path_factory) -> Iterator[PluginHost]:
    """One plugin process; its operator opens what the tests serve on loopback, and it must not have broken the protocol."""
    opened = ",".join(url.removesuffix("/").removesuffix("/v1") for url in (*functions.values(), models.url))
    environment = {"FAAS_TOOLKIT_DATA_DIR": str(tmp_path_factory.mktemp("data")), "FAAS_TOOLKIT_NETWORK_ALLOW": opened}
    with PluginHost(ROOT, environment=environment) as running:
        yield running


@pytest.fixture(scope="session")
def output_schema():
    """The variables that a tool's YAML declares, as the JSON Schema that its outputs keep, each of them being there."""

    def read(tool: str) -> dict:
        document = yaml.safe_load((ROOT / "tools" / f"{tool}.yaml").read_text(encoding="utf-8"))
        return {**document["output_schema"], "required": list(document["output_schema"]["properties"])}

    return read
