"""pydantic's errors in sentences for an administrator: what was found, what would be right, never a secret."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from faas_toolkit.catalog.findings import FoundAt, Path
from faas_toolkit.catalog.model_keys import choices_at, keys_at
from faas_toolkit.catalog.spec import LATER_KEYS, LATER_VALUES
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import nearest, printable

type Sentence = tuple[str, str]
"""What was found; what would be right."""

_LEAK = 8
"""So many characters of a secret in a message are too many; shorter secrets count whole."""


@immutable
class Problem:
    """One error of pydantic, with what the sentences need to know."""

    model: type[BaseModel]
    path: Path
    message: str
    context: Mapping[str, Any]
    found: str
    """What stands there, as it may be shown."""
    raw: object
    """What stands there, as it was written."""
    document: object
    """The whole, as it was written."""

    @property
    def key(self) -> str:
        """The last name of the path."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


class Sentences:
    """Translates the errors of one document.

    Args:
        model: the type that refused it.
        raw: the plain values before secrets were filled in.
        written: scalars as they were written, e.g. `1.10`.
        secret_places: the texts that name secrets; what stands in them is not shown as filled in.
        hidden: texts of which no part may appear.
    """

    def __init__(
        self,
        model: type[BaseModel],
        raw: object,
        *,
        written: Mapping[Path, str],
        secret_places: Mapping[Path, tuple[str, ...]],
        hidden: Iterable[str],
    ) -> None:
        self._model = model
        self._raw = raw
        self._written = written
        self._secret_places = secret_places
        self._hidden = tuple(text for text in hidden if text)

    def __call__(self, error: ValidationError, most: int) -> list[FoundAt]:
        """A finding for each of the first `most` errors, without those that only follow from another."""
        found = [self._finding(item) for item in error.errors(include_url=False, include_input=False)[:most]]
        return list(_without_consequences(found))

    def _finding(self, item: Any) -> tuple[str, FoundAt]:  # noqa: ANN401 - pydantic's ErrorDetails
        path, raw, at_key = self._locate(item["loc"], item["type"])
        problem = Problem(self._model, path, item["msg"], item.get("ctx", {}), self._shown(path, raw), raw, self._raw)
        message, hint = SENTENCES.get(item["type"], _other)(problem)
        if self._leaks(message + hint):
            message, hint = f"the value of {self._secrets_named(path)} is not right for this key.", ""
        return item["type"], FoundAt(path, message, hint, at_key=at_key)

    def _locate(self, location: tuple[str | int, ...], kind: str) -> tuple[Path, object, bool]:
        """The place in the document: pydantic also names the branches of unions, which the document does not have."""
        path: Path = ()
        value = self._raw
        for part in location:
            if isinstance(value, Mapping) and part in value:
                value = cast("Mapping[object, object]", value)[part]
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                continue
            path = (*path, part)
        if kind == "missing":
            return (*path, str(location[-1])), None, False
        return path, value, "[key]" in location or kind == "extra_forbidden"

    def _shown(self, path: Path, raw: object) -> str:
        if path in self._secret_places:
            return f"what {self._secrets_named(path)} stands for"
        if isinstance(raw, Mapping):
            return "keys with values"
        if isinstance(raw, list):
            return "a list"
        if raw is None:
            return "nothing"
        if not isinstance(raw, str):
            return printable(self._written.get(path) or str(raw).lower(), 40)
        return f'"{printable(raw, 40)}"' if raw else "an empty text"

    def _secrets_named(self, path: Path) -> str:
        names = [name for place, names in self._secret_places.items() if place[: len(path)] == path for name in names]
        return " and ".join(f"${{secret:{name}}}" for name in dict.fromkeys(names)) or "what stands here"

    def _leaks(self, text: str) -> bool:
        pieces = {text[start : start + _LEAK] for start in range(len(text) - _LEAK + 1)}
        return any(secret in text or any(piece in secret for piece in pieces) for secret in self._hidden)


