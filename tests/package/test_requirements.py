"""What is installed is what is imported, and all that it needs; `workbench.package.rules.requirements` has the other rules."""

import ast
import re
import sys
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rules.tree import ROOT, files, parsed

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = {canonicalize_name(r.name): r for r in map(Requirement, PYPROJECT["project"]["dependencies"])}
IMPORTED_AS = {"yaml": "pyyaml", "jwt": "pyjwt", "re2": "google-re2", "dotenv": "python-dotenv", "throttled": "throttled-py"}
"""Import names that differ from the distribution's."""


def pins(name):
    lines = [line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines()]
    requirements = [Requirement(line) for line in lines if line and not line.startswith("-r")]
    return {canonicalize_name(r.name): r for r in requirements}


def closure(names):
    """The names of the distributions and all they need on this platform."""
    found, pending = set(), [(canonicalize_name(name), frozenset(extras)) for name, extras in names]
    seen = set()
    while pending:
        name, extras = pending.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
                pending.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return found


@pytest.mark.parametrize(
    "name", ["requirements-bench.txt", "requirements-dev.txt", "requirements-graphon.txt", "requirements-ministack.txt"]
)
def test_every_pin_is_exact(name):
    for requirement in pins(name).values():
        (bound,) = requirement.specifier
        assert bound.operator == "==", requirement
        assert requirement.url is None, requirement
    assert "://" not in (ROOT / name).read_text(encoding="utf-8"), "a package host is out of reach elsewhere"


def test_requirements_are_the_dependencies_with_all_they_need_and_nothing_more():
    needed = closure((name, requirement.extras) for name, requirement in DECLARED.items())
    assert set(pins("requirements.txt")) == needed


def third_party_imports(*folders):
    names = set()
    for path in files(*folders):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.split(".")[0])
    third_party = names - sys.stdlib_module_names - {path.name.removesuffix(".py") for path in ROOT.iterdir()}
    return {IMPORTED_AS.get(name, canonicalize_name(name)) for name in third_party}


def test_what_the_package_imports_is_declared_and_what_is_declared_is_imported():
    assert third_party_imports("faas_toolkit", "tools", "provider", "endpoints", "main.py") == set(DECLARED)


def test_what_development_imports_is_pinned():
    files_of_pins = ("requirements.txt", "requirements-dev.txt", "requirements-graphon.txt", "requirements-bench.txt")
    pinned = {name for file in files_of_pins for name in pins(file)}
    assert third_party_imports("workbench", "bench", "tests", "functions") <= pinned


def test_development_requirements_include_those_of_the_plugin():
    text = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert re.search(r"^-r requirements\.txt$", text, re.MULTILINE)
