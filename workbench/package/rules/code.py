"""What is read in the code: secrets, syntax, careless calls, and what is to be disclosed (marketplace.md §1.3)."""

import ast
import math
import re
from collections import Counter
from collections.abc import Iterator

from workbench.package.contents import Package, Problem

# The pieces are joined here so that no scanner takes this file for a leak.
VENDOR_TOKENS = {
    "OpenAI": r"\bsk" + r"-[A-Za-z0-9_-]{20,}",
    "GitHub": r"\bgh" + r"[pousr]_[A-Za-z0-9]{20,}",
    "Slack": r"\bxox" + r"[abprs]-[A-Za-z0-9-]{10,}",
    "AWS": r"\bAKIA" + r"[0-9A-Z]{16}",
    "JWT": r"\beyJ" + r"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+",
    "private key": r"BEGIN [A-Z ]*PRIVATE" + r" KEY",
}
_LITERAL = re.compile(r"""(?i)\b\w*(?:password|token|secret|api_key)\b\s*[:=]\s*["']([A-Za-z0-9+/=_.-]{12,})["']""")
_BITS, _HEX_BITS = 4.5, 3.0
"""Bits per character above which a literal looks random: the marketplace's own bounds."""

_VERBS = frozenset(["get", "post", "put", "patch", "delete", "head", "request", "stream"])
SIGNALS = {
    "starts processes": r"\bsubprocess\.",
    "loads code by name": r"\b(?:eval|exec|compile)\(|\bimport_module\(|\bpickle\.load",
    "uses SQL": r"\bsqlite3\b|\bsqlalchemy\b|\bpsycopg\b|\bpymysql\b",
    "reads or writes files": r"\bopen\(|\.read_text\(|\.write_bytes\(|\bshutil\.|\bos\.remove\b",
    "sends HTTP requests": r"\bhttpx\b|\burllib3\b|\brequests\.",
}


def holds_no_secret(package: Package) -> Iterator[Problem]:
    """Nothing has the shape of a vendor's token, and no literal beside a telling name looks random."""
    for name in package.files:
        text = package.text(name)
        for vendor, shape in VENDOR_TOKENS.items():
            if found := re.search(shape, text):
                yield Problem(_place(name, text, found), f"looks like a token of {vendor}.", "Take it out, and revoke it.")
        for found in _LITERAL.finditer(text):
            value = found.group(1)
            if _entropy(value) >= (_HEX_BITS if re.fullmatch("[0-9a-fA-F]+", value) else _BITS):
                yield Problem(_place(name, text, found), "looks like a secret.", "Read it from the settings of the provider.")


def python_compiles(package: Package) -> Iterator[Problem]:
    """Every Python file can be parsed."""
    for name in package.files:
        if name.endswith(".py") and name not in package.trees:
            yield Problem(name, "is not Python 3.12.", f"python -m py_compile {name} says where.")


def yaml_can_be_read(package: Package) -> Iterator[Problem]:
    """The manifest and what it names hold mappings, without a key that is there twice (Go refuses, Python takes the last)."""
    for name in ("manifest.yaml", package.provider_path, *package.tools, package.group_path, *package.endpoints):
        if name in package.files and not package.yaml(name):
            yield Problem(name, "is not a YAML mapping.", "Indent with spaces, and quote texts that hold a colon.")
        for number, key in _repeated_keys(package.text(name)):
            yield Problem(f"{name}:{number}", f"has the key {key!r} twice.", "Keep one; Dify's daemon refuses the file.")


def _repeated_keys(text: str) -> Iterator[tuple[int, str]]:
    import yaml

    try:
        pending = [yaml.compose(text, yaml.CSafeLoader)]
    except yaml.YAMLError:
        return
    while pending:
        node = pending.pop()
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if key.value in seen:
                    yield key.start_mark.line + 1, str(key.value)
                seen.add(str(key.value))
                pending.append(value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)


def every_request_has_a_timeout(package: Package) -> Iterator[Problem]:
    """No shortcut of requests or httpx without one."""
    for name, tree in package.trees.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _VERBS
                and ast.unparse(node.func.value) in ("requests", "httpx")
                and "timeout" not in {keyword.arg for keyword in node.keywords}
            ):
                yield Problem(
                    f"{name}:{node.lineno}", "sends a request without a timeout.", "Use the client of faas_toolkit.net."
                )


def disclosures(package: Package) -> list[str]:
    """What the section "Security and privacy notes" of a pull request must speak of."""
    code = [package.text(name) for name in package.trees]
    return [what for what, shape in SIGNALS.items() if any(re.search(shape, text) for text in code)]


def _entropy(text: str) -> float:
    """Shannon's, in bits per character."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _place(name: str, text: str, found: re.Match[str]) -> str:
    return f"{name}:{text.count(chr(10), 0, found.start()) + 1}"
