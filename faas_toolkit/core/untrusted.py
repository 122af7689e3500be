"""Values from outside: showing them in a message, parsing them, and refusing what cannot be stored or sent."""

import difflib
import json
import math
import re
import reprlib
from collections.abc import Iterable, Mapping

from faas_toolkit.core.errors import InvalidInput, TooLarge

MAX_JSON_BYTES = 1_000_000
_MAX_DEPTH = 64
_MAX_INTEGER_BITS = 1_023
"""What a double can hold; Python alone goes further, and then fails on printing it."""
_OF_WORDS = "".join(map(chr, (*range(0x21, 0x7F), *range(0xFF01, 0xFF5F))))
"""What addresses, numbers and keys are written with; scripts without spaces are cut anywhere."""
_BAD_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""How JSON can spell a null character or half of a character (two halves may make a whole one, so it is only a suspicion)."""
_LONGEST_WORD = 400
"""Longer ones are no addresses or numbers; the beginning of a longer key is recognised."""
_OF_NUMBERS = "0123456789０１２３４５６７８９()+-. "


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if one is close."""
    close = difflib.get_close_matches(name[:100], list(names), n=1, cutoff=0.6)
    return close[0] if close else None


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """The end of a text that teaches, with a space before it; empty where no name is close."""
    close = nearest(str(name), names)
    return f" Did you mean {close!r}?" if close else ""


def printable(value: object, limit: int = 60) -> str:
    """A short form of an untrusted value that is safe inside a message: no control characters, no lone surrogates."""
    text = value if isinstance(value, str) else _represented(value)
    if len(text) <= limit and text.isprintable():
        return text
    shown = "".join(c if c.isprintable() else "�" for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[:limit] + "…"


def shortened(value: object, limit: int) -> str:
    """As `printable`, on one line, for what others say in words: where it is cut, no half address, number or key is left over."""
    text = " ".join((value if isinstance(value, str) else _represented(value)).split())
    shown = printable(text, limit)
    return shown if len(text) <= limit else shown[:limit].rstrip(_OF_WORDS).rstrip(_OF_NUMBERS) + " …"


def cut_short(text: str, limit: int) -> str:
    """The text, or its beginning and `…`, of at most so many characters; where it is cut, no half address, number or key is left.

    What is masked is found in whole values only, so whatever is cut before review is cut by this.
    """
    if len(text) <= limit:
        return text
    cut = text[: max(0, limit - 1)]
    whole = cut.rstrip(_OF_WORDS).rstrip(_OF_NUMBERS)
    return (whole if len(cut) - len(whole) < _LONGEST_WORD else cut) + "…"


def whole_characters(text: str) -> str:
    """The text with the halves of a character (surrogates) joined where both are there; a lone one becomes U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _represented(value: object) -> str:
    try:
        return reprlib.repr(value)  # bounded in depth and width
    except Exception:  # noqa: BLE001 - a foreign object's repr may raise anything; a whole number of 5,000 digits does
        return type(value).__name__


def json_size(value: object) -> int:
    """Bytes of the value as compact UTF-8 JSON; what JSON cannot say (a file) counts as nothing."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_mapping_or_nothing)
    return len(text.encode("utf-8", "surrogatepass"))


def _mapping_or_nothing(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else None


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
    """The JSON value in a text of at most 1 MB of UTF-8; NaN and infinities are refused.

    Raises:
        TooLarge: above the bound.
        InvalidInput: not JSON; the message says where.
    """
    require_clean_text(text, what, MAX_JSON_BYTES)
    if len(text.encode()) > MAX_JSON_BYTES:
        raise TooLarge(f"{what} is larger than 1 MB of JSON.", hint=f"Send less in {what}.")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            " Write keys and texts in double quotes."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{what} is not JSON that can be used: it holds NaN, Infinity, a number of thousands of digits,"
            " or is nested too deeply."
        ) from error
    # Only an escape can spell what the text itself was found not to hold; so its values need not be looked at one by one.
    if _BAD_ESCAPE.search(text):
        require_clean_value(value, what)
    else:
        _require_clean_numbers(value, what)
    return value


def _require_clean_numbers(value: object, what: str) -> None:
    """Checks depth and numbers of what was parsed from a text whose characters are known to be clean: six times as fast."""
    level, depth = [value], 0
    while level:
        if depth > _MAX_DEPTH:
            raise _too_deep(what)
        inner = [each for item in level for each in (item.values() if type(item) is dict else item if type(item) is list else ())]
        floats = [item for item in level if type(item) is float]
        whole = [item for item in level if type(item) is int]
        if not all(map(math.isfinite, floats)) or max(map(int.bit_length, whole), default=0) > _MAX_INTEGER_BITS:
            for number in (*floats, *whole):
                _require_clean_scalar(number, what)
        level, depth = inner, depth + 1


def require_clean_value(value: object, what: str) -> None:
    """Checks every text, key and number inside a value.

    Raises:
        InvalidInput: a lone surrogate, a null character, NaN or an infinity, something JSON cannot say, or 64 levels.
        TooLarge: a text above 1 MB, or more than a million values.
    """
    pending: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while pending:
        item, depth = pending.pop()
        seen += 1
        if depth > _MAX_DEPTH:
            raise _too_deep(what)
        if seen > MAX_JSON_BYTES:  # also ends on values that hold one inner list a great many times
            raise TooLarge(f"{what} holds more than a million values.", hint=f"Send less in {what}.")
        if isinstance(item, Mapping):
            _require_text_keys(item, what)
            pending.extend((inner, depth + 1) for inner in item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend((inner, depth + 1) for inner in item)
        else:
            _require_clean_scalar(item, what)


def _require_text_keys(mapping: Mapping[object, object], what: str) -> None:
    for key in mapping:
        if not isinstance(key, str):
            raise InvalidInput(f"{what} holds the key {printable(key)}, which is not a text; JSON takes only texts as keys.")
        require_clean_text(key, f"A key in {what}", MAX_JSON_BYTES)


def _require_clean_scalar(item: object, what: str) -> None:
    if isinstance(item, str):
        require_clean_text(item, f"A text in {what}", MAX_JSON_BYTES)
    elif isinstance(item, float):
        if not math.isfinite(item):
            raise InvalidInput(f"{what} holds {item}, which JSON cannot say; use null or a number.")
    elif isinstance(item, int):
        if item.bit_length() > _MAX_INTEGER_BITS:
            raise InvalidInput(f"{what} holds a whole number of more than 300 digits; send it as a text.")
    elif item is not None:
        raise InvalidInput(f"{what} holds a {type(item).__name__}, which JSON cannot say.")


def _too_deep(what: str) -> InvalidInput:
    return InvalidInput(f"{what} is nested deeper than {_MAX_DEPTH} levels.")


def _refuse_constant(name: str) -> object:
    raise ValueError(name)
