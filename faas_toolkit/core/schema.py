"""The shape of a tool's parameters: defaults, types, bounds, closed sets, and errors that teach.

Dify fills no default, checks no bound, and passes unknown keys on (dify-behaviour.md §3.2), so every tool checks its own.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Literal

from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import (
    MAX_JSON_BYTES,
    did_you_mean,
    json_size,
    nearest,
    parse_json,
    printable,
    require_clean_text,
    require_clean_value,
)
from faas_toolkit.core.upload import Upload

ParameterType = Literal["string", "integer", "number", "boolean", "select", "list", "object", "value", "file", "files", "model"]

MAX_LIST_ITEMS = 1_000
MAX_FILES = 20
MAX_WHOLE_NUMBER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259 §6)."""
_NAMED_PROBLEMS = 5
_MODEL_NAME_CHARS = 200
"""Of a model of Dify, and of its provider: limits, breakers and texts carry the name."""
_LIST_COMMAS = re.compile("[,，、]")
_TRUE = frozenset({"true", "yes", "1", "on", "y"})
_FALSE = frozenset({"false", "no", "0", "off", "n"})


@immutable(kw_only=True)
class Parameter:
    """One parameter.

    `list` is a comma list (Chinese and Japanese commas, a JSON array or a list are taken too); `object` is a JSON object as
    text (a mapping is taken too); `value` is any JSON value as text; `model` is what Dify's model selector gives.
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


@immutable
class Shape:
    """The parameters of one operation."""

    parameters: tuple[Parameter, ...] = ()

    def check(self, arguments: Mapping[str, object]) -> dict[str, object]:
        """The arguments with defaults filled in and every value of its own type.

        Raises:
            InvalidInput: naming every problem at once, each with what would be right.
            TooLarge: a text or JSON value above its bound.
        """
        names = self.names()
        unknown = [name for name in arguments if name not in names]
        problems = [self._unknown(name) for name in unknown[:_NAMED_PROBLEMS]]
        if len(unknown) > _NAMED_PROBLEMS:
            problems.append(f"There are {len(unknown) - _NAMED_PROBLEMS:,} more unknown parameters.")
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


def _check(parameter: Parameter, given: object) -> object:
    if given is None and not parameter.required:  # as most are
        return parameter.default
    empty = given is None or (isinstance(given, str) and not given.strip())
    checked = parameter.default if empty else _CHECKS[parameter.type](parameter, given)
    if parameter.required and (empty or checked in ("", ())):
        raise InvalidInput(f"{parameter.name} is required and is empty.")
    return checked


def _string(parameter: Parameter, given: object) -> str:
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        require_clean_value(given, parameter.name)
        given = str(given)  # models send ids as numbers
    if not isinstance(given, str):
        raise InvalidInput(f"{parameter.name} must be a text, got {type(given).__name__}.")
    return require_clean_text(given, parameter.name, parameter.max_chars).strip()


def _number(parameter: Parameter, given: object) -> float | int:
    number = _parsed_number(given)
    if number is None:
        raise InvalidInput(f"{parameter.name} must be a number{_bounds(parameter)}, got {printable(given)!r}.")
    if parameter.type == "integer":
        if number != int(number) or abs(number) > MAX_WHOLE_NUMBER:
            raise InvalidInput(f"{parameter.name} must be a whole number{_bounds(parameter)}, got {printable(given)}.")
        number = int(number)
    too_small = parameter.minimum is not None and number < parameter.minimum
    too_big = parameter.maximum is not None and number > parameter.maximum
    if too_small or too_big:
        raise InvalidInput(f"{parameter.name} must be a number{_bounds(parameter)}, got {printable(given)}.")
    return number


def _parsed_number(given: object) -> float | int | None:
    try:
        number = float(given) if isinstance(given, str) and len(given) <= 40 else given
        usable = isinstance(number, (int, float)) and not isinstance(number, bool) and math.isfinite(number)
    except (ValueError, OverflowError):  # not a number, or a whole number that no double holds
        return None
    return number if usable else None  # type: ignore[return-value]  # `usable` has looked at the type


def _bounds(parameter: Parameter) -> str:
    if parameter.minimum is None and parameter.maximum is None:
        return ""
    if parameter.maximum is None:
        return f" of at least {parameter.minimum:.15g}"
    if parameter.minimum is None:
        return f" of at most {parameter.maximum:.15g}"
    return f" from {parameter.minimum:.15g} to {parameter.maximum:.15g}"


def _boolean(parameter: Parameter, given: object) -> bool:
    if isinstance(given, bool):
        return given
    word = given.strip().lower() if isinstance(given, str) else ""
    if isinstance(given, int) and given in (0, 1):
        return given == 1
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidInput(f"{parameter.name} must be true or false, got {printable(given)!r}.")


def _select(parameter: Parameter, given: object) -> str:
    word = given.strip().lower() if isinstance(given, str) else ""
    if word in parameter.options:
        return word
    meant = did_you_mean(word, parameter.options)
    raise InvalidInput(f"{parameter.name} must be one of {', '.join(parameter.options)}, got {printable(given)!r}.{meant}")


def _list(parameter: Parameter, given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        text = require_clean_text(given, parameter.name, parameter.max_chars).strip()
        given = parse_json(text, parameter.name) if text.startswith("[") else _LIST_COMMAS.split(text)
    if isinstance(given, (list, tuple)) and len(given) > MAX_LIST_ITEMS:
        raise TooLarge(f"{parameter.name} has {len(given):,} items; at most {MAX_LIST_ITEMS:,} are taken.")
    if not isinstance(given, (list, tuple)) or not all(isinstance(item, str) for item in given):
        raise InvalidInput(f"{parameter.name} must be a comma list of names, got {printable(given)!r}.")
    items = tuple(dict.fromkeys(require_clean_text(item, parameter.name, 200).strip() for item in given if item.strip()))
    if parameter.options:
        items = tuple(dict.fromkeys(item.lower() for item in items))
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
    if json_size(given) > MAX_JSON_BYTES:
        raise TooLarge(f"{parameter.name} is larger than 1 MB of JSON.", hint=f"Send less in {parameter.name}.")
    return given


def _without_fences(text: str) -> str:
    """Models like to wrap JSON in a Markdown fence."""
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        return stripped.split("\n", 1)[1][:-3].strip()
    return stripped


def _model(parameter: Parameter, given: object) -> Mapping[str, object]:
    selected = _object(parameter, given)
    if not all(isinstance(selected.get(key), str) and selected[key] for key in ("provider", "model")):
        raise InvalidInput(f"{parameter.name} must name a model of Dify; choose one in its selector.")
    for key in ("provider", "model"):
        require_clean_text(str(selected[key]), f"{parameter.name}.{key}", _MODEL_NAME_CHARS)
    return selected


def _files(parameter: Parameter, given: object) -> tuple[Upload, ...] | Upload | None:
    """Files as the host hands them on; an unset variable of files arrives as a list of one None (dify-daemon N18)."""
    items = [item for item in (given if isinstance(given, (list, tuple)) else [given]) if item is not None]
    if len(items) > MAX_FILES:
        raise InvalidInput(f"{parameter.name} takes at most {MAX_FILES} files, got {len(items):,}.")
    files = tuple(item for item in items if isinstance(item, Upload))
    if len(files) < len(items):
        raise InvalidInput(f"{parameter.name} takes files that the app hands on, got {printable(given)}; send a text as a text.")
    if parameter.type == "files":
        return files
    return files[0] if files else None


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
    "model": _model,
}
