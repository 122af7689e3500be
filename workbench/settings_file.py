"""Settings in a file, as the command line takes them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class UsageError(Exception):
    """The command cannot be run as it was given."""


def read(path: Path) -> Mapping[str, Any]:
    """The settings in a file, JSON or YAML: texts as Dify's form gives them."""
    text = path.read_text(encoding="utf-8")
    try:
        loaded = json.loads(text)  # first: YAML does not read every escape of JSON
    except ValueError:
        loaded = _yaml(path, text)
    if not isinstance(loaded, dict):
        raise UsageError(f'{path.name} must hold a mapping of settings, for example {{"default_role": "member"}}.')
    return {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in loaded.items()}


def _yaml(path: Path, text: str) -> object:
    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:  # its message may quote the text, and the text may be secrets
        raise UsageError(f"{path.name} is neither JSON nor YAML.") from None
