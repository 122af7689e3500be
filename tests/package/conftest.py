"""The package, built once, and unpacked once."""

import subprocess
import zipfile

import pytest
import yaml

from tests.package.packing import ROOT, pack


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    return pack(tmp_path_factory.mktemp("package") / "faas_toolkit.difypkg")


@pytest.fixture(scope="session")
def unpacked(package, tmp_path_factory):
    """The package as a plugin's working directory below a daemon's, so that nothing of the repository can be imported."""
    folder = tmp_path_factory.mktemp("cwd") / "faas-toolkit" / "faas_toolkit-0.1.0@test"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def manifest():
    return yaml.safe_load((ROOT / "manifest.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def provider(manifest):
    (path,) = manifest["plugins"]["tools"]
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tools(provider):
    return {path: yaml.safe_load((ROOT / path).read_text(encoding="utf-8")) for path in provider["tools"]}


@pytest.fixture(scope="session")
def endpoint_group(manifest):
    (path,) = manifest["plugins"]["endpoints"]
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def endpoints(endpoint_group):
    return {path: yaml.safe_load((ROOT / path).read_text(encoding="utf-8")) for path in endpoint_group["endpoints"]}


@pytest.fixture
def process():
    """Starts processes and ends them by their own handle."""
    started = []

    def start(command, **options):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        started.append(child)
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()
