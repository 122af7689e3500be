"""What is said about a document: a flat object of texts, numbers, true or false, and lists of them."""

import math
from collections.abc import Mapping

from faas_toolkit.core.errors import InvalidInput, TooLarge
from faas_toolkit.core.untrusted import json_size, printable, require_clean_text

_MOST_FIELDS = 50
_MOST_ITEMS = 100
_MAX_BYTES = 20_000
_EXAMPLE = 'Example: {"department": "support", "year": 2026, "tags": ["refund", "EU"]}.'


def parse_metadata(given: Mapping[str, object] | None) -> dict[str, object] | None:
    """The metadata of a parameter, empty values left out; None where nothing was said.

    Raises:
        InvalidInput: a nested object, a value of another type, a name that cannot be filtered by.
        TooLarge: more than 50 fields or 20 kB.
    """
    if given is None:
        return None
    if len(given) > _MOST_FIELDS or json_size(given) > _MAX_BYTES:
        raise TooLarge(
            f"metadata takes at most {_MOST_FIELDS} fields and {_MAX_BYTES:,} bytes.", hint="Say less about the document."
        )
    return {_name(name): _value(name, value) for name, value in given.items() if value not in (None, "", [])}


def _name(name: object) -> str:
    text = str(name).strip()
    if not text or len(text) > 100:
        raise InvalidInput(f"The metadata field {printable(text)!r} is no name: write 1 to 100 characters.", hint=_EXAMPLE)
    return text


def _value(name: object, value: object) -> object:
    if isinstance(value, (list, tuple)):
        if len(value) > _MOST_ITEMS:
            raise InvalidInput(f"metadata.{printable(name)} takes at most {_MOST_ITEMS} items.", hint=_EXAMPLE)
        return [_scalar(name, item) for item in value]
    return _scalar(name, value)


def _scalar(name: object, value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, (int, float)) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        return require_clean_text(value, f"metadata.{printable(name)}", 2_000)
    raise InvalidInput(
        f"metadata.{printable(name)} must be a text, a number, true or false, or a list of these, got {printable(value)!r}.",
        hint=_EXAMPLE,
    )
