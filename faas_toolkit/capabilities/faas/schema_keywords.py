"""Keywords of JSON Schema that cannot hang the process, in place of the library's.

A catalog is written by a tenant, and one thread serves all workspaces. The library applies patterns with a backtracking engine
(also inside `additionalProperties`), compares array items pairwise, and follows references without a bound, so that thirty
definitions that name each other twice take 2^30 steps. Loaded on first use.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import re2  # noqa: TID253 - this module is loaded on first use
from jsonschema import Draft202012Validator, validators  # noqa: TID253 - same
from jsonschema.exceptions import ValidationError  # noqa: TID253 - same

from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.untrusted import printable

MAX_REFERENCES = 20_000
"""References followed in one check; a document of 1 MB that fits needs fewer."""

UNSUPPORTED = {
    "unevaluatedProperties": "additionalProperties: false",
    "unevaluatedItems": "items",
}
"""Keywords that need unbounded work, with what says nearly the same."""

type Keyword = Callable[[Any, Any, Any, Any], Iterable[Any]]


class TooManyReferences(Exception):
    """The schema's references multiply beyond the bound."""


class ReferenceBudget:
    """Counts the references that one check follows."""

    def __init__(self) -> None:
        self.left = MAX_REFERENCES

    def bounded(self, keyword: str) -> Keyword:
        """The library's keyword, counted."""
        follow: Keyword = Draft202012Validator.VALIDATORS[keyword]

        def check(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - the library's port
            self.left -= 1
            if self.left < 0:
                raise TooManyReferences
            yield from follow(validator, reference, instance, schema) or ()

        return check


def make_validator_class(budget: ReferenceBudget) -> Any:  # noqa: ANN401 - a class that the library makes
    """JSON Schema 2020-12 with the keywords of this file."""
    extend: Any = validators.extend  # the library types it only in part
    return extend(
        Draft202012Validator,
        {
            "$ref": budget.bounded("$ref"),
            "$dynamicRef": budget.bounded("$dynamicRef"),
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _additional_properties,
            "uniqueItems": _unique_items,
            **dict.fromkeys(UNSUPPORTED, _unsupported),
        },
    )


@lru_cache(maxsize=1_024)
def compile_pattern(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    """The pattern on an engine that needs linear time. Raises ValueError that teaches."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(
            f"the pattern {printable(pattern)!r} is not one that RE2 takes: it knows no look-around and no back-references"
        ) from error


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - the library's port
    if isinstance(instance, str) and not compile_pattern(pattern).search(instance):
        yield ValidationError(f"{printable(instance)!r} does not match {printable(pattern)!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - same
    if not isinstance(instance, Mapping):
        return
    for pattern, subschema in patterns.items():
        compiled = compile_pattern(pattern)
        for name, value in instance.items():
            if compiled.search(name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, subschema: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - same
    if not isinstance(instance, Mapping):
        return
    known = schema.get("properties", {})
    patterns = [compile_pattern(pattern) for pattern in schema.get("patternProperties", {})]
    extra = [name for name in instance if name not in known and not any(pattern.search(name) for pattern in patterns)]
    if subschema is False and extra:
        names = ", ".join(repr(printable(name)) for name in extra[:5])
        yield ValidationError(
            f"{names} {'is' if len(extra) == 1 else 'are'} not allowed; allowed: {', '.join(known) or 'nothing'}"
        )
    elif isinstance(subschema, Mapping):
        for name in extra:
            yield from validator.descend(instance[name], subschema, path=name)


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - same
    if wanted and isinstance(instance, (list, tuple)):
        seen: set[str] = set()
        for index, item in enumerate(instance):
            spelling = canonical_json(_with_equal_numbers(item))
            if spelling in seen:
                yield ValidationError(f"item {index} is there twice")
                return
            seen.add(spelling)


def _with_equal_numbers(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """JSON Schema calls 1 and 1.0 equal (2020-12, core §4.2.2), but not 1 and true."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _with_equal_numbers(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_equal_numbers(inner) for inner in value]
    return value


def _unsupported(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ANN401 - the library's port
    yield ValidationError("the schema uses a keyword that is not supported here; its owner has to repair it")
