"""The shape of a tool's parameters: defaults, types, bounds, closed sets, and errors that teach.

Dify fills no default, checks no bound, and passes unknown keys on (dify-behaviour.md §3.2), so every tool checks its own.
"""

import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from faas_toolkit.core.errors import InvalidInput, TooLarge

ParameterType = Literal["string", "integer", "number", "boolean", "select", "list", "object", "value", "file", "files"]

MAX_JSON_BYTES = 1_000_000
_TRUE = frozenset({"true", "yes", "1", "on", "y"})
_FALSE = frozenset({"false", "no", "0", "off", "n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter.

    `list` is a comma list (a JSON array or a list is taken too); `object` is a JSON object as text (a mapping is taken
    too); `value` is any JSON value as text.
    """

    name: str
    type: ParameterType = "string"
    required: bool = False
    default: object = None
    minimum: float | None = None
    maximum: float | None = None
    max_chars: int = 2_000
    options: tuple[str, ...] = ()
    """The values of a `select`, or the allowed items of a `list`."""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """The parameters of one operation."""

    parameters: tuple[Parameter, ...] = ()

    def check(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """The arguments with defaults filled in and every value of its own type.

        Raises:
            InvalidInput: naming every problem at once, each with what would be right.
            TooLarge: a text or JSON value above its bound.
        """
        problems = [self._unknown(name) for name in arguments if name not in self.names()]
        checked: dict[str, object] = {}
        for parameter in self.parameters:
            try:
                checked[parameter.name] = _check(parameter, arguments.get(parameter.name))
            except TooLarge:
                raise
            except InvalidInput as failure:
                problems.append(failure.message)
        if problems:
            raise InvalidInput(" ".join(problems), hint=self._hint())
        return checked

    def names(self) -> tuple[str, ...]:
        """The names of all parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    def _unknown(self, name: object) -> str:
        shown = printable(name)
        close = nearest(shown, self.names())
        if close:
            return f"There is no parameter {shown!r}; did you mean {close!r}?"
        return f"There is no parameter {shown!r}; the parameters are {', '.join(self.names()) or 'none'}."

    def _hint(self) -> str:
        examples = ", ".join(f"{p.name}={p.example}" for p in self.parameters if p.example and (p.required or p.default is None))
        return f"Example: {examples}." if examples else ""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if one is close."""
    close = difflib.get_close_matches(name[:100], list(names), n=1, cutoff=0.6)
    return close[0] if close else None


def printable(value: object, limit: int = 60) -> str:
    """A short form of an untrusted value that is safe inside a message: no control characters, no lone surrogates."""
    text = value if isinstance(value, str) else repr(value)[: limit * 4]
    shown = "".join(c if c.isprintable() else "�" for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"


def require_clean_text(text: str, what: str, max_chars: int) -> str:
    """The text itself, if it can be stored and sent anywhere.

    Raises:
        TooLarge: longer than `max_chars` characters.
        InvalidInput: it holds a lone surrogate or a null character.
    """
    if len(text) > max_chars:
        raise TooLarge(f"{what} has {len(text):,} characters; at most {max_chars:,} are taken.", hint=f"Shorten {what}.")
    if "\0" in text:
        raise InvalidInput(f"{what} holds a null character (U+0000); remove it.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{what} holds half of a character (a lone surrogate, U+{ord(text[error.start]):04X}) at position {error.start};"
            " send whole characters."
        ) from error
    return text


def parse_json(text: str, what: str) -> object:
    """The JSON value in a text of at most 1 MB; NaN and infinities are refused.

    Raises:
        TooLarge: above the bound.
        InvalidInput: not JSON; the message says where.
    """
    require_clean_text(text, what, MAX_JSON_BYTES)
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            " Write keys and texts in double quotes."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{what} is not JSON that can be used: it holds NaN, Infinity, or is nested too deeply.") from error
    require_clean_value(value, what)
    return value


def require_clean_value(value: object, what: str) -> None:
    """Checks every text and number inside a value.

    Raises:
        InvalidInput: a lone surrogate, a null character, NaN or an infinity, something JSON cannot say, or 64 levels.
        TooLarge: a text above 1 MB.
    """
    pending: list[tuple[object, int]] = [(value, 0)]
    while pending:
        item, depth = pending.pop()
        if depth > 64:
            raise InvalidInput(f"{what} is nested deeper than 64 levels.")
        if isinstance(item, str):
            require_clean_text(item, f"A text in {what}", MAX_JSON_BYTES)
        elif isinstance(item, float) and not math.isfinite(item):
            raise InvalidInput(f"{what} holds {item}, which JSON cannot say; use null or a number.")
        elif isinstance(item, Mapping):
            pending.extend((inner, depth + 1) for pair in item.items() for inner in pair)
        elif isinstance(item, (list, tuple)):
            pending.extend((inner, depth + 1) for inner in item)
        elif not (item is None or isinstance(item, (bool, int, float))):
            raise InvalidInput(f"{what} holds a {type(item).__name__}, which JSON cannot say.")


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _check(parameter: Parameter, given: object) -> object:
    if given is None or (isinstance(given, str) and not given.strip()):
        if parameter.required:
            raise InvalidInput(f"{parameter.name} is required and is empty.")
        return parameter.default
    return _CHECKS[parameter.type](parameter, given)


def _string(parameter: Parameter, given: object) -> str:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        given = str(given)  # models send ids as numbers
    if not isinstance(given, str):
        raise InvalidInput(f"{parameter.name} must be a text, got {type(given).__name__}.")
    return require_clean_text(given, parameter.name, parameter.max_chars).strip()


def _number(parameter: Parameter, given: object) -> float | int:
    try:
        number = float(given.strip()) if isinstance(given, str) and len(given) <= 40 else given
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise InvalidInput(f"{parameter.name} must be a number{_bounds(parameter)}, got {printable(given)!r}.")
    if parameter.type == "integer":
        if number != int(number):
            raise InvalidInput(f"{parameter.name} must be a whole number{_bounds(parameter)}, got {printable(given)}.")
        number = int(number)
    too_small = parameter.minimum is not None and number < parameter.minimum
    too_big = parameter.maximum is not None and number > parameter.maximum
    if too_small or too_big:
        raise InvalidInput(f"{parameter.name} must be a number{_bounds(parameter)}, got {printable(given)}.")
    return number


def _bounds(parameter: Parameter) -> str:
    if parameter.minimum is None and parameter.maximum is None:
        return ""
    if parameter.maximum is None:
        return f" of at least {parameter.minimum:g}"
    if parameter.minimum is None:
        return f" of at most {parameter.maximum:g}"
    return f" from {parameter.minimum:g} to {parameter.maximum:g}"


def _boolean(parameter: Parameter, given: object) -> bool:
    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else str(given) if isinstance(given, int) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInput(f"{parameter.name} must be true or false, got {printable(given)!r}.")


def _select(parameter: Parameter, given: object) -> str:
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in parameter.options:
        return word
    close = nearest(word, parameter.options)
    meant = f" Did you mean {close!r}?" if close else ""
    raise InvalidInput(f"{parameter.name} must be one of {', '.join(parameter.options)}, got {printable(given)!r}.{meant}")


def _list(parameter: Parameter, given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        text = require_clean_text(given, parameter.name, parameter.max_chars).strip()
        given = parse_json(text, parameter.name) if text.startswith("[") else text.split(",")
    if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) for item in given):
        raise InvalidInput(f"{parameter.name} must be a comma list of names, got {printable(given)!r}.")
    items = tuple(dict.fromkeys(require_clean_text(item, parameter.name, 200).strip() for item in given if item.strip()))
    if parameter.options:
        items = tuple(item.lower() for item in items)
        unknown = [item for item in items if item not in parameter.options]
        if unknown:
            raise InvalidInput(
                f"{parameter.name} takes {', '.join(parameter.options)}; {printable(unknown[0])!r} is none of them."
            )
    return items


def _object(parameter: Parameter, given: object) -> Mapping[str, object]:
    value = _value(parameter, given)
    if not isinstance(value, Mapping):
        example = f" Example: {parameter.example}" if parameter.example else ""
        raise InvalidInput(f"{parameter.name} must be a JSON object, got {printable(given)!r}.{example}")
    return value


def _value(parameter: Parameter, given: object) -> object:
    if isinstance(given, str):
        return parse_json(_without_fences(given), parameter.name)
    require_clean_value(given, parameter.name)
    if len(json.dumps(given)) > MAX_JSON_BYTES:
        raise TooLarge(f"{parameter.name} is larger than 1 MB of JSON.", hint=f"Send less in {parameter.name}.")
    return given


def _without_fences(text: str) -> str:
    """Models like to wrap JSON in a Markdown fence."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        return stripped.split("\n", 1)[1][:-3].strip()
    return stripped


def _files(parameter: Parameter, given: object) -> object:
    return given


_CHECKS: dict[ParameterType, Callable[[Parameter, object], object]] = {
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "select": _select,
    "list": _list,
    "object": _object,
    "value": _value,
    "file": _files,
    "files": _files,
}