def _without_consequences(found: list[tuple[str, FoundAt]]) -> Iterator[FoundAt]:
    """One finding for each place; a list that is short only because its items were refused is not told."""
    above = {item.path[:length] for _, item in found for length in range(len(item.path))}
    told: set[Path] = set()
    for kind, item in found:
        if item.path in told or (item.path in above and kind in _FOLLOWING):
            continue
        told.add(item.path)
        yield item


_FOLLOWING = frozenset(
    {"too_short", "literal_error", "list_type", "tuple_type", "string_type", "dict_type", "model_type", "none_required"}
)
"""What pydantic says of a place when the real error is inside of it: of other branches of a union, or of a list left empty."""


def _unknown_key(problem: Problem) -> Sentence:
    if problem.key in LATER_KEYS:
        return f"this version does not serve `{problem.key}` yet.", "Leave it out."
    known = keys_at(problem.model, problem.path[:-1], problem.document)
    close = nearest(problem.key, known)
    if close:
        return "there is no such key here.", f"Did you mean `{close}`?"
    return "there is no such key here.", f"The keys are {', '.join(known)}." if known else ""


def _missing(problem: Problem) -> Sentence:
    if problem.path == ("version",):
        return "it is missing.", "Write `version: 1` at the top."
    return "it is missing.", f"Write `{problem.key}: …` here."


def _text(problem: Problem) -> Sentence:
    if problem.raw is None:
        return "it is empty.", "Write a text, or leave the key out."
    if isinstance(problem.raw, (bool, int, float)):
        return f"{problem.found} is not a text.", f'Put it in quotes: "{problem.found}".'
    return f"a text belongs here, not {problem.found}.", ""


def _wanted(what: str, example: str) -> Callable[[Problem], Sentence]:
    def sentence(problem: Problem) -> Sentence:
        if problem.raw is None:
            return "it is empty.", f"Write {what}, e.g. {example}, or leave the key out."
        return f"{what} belongs here, not {problem.found}.", f"E.g. {example}."

    return sentence


def _mapping(problem: Problem) -> Sentence:
    known = keys_at(problem.model, problem.path, problem.document)
    example = f"{{{known[0]}: …}}" if known else "{name: …}"
    if problem.raw is None and len(problem.path) == 1:
        return "it is empty.", f"Write `{problem.key}: {{}}` for none, or leave the key out to keep the shipped default."
    if problem.raw is None:
        return "it is empty.", f"Write what belongs to it, e.g. {example}, or leave `{problem.key}` out."
    return f"keys with values belong here, not {problem.found}.", f"E.g. {example}."


def _choice(problem: Problem) -> Sentence:
    expected = str(problem.context.get("expected", problem.context.get("expected_tags", ""))).replace("'", "")
    if problem.path == ("version",):
        return f"{problem.found} is not a version that this plugin reads.", "Write `version: 1`."
    if isinstance(problem.raw, str) and problem.raw in LATER_VALUES.get(problem.key, ()):
        return f"this version does not serve {problem.found} yet.", f"It serves {expected}."
    if problem.raw is None:
        return "it is empty.", f"Write one of {expected}, or leave the key out."
    choices = expected.replace(" or ", ", ").split(", ")
    if not isinstance(problem.raw, str) and problem.found in choices:
        return f"{problem.found} is a number here, and a text belongs here.", f'Put it in quotes: "{problem.found}".'
    close = nearest(str(problem.raw), choices) if isinstance(problem.raw, str) else None
    return f"{problem.found} is not taken here.", f"{f'Did you mean {close}? ' if close else ''}It is one of {expected}."


