"""From a text to a plain value that knows where each part of it stood.

JSON, and YAML in block or flow style, mean the same: scalars are read as YAML 1.2's core schema reads them (which contains
JSON's), so `yes`, `on` and dates are texts and `on:` is a key. PyYAML's own rules are those of YAML 1.1.
Sizes, depth, count of values and expansion of aliases are bounded, because a catalog is written by a tenant.
Reading 400 lines takes about 4 ms, the largest document that the bounds let through about 0.2 s (measured with libyaml).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from faas_toolkit.catalog.bounds import MAX_CHARS, MAX_DEPTH, MAX_VALUES, finite, integer, lone_surrogate
from faas_toolkit.catalog.findings import FoundAt, Mark, Path
from faas_toolkit.catalog.json_text import read_json
from faas_toolkit.catalog.syntax import ENCODE, SyntaxProblem, explained, mark_at
from faas_toolkit.core.untrusted import printable

_CORE = "tag:yaml.org,2002:"
_CORE_SCHEMA = (  # YAML 1.2.2 §10.3.2
    ("null", re.compile(r"~|null|Null|NULL|"), ("~", "n", "N", "")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE"), tuple("tTfF")),
    ("int", re.compile(r"[-+]?[0-9]+"), tuple("-+0123456789")),
    (
        "float",
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        tuple("-+.0123456789"),
    ),
)
_TOKENS = re.compile(r"[\"'\[\]{}]|(?<![\w.-])[\w.-]{1,64}:(?=\s|$)")
"""Quotes, brackets, and what looks like a key; linear in the length of the text."""
_PYTHON_TAG = "python/"


@dataclass(slots=True)
class Document:
    """A value of mappings, lists and scalars, with the places of its parts."""

    value: Any
    problems: list[FoundAt] = field(default_factory=list)
    """What is wrong with the text itself, e.g. a key that stands twice."""
    keys: dict[Path, Mark] = field(default_factory=dict)
    """Where the key of each path stands."""
    values: dict[Path, Mark] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    """Each plain scalar that is not a text, as it was written, e.g. `1.10`."""

    def mark(self, path: Path, *, at_key: bool = False) -> Mark | None:
        """The place of a path, or of the nearest thing above it that has one."""
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        while path and path not in first and path not in second:
            path = path[:-1]
        return first.get(path) or second.get(path)


def read_document(text: str) -> Document:
    """The document in a text of JSON or YAML; an empty text is an empty mapping.

    Raises:
        SyntaxProblem: not to be read at all.
    """
    text = text.removeprefix("\ufeff")
    _require_readable(text)
    _require_line_breaks(text)
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        if text.lstrip().startswith("{"):
            return Document(*read_json(text, error))
        raise explained(text, error) from error
    document = Document({})
    if node is not None:
        document.value = _Builder(document).build(node, (), ())
    return document


def _require_readable(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise SyntaxProblem(f"it has {len(text):,} characters; at most {MAX_CHARS:,} are read.", "Shorten it.")
    for name, position in (("a null character (U+0000)", text.find("\0")), ("half of a character", lone_surrogate(text))):
        if position >= 0:
            raise SyntaxProblem(
                f"it holds {name}.", "Remove it, or write it again in a plain text editor.", mark_at(text, position)
            )


def _require_line_breaks(text: str) -> None:
    """A form field of one line swallows line breaks; what is left may even parse, as its first key and a comment."""
    line = text.strip()
    if "\n" in line or "\r" in line or line.startswith(("{", "[")):
        return
    if _keys_of_block_style(line) > 1:
        raise SyntaxProblem(
            "this is YAML in block style whose line breaks were lost; a form field of one line does that to a pasted text.",
            f"Run `{ENCODE}` and paste the line it prints, or write flow style: {{version: 1, roles: {{…}}}}.",
        )


def _keys_of_block_style(line: str) -> int:
    """How many keys stand outside of brackets and quotes."""
    count = depth = 0
    quote = ""
    for match in _TOKENS.finditer(line):
        found = match[0]
        if quote:
            quote = "" if found == quote else quote
        elif found in "\"'":
            quote = found
        elif found in "[]{}":
            depth = max(0, depth + (1 if found in "[{" else -1))
        elif depth == 0:
            count += 1
    return count


class _Loader(yaml.CSafeLoader):
    """libyaml's parser with the bounds; nothing is constructed by it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._count = self._depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:  # noqa: ANN401 - PyYAML's signature
        self._count += 1
        self._depth += 1
        if self._count > MAX_VALUES:
            raise SyntaxProblem(f"it holds more than {MAX_VALUES:,} keys and values.", "Shorten it.")
        if self._depth > MAX_DEPTH:
            raise SyntaxProblem(f"it is nested deeper than {MAX_DEPTH} levels.", "Look for brackets that are never closed.")

    def ascend_resolver(self) -> None:
        self._depth -= 1


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _CORE_SCHEMA:
    _Loader.add_implicit_resolver(_CORE + _name, re.compile(f"(?:{_pattern.pattern})$"), list(_first))


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


