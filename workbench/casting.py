"""How Dify casts a value to the type of a parameter before it calls a tool (dify-behaviour 3.2, measured on 1.14.2)."""

import json
from collections.abc import Callable, Mapping
from typing import Any


def cast(kind: str, value: object) -> object:
    """The value as a plugin receives it for a parameter of this type; raises `ValueError` in Dify's words."""
    return _CASTS.get(kind, str)(value)


def _as_text(value: object) -> str:
    return "" if value is None else str(value)


def _as_boolean(value: object) -> bool:
    if isinstance(value, str) and value.lower() in ("false", "no", "n", "0"):
        return False
    return bool(value)


def _as_number(value: object) -> float | int | None:
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and value:
        return float(value) if "." in value else int(value)
    return None


def _as_list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    parsed = _parsed(value)
    return parsed if isinstance(parsed, list) else [value]


def _as_object(value: object) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    parsed = _parsed(value)
    return parsed if isinstance(parsed, dict) else {}


def _as_selector(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("The selector must be a dictionary.")
    return value


def _as_file(value: object) -> object:
    if isinstance(value, list):
        if len(value) != 1:
            raise ValueError("This parameter only accepts one file but got multiple files while invoking.")
        return value[0]
    return value


def _parsed(value: object) -> object:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None


_CASTS: Mapping[str, Callable[[Any], object]] = {
    "string": _as_text,
    "secret-input": _as_text,
    "select": _as_text,
    "dynamic-select": _as_text,
    "checkbox": _as_text,
    "boolean": _as_boolean,
    "number": _as_number,
    "array": _as_list,
    "object": _as_object,
    "any": lambda value: value,
    "file": _as_file,
    "files": lambda value: value if isinstance(value, list) else [value],
    "model-selector": _as_selector,
    "app-selector": _as_selector,
}


def model_type(kind: str) -> str:
    """The type as Dify names it to a model."""
    return "string" if kind in ("secret-input", "select", "checkbox") else kind
