"""From a function's JSON Schema to the parameters of its tool.

A model sees of a parameter its name, base type, `llm_description`, options and whether it is required (marketplace.md §5), so
bounds, shape, default and an example are told in words. Objects and lists would arrive without their shape (dify-daemon, list,
9), so they are texts that hold JSON.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from faas_toolkit.capabilities.faas.schema_example import followed, write_example

RESERVED = frozenset(["identity_token", "on_error", "idempotency_key"])
"""As `faas_toolkit.dify.typed.RESERVED`; a test compares."""

type Kind = Literal["string", "number", "boolean", "select"]

_USABLE = re.compile(r"[A-Za-z0-9_]{1,64}")
_LONGEST_SCHEMA = 600
_DEFINITIONS = ("$defs", "definitions")
_COUNTS = {"Length": "characters", "Items": "items", "Properties": "keys"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedParameter:
    """One argument of a function as a parameter of its tool."""

    name: str
    argument: str
    """The argument's name in the function's schema; differs from `name` where Dify or a model would refuse it."""
    kind: Kind
    holds_json: bool
    """The argument is not the parameter's text itself: the text holds it as JSON."""
    required: bool
    schema: Mapping[str, Any]
    """The argument's own schema, with the definitions that it refers to."""
    options: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """What the schema says about it."""
        said = str(self.schema.get("description") or self.schema.get("title") or f"The argument {self.argument}")
        return " ".join(said.split()).rstrip(".。")

    @property
    def llm_description(self) -> str:
        """What a model reads: meaning, form, bounds, default, one example."""
        default = self.schema.get("default")
        left_out = "" if self.required else f" Default: {'none' if default is None else self._shown(default)}."
        return f"{self.description}. {self.form}{self._shape_in_full}{left_out} Example: {self.example}"

    @property
    def form(self) -> str:
        """Type and bounds, in words."""
        if self.options:
            return f"One of: {', '.join(self.options)}."
        if self.holds_json:
            return "JSON, written as a string."
        noun = {"string": "A text", "boolean": "true or false"}.get(self.kind, "A number")
        if self._type == "integer":
            noun = "A whole number"
        return f"{' '.join([noun, *_bounds(self.schema)])}."

    @property
    def _shape_in_full(self) -> str:
        """The schema of what the JSON holds, where it is not too long to be read."""
        own = {key: value for key, value in self.schema.items() if key not in ("description", "title", "default", "examples")}
        written = json.dumps(own, ensure_ascii=False, default=str)
        fits = self.holds_json and not self.options and own and len(written) <= _LONGEST_SCHEMA
        return f" Its JSON Schema: {written}." if fits else ""

    @property
    def example(self) -> str:
        """A value that fits, as it is written into the parameter."""
        if self.options:
            return self.options[0]
        return self._shown(json.loads(write_example(self.schema)))

    @property
    def _type(self) -> object:
        return _type_of(self.schema)

    def _shown(self, value: object) -> str:
        return value if isinstance(value, str) and not self.holds_json else json.dumps(value, ensure_ascii=False, default=str)


def parameters_of(schema: Mapping[str, Any]) -> list[TypedParameter]:
    """A parameter for each argument that the schema names; none where it names none: the arguments then stay one JSON object."""
    root = followed(schema, schema)
    properties = root.get("properties") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or not isinstance(properties, Mapping):
        return []
    definitions = {key: schema[key] for key in _DEFINITIONS if key in schema}
    required = root.get("required") or ()
    unnamed = {argument: {} for argument in required if argument not in properties}  # without them no call would fit
    return list(_named({**properties, **unnamed}, definitions, required, schema))


def _named(
    properties: Mapping[str, Any],
    definitions: Mapping[str, Any],
    required: Collection[str],
    root: Mapping[str, Any],
) -> Iterator[TypedParameter]:
    kept = {str(argument) for argument in properties if _USABLE.fullmatch(str(argument))} - RESERVED
    taken = kept | RESERVED
    for argument, given in properties.items():
        own = followed(given, root)
        own = own if isinstance(own, Mapping) else {}
        referring = {**own, **definitions} if "$ref" in json.dumps(own, default=str) else own
        kind, holds_json, options = _shape(own)
        name = str(argument) if argument in kept else _name(str(argument), taken)
        taken.add(name)
        yield TypedParameter(
            name=name,
            argument=str(argument),
            kind=kind,
            holds_json=holds_json,
            required=argument in required,
            schema=referring,
            options=options,
        )


def _name(argument: str, taken: set[str]) -> str:
    """A name like the argument's own, which Dify or models would not take, or which a parameter of every tool has."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", argument).strip("_")[:50] or "argument"
    name = f"argument_{plain}" if plain in RESERVED else plain
    return next(each for each in (name, *(f"{name}_{number}" for number in range(2, 1_000))) if each not in taken)


def _shape(schema: Mapping[str, Any]) -> tuple[Kind, bool, tuple[str, ...]]:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list) and values and all(_can_be_option(value) for value in values):
        texts = all(isinstance(value, str) for value in values)
        return "select", not texts, tuple(value if texts else json.dumps(value, ensure_ascii=False) for value in values)
    match _type_of(schema):
        case "string":
            return "string", False, ()
        case "integer" | "number":
            return "number", False, ()
        case "boolean":
            return "boolean", False, ()
    return "string", True, ()


def _can_be_option(value: object) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and 0 < len(value.strip()) < 128)


def _type_of(schema: Mapping[str, Any]) -> object:
    """The one type that an argument may have, null aside; None: several, or it is not said."""
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    given = [kind for kind in kinds if kind != "null"] if isinstance(kinds, list) else []
    return given[0] if len(given) == 1 else None


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    for keyword, words in (
        ("minimum", "of at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "of at most"),
        ("exclusiveMaximum", "below"),
        ("multipleOf", "that is a multiple of"),
    ):
        if keyword in schema:
            yield f"{words} {schema[keyword]}"
    for what, unit in _COUNTS.items():
        for bound, words in (("min", "at least"), ("max", "at most")):
            if f"{bound}{what}" in schema:
                yield f"of {words} {schema[f'{bound}{what}']} {unit}"
    if "format" in schema:
        yield f"in the format {schema['format']}"
    if "pattern" in schema:
        yield f"that matches {schema['pattern']}"
