"""`${secret:name}` in a catalog: filled in from the setting `secrets` or from what the operator shares, and never shown.

A name stands for the setting's value first. The plugin inherits its daemon's environment, so a variable of it is read only where
the operator lists it in FAAS_TOOLKIT_SHARED_SECRETS (design.md §3.9).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faas_toolkit.catalog.findings import FoundAt, Path
from faas_toolkit.core.untrusted import nearest, printable

SHARED = "FAAS_TOOLKIT_SHARED_SECRETS"
SHORTEST = 6
"""Shorter values could not be removed from logs and answers without spoiling ordinary text."""

REFERENCE = re.compile(r"\$\{secret:([A-Za-z0-9_.-]{1,100})\}")
_MISWRITTEN = re.compile(
    r"\$\{\s{0,5}(?:secrets?|env|environment)\b[^}]{0,100}\}?|\$\{\{[^}]{0,100}\}?|\$secret:\w{1,100}", re.IGNORECASE
)

_MAX_FILLED = 4_000_000
"""Characters of all texts with secrets filled in: a long secret that is named thousands of times is a mistake or an attack."""
_TOO_MUCH = f"the texts with secrets filled in have more than {_MAX_FILLED:,} characters."


def available_secrets(secrets: Mapping[str, str], environment: Mapping[str, str]) -> Mapping[str, str]:
    """Every secret that the catalog may name."""
    shared = [name for name in re.split(r"[,\s]+", environment.get(SHARED, "")) if name in environment]
    return {name: environment[name] for name in shared} | dict(secrets)


@dataclass(slots=True)
class Filled:
    """A value with its references replaced."""

    value: Any = None
    used: dict[str, str] = field(default_factory=dict)
    """The secrets that were named, with their values."""
    places: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    """Which secrets stand in which text."""
    problems: list[FoundAt] = field(default_factory=list)
    size: int = 0
    """Characters of the texts that were filled in."""


def fill_secrets(value: object, available: Mapping[str, str] | None) -> Filled:
    """The value with every `${secret:name}` replaced.

    Args:
        value: mappings, lists and scalars.
        available: all secrets by name; None: they are not at hand (a check on a developer's machine), and a stand-in is
            filled in for each.
    """
    filled = Filled()
    filled.value = _fill(value, (), available, filled)
    return filled


def _fill(value: object, path: Path, available: Mapping[str, str] | None, filled: Filled) -> object:
    if isinstance(value, Mapping):
        return {key: _fill(item, (*path, key), available, filled) for key, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, (*path, index), available, filled) for index, item in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value
    _note_miswritten(value, path, filled)
    names = tuple(dict.fromkeys(REFERENCE.findall(value)))
    if not names:
        return value
    filled.places[path] = names
    for name in names:
        _use(name, path, available, filled)
    filled.size += len(value) + sum(len(filled.used[name]) for name in REFERENCE.findall(value))
    if filled.size > _MAX_FILLED:
        if not any(problem.message == _TOO_MUCH for problem in filled.problems[-1:]):
            filled.problems.append(FoundAt(path, _TOO_MUCH, "Name long secrets fewer times."))
        return ""
    return REFERENCE.sub(lambda match: filled.used[match[1]], value)


def _use(name: str, path: Path, available: Mapping[str, str] | None, filled: Filled) -> None:
    if available is None:
        filled.used[name] = f"stand-in-for-{name}"
        return
    filled.used[name] = available.get(name, "")
    if name not in available:
        filled.problems.append(FoundAt(path, f"there is no secret {name}.", _how_to_add(name, available)))
    elif len(available[name]) < SHORTEST:
        filled.problems.append(
            FoundAt(
                path,
                f"the secret {name} is shorter than {SHORTEST} characters, too short to be kept out of logs and answers.",
                "Use a longer one.",
            )
        )


def _how_to_add(name: str, available: Mapping[str, str]) -> str:
    close = nearest(name, available)
    meant = f"Did you mean ${{secret:{close}}}? " if close else ""
    return f'{meant}Add it to the setting `secrets`, e.g. {{"{name}": "…"}}, or let the operator list it in {SHARED}.'


def _note_miswritten(text: str, path: Path, filled: Filled) -> None:
    for match in _MISWRITTEN.finditer(text):
        if not REFERENCE.fullmatch(match[0]):
            filled.problems.append(
                FoundAt(path, f"{printable(match[0])} is not a reference to a secret.", "Write ${secret:name}, without spaces.")
            )
            return