def _branch(problem: Problem) -> Sentence:
    """A union that is told apart by one key; pydantic speaks of the section, the administrator looks for the key."""
    key = str(problem.context.get("discriminator", "")).strip("'")
    expected = str(problem.context.get("expected_tags", "")).replace("'", "")
    if not isinstance(problem.raw, Mapping):
        return _mapping(problem)
    value = problem.raw.get(key)
    if value is None:
        return (
            f"it does not say its `{key}`.",
            f"Write `{key}: …` with one of {', '.join(choices_at(problem.model, problem.path, key))}.",
        )
    shown = f'"{printable(value, 40)}"' if isinstance(value, str) else "what stands there"
    if isinstance(value, str) and value in LATER_VALUES.get(key, ()):
        return f"this version does not serve the {key} {shown} yet.", f"It serves {expected}."
    close = nearest(value, expected.split(", ")) if isinstance(value, str) else None
    return f"there is no {key} {shown}.", f"{f'Did you mean {close}? ' if close else ''}It is one of {expected}."


def _said(problem: Problem) -> Sentence:
    """Our own validators teach by themselves."""
    text = problem.message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message, _, hint = text.partition("; ")
    if isinstance(problem.raw, (str, int, float)) and printable(str(problem.raw), 40) not in message:
        message = f"{problem.found}: {message}"
    return f"{message}.", f"{hint[:1].upper()}{hint[1:]}." if hint else ""


def _bound(words: str, name: str) -> Callable[[Problem], Sentence]:
    def sentence(problem: Problem) -> Sentence:
        limit = problem.context.get(name)
        shown = f"{limit:g}" if isinstance(limit, (int, float)) else str(limit)
        return f"{problem.found} is out of bounds.", f"Write {words.format(shown)}."

    return sentence


def _length(problem: Problem) -> Sentence:
    context = problem.context
    if "min_length" in context:
        least = context["min_length"]
        return (
            f"{problem.found} is too short.",
            f"At least {least} {_things(problem, least)} belong{'s' if least == 1 else ''} here.",
        )
    most = context.get("max_length", 0)
    size = len(problem.raw) if isinstance(problem.raw, (str, list)) else 0
    return f"it has {size:,} {_things(problem, size)}.", f"At most {most:,} are taken."


def _things(problem: Problem, count: int) -> str:
    one = "character" if isinstance(problem.raw, str) else "item"
    return one if count == 1 else f"{one}s"


def _form(problem: Problem) -> Sentence:
    if problem.context.get("pattern") == _NAME_PATTERN:
        return "this is not a name that can be used.", "Names are letters, digits, _, - and ., at most 64, e.g. score_customer."
    return f"{problem.found} does not have the form that is taken here.", f"It fits the pattern {problem.context.get('pattern')}."


def _other(problem: Problem) -> Sentence:
    return f"{problem.found} is not taken here: {printable(problem.message, 150)}.", ""


_NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$"
_whole, _number = _wanted("a whole number", "5"), _wanted("a number", "0.5")
_bool, _list = _wanted("true or false", "true"), _wanted("a list", "[first, second]")

SENTENCES: Mapping[str, Callable[[Problem], Sentence]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "string_type": _text,
    "string_unicode": _text,
    "int_type": _whole,
    "int_parsing": _whole,
    "int_parsing_size": _whole,
    "int_from_float": _whole,
    "float_type": _number,
    "float_parsing": _number,
    "finite_number": _number,
    "bool_type": _bool,
    "bool_parsing": _bool,
    "list_type": _list,
    "tuple_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "literal_error": _choice,
    "union_tag_invalid": _branch,
    "union_tag_not_found": _branch,
    "value_error": _said,
    "assertion_error": _said,
    "greater_than": _bound("more than {}", "gt"),
    "greater_than_equal": _bound("at least {}", "ge"),
    "less_than": _bound("less than {}", "lt"),
    "less_than_equal": _bound("at most {}", "le"),
    "string_too_short": _length,
    "string_too_long": _length,
    "too_short": _length,
    "too_long": _length,
    "string_pattern_mismatch": _form,
    "none_required": _wanted("nothing", "null"),
}
"""How each type of error is said; a test proves that none which our types can produce is missing."""