class _Builder:
    """Makes the value from libyaml's nodes, and writes down where everything stood."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._count = 0

    def build(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Any:  # noqa: ANN401 - any value of a document
        self._count += 1
        mark = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        if self._count > MAX_VALUES:
            raise SyntaxProblem(
                f"its aliases (*name) unfold to more than {MAX_VALUES:,} values.", "Write the parts out instead.", mark
            )
        if id(node) in above or len(above) >= MAX_DEPTH:
            raise SyntaxProblem("an alias (*name) stands inside what it names.", "Write the part out instead.", mark)
        self._document.values[path] = mark
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_CORE}map":
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_CORE}seq":
            return [self.build(item, (*path, index), (*above, id(node))) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[int, ...]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in built:
                self._problem(
                    here, f"this key stands twice; first in line {self._document.keys[here].line}.", "Keep one of them."
                )
                self._place_problem(key_node)
                continue
            self._document.keys[here] = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            built[key] = self.build(value_node, here, above)
        return built

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        self._count += 1
        if not isinstance(node, yaml.ScalarNode):
            self._problem(path, "a key is not a text.", "Write `name: value`, with a name as the key.")
        elif node.value == "<<" and node.style not in ("'", '"'):
            self._problem(path, "merge keys (<<) are not part of YAML 1.2 and are not read.", "Write the keys out.")
        else:
            return str(node.value)
        self._place_problem(node)
        return None

    def _scalar(self, node: yaml.Node, path: Path) -> object:
        kind = node.tag.removeprefix(_CORE)
        if not isinstance(node, yaml.ScalarNode) or kind not in _SCALARS:
            python = " Nothing of Python is ever made from a catalog." if _PYTHON_TAG in node.tag else ""
            self._problem(
                path, f"the tag {printable(node.tag.replace(_CORE, '!!'))} is not taken.{python}", "Write the plain value."
            )
            return ""
        text = str(node.value)
        if kind != "str":
            self._document.written[path] = text
        try:
            return _SCALARS[kind](text)
        except (ValueError, KeyError):
            self._problem(
                path, f"{printable(text)} is not a number that JSON can say.", "Write a finite number, or quote the text."
            )
            return 0

    def _problem(self, path: Path, message: str, hint: str) -> None:
        self._document.problems.append(FoundAt(path, message, hint))

    def _place_problem(self, node: yaml.Node) -> None:
        """Puts the last problem where the key stands that caused it."""
        last = self._document.problems[-1]
        mark = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        self._document.problems[-1] = FoundAt(last.path, last.message, last.hint, mark=mark)


_SCALARS: Mapping[str, Any] = {
    "str": str,
    "null": lambda text: {"": None, "~": None, "null": None}[text.lower()],
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": integer,
    "float": finite,
}
