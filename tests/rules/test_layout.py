"""Sizes and names (design.md §5)."""

import ast
import re

import pytest

from tests.rules.tree import PACKAGE, PRODUCT, ROOT, name_of, parsed

MAX_FILE_LINES = 300
MAX_TOOL_LINES = 25
MAX_FUNCTION_LINES = 45
MAX_POLICY_LINES = 150

LONG_FILES: dict[str, tuple[int, str]] = {}
"""Files above the bound with their size and reason. A size here may shrink and never grow."""

LONG_FUNCTIONS: dict[str, tuple[int, str]] = {}
"""Same for functions, as `path:name`."""

EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc)(_|$)")


def lines(path):
    return path.read_text(encoding="utf-8").count("\n")


def test_files_are_not_longer_than_three_hundred_lines():
    long = {name_of(path): lines(path) for path in PRODUCT if lines(path) > MAX_FILE_LINES}
    assert_within(long, LONG_FILES)


def test_functions_are_not_longer_than_forty_five_lines():
    long = {}
    for path in PRODUCT:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef) and (size := node.end_lineno - node.lineno + 1) > MAX_FUNCTION_LINES:
                long[f"{name_of(path)}:{node.name}"] = size
    assert_within(long, LONG_FUNCTIONS)


def assert_within(found, allowed):
    assert sorted(set(found) - set(allowed)) == [], "split these"
    assert sorted(set(allowed) - set(found)) == [], "take these off the list: they became short"
    for name, size in found.items():
        assert size <= allowed[name][0], f"{name} grew"
        assert allowed[name][1], f"{name} needs a reason"


@pytest.mark.parametrize("path", sorted((ROOT / "tools").glob("*.py")), ids=name_of)
def test_a_tool_file_only_hands_on(path):
    assert lines(path) <= MAX_TOOL_LINES
    calls = [ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    assert calls == ["adapter.run"]


def test_tools_holds_one_yaml_and_one_file_for_each_tool_and_nothing_else():
    names = {path.name for path in (ROOT / "tools").iterdir() if path.name != "__pycache__"}
    tools = {name.removesuffix(".yaml") for name in names if name.endswith(".yaml")}
    assert names == {f"{tool}{suffix}" for tool in tools for suffix in (".yaml", ".py")}


def test_an_init_file_holds_a_docstring_only():
    for path in PACKAGE:
        if path.name == "__init__.py":
            (only,) = parsed(path).body
            assert isinstance(only, ast.Expr), name_of(path)
            assert isinstance(only.value, ast.Constant), name_of(path)


def test_every_folder_of_the_package_is_a_package():
    folders = {path.parent for path in PACKAGE}
    assert [name_of(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_no_file_or_folder_has_a_name_that_says_nothing():
    named = {part for path in PRODUCT for part in path.relative_to(ROOT).with_suffix("").parts}
    assert sorted(name for name in named if EMPTY_NAMES.search(name)) == []


def test_no_folder_of_the_package_is_named_like_one_that_is_left_out_of_it():
    """`.difyignore` has leading slashes for that; a name that is never used cannot be lost."""
    inner = {part for path in PACKAGE for part in path.relative_to(ROOT / "faas_toolkit").parts[:-1]}
    assert inner & {"tests", "bench", "workbench", "docs", "examples", "build", "dist", "lib", "var", "target"} == set()


def test_every_slice_of_capabilities_has_the_same_files():
    for folder in (ROOT / "faas_toolkit" / "capabilities").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert {"operations.py", "capability.py", "presentation.py"} <= {path.name for path in folder.iterdir()}, folder.name
