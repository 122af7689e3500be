"""What is sent to a function."""

import json

from faas_toolkit.core.errors import InvalidInput


def encode_payload(payload: object, what: str) -> bytes:
    """The payload as UTF-8 JSON.

    Raises:
        InvalidInput: it holds what JSON cannot say: NaN, half of a character, an object of another kind.
    """
    try:
        return json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        raise InvalidInput(
            f"The arguments for {what} cannot be written as JSON.", hint="Send texts, finite numbers, lists and objects only."
        ) from error
