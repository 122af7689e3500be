"""What is JSON but beyond libyaml, e.g. an emoji as two escapes; without places, since only libyaml tells them."""

import json
import re
from collections import Counter
from collections.abc import Mapping

import yaml

from faas_toolkit.catalog.bounds import MAX_DEPTH, MAX_VALUES, finite, integer, lone_surrogate
from faas_toolkit.catalog.findings import FoundAt, Mark
from faas_toolkit.catalog.syntax import SyntaxProblem, bracket_hint, explained
from faas_toolkit.core.untrusted import printable


def read_json(text: str, yaml_error: yaml.YAMLError) -> tuple[object, list[FoundAt]]:
    """The value and what is wrong with it.

    Raises:
        SyntaxProblem: neither JSON nor YAML; told in the words of the one that it was meant to be.
    """
    problems: list[FoundAt] = []

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        built = dict(pairs)
        if len(built) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            problems.append(FoundAt((), f"the key {printable(twice)} stands twice in one object.", "Keep one of them."))
        return built

    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=_refuse, parse_float=finite, parse_int=integer)
    except json.JSONDecodeError as error:
        if not re.match(r"\s*\{\s*\"", text):
            raise explained(text, yaml_error) from yaml_error
        raise SyntaxProblem(
            f"it starts as JSON and is not: {error.msg}.", bracket_hint(text), Mark(error.lineno, error.colno)
        ) from error
    except (ValueError, RecursionError) as error:
        raise SyntaxProblem(
            "it holds NaN, Infinity or a number that is too long, or is nested too deeply.", "Write finite numbers."
        ) from error
    _require_bounded(value)
    return value, problems


def _refuse(name: str) -> object:
    raise ValueError(name)


def _require_bounded(value: object) -> None:
    pending: list[tuple[object, int]] = [(value, 0)]
    count = 0
    while pending:
        item, depth = pending.pop()
        count += 1
        if count > MAX_VALUES or depth > MAX_DEPTH:
            raise SyntaxProblem(f"it holds more than {MAX_VALUES:,} values or {MAX_DEPTH} levels.", "Shorten it.")
        if isinstance(item, Mapping):
            pending += [(inner, depth + 1) for pair in item.items() for inner in pair]
        elif isinstance(item, list):
            pending += [(inner, depth + 1) for inner in item]
        elif isinstance(item, str) and ("\0" in item or lone_surrogate(item) >= 0):
            raise SyntaxProblem("a text in it holds a null character or half of a character.", "Write whole characters.")
