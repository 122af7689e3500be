"""The package, written once and unpacked once, as `make package` does it."""

import subprocess

import pytest

from workbench.package import packing, start
from workbench.package.contents import Package


@pytest.fixture(scope="session")
def package_file(tmp_path_factory):
    return packing.write_package(tmp_path_factory.mktemp("package") / "faas_toolkit.difypkg", packing.read_files())


@pytest.fixture(scope="session")
def package(package_file):
    return Package.open(package_file)


@pytest.fixture(scope="session")
def unpacked(package_file):
    with start.unpacked(package_file) as folder:
        yield folder


@pytest.fixture(scope="session")
def manifest(package):
    return package.manifest


@pytest.fixture(scope="session")
def provider(package):
    return package.provider


@pytest.fixture(scope="session")
def tools(package):
    return package.tools


@pytest.fixture(scope="session")
def endpoint_group(package):
    return package.group


@pytest.fixture(scope="session")
def endpoints(package):
    return package.endpoints


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
