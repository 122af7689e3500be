"""The source as these rules see it."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def files(*folders):
    """Every Python file below these folders of the repository that exist, and files named themselves."""
    found = []
    for folder in folders:
        path = ROOT / folder
        found += [path] if path.is_file() else path.rglob("*.py")
    return sorted(found)


PACKAGE = files("faas_toolkit")
SHIPPED = files("faas_toolkit", "tools", "provider", "endpoints", "main.py")
PRODUCT = [*SHIPPED, *files("functions")]


@cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(path):
    return str(path.relative_to(ROOT))


def imports(path):
    """`(module, line)` of everything a file imports, at any depth of it; `from a import b` also gives `a.b`."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno}: write imports in full"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def is_within(module, package):
    return module == package or module.startswith(f"{package}.")


def dotted(node):
    """`a.b.c` of a name or attribute; empty for anything else."""
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return node.id if isinstance(node, ast.Name) else ""
