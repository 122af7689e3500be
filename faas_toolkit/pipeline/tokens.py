"""Tokens in the place of personal data: `[email:AQx…]`, which stands for the value without telling it.

A role whose mask is `token` is shown them; whoever has that mask, or `keep`, may send them as arguments again, and then what they
stand for goes to the capability. So a model hands a person's address from one tool to the next and never reads it
(docs/decisions/0021-tokens-for-values.md). Equal values of a workspace have equal tokens; those of another workspace do not open.

Opening tells nothing: what was opened is hidden again wherever it stands in the answer (`pipeline/masking.py`), and a token is
opened only where the detector finds the value again when it reads what stands there then. Where it would not (`a[phone:…]b` hides
a number in a word), the value could be stored and come back as something that no detector knows.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.detectors.text import Found
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.redaction import find_personal_data, texts_in

if TYPE_CHECKING:
    from faas_toolkit.state.cipher import Cipher

_LONGEST_VALUE = 200
"""Characters; what is longer (a private key) is no value that a tool is asked with."""
_MOST_OPENED = 100
"""Tokens in the arguments of one call: each is looked for in every text of the answer."""
_AROUND = 200
"""Characters on each side of a value that tell a detector what it is."""
_TOKEN = re.compile(rf"\[({'|'.join(DETECTORS)}):([A-Za-z0-9_-]{{40,1200}})\]", re.ASCII)


class Tokens:
    """The tokens of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @cached_property
    def _cipher(self) -> "Cipher":
        from faas_toolkit.state.cipher import Keyring

        return Keyring("review tokens").cipher(self._workspace)

    def seal(self, found: Found) -> str:
        """What is shown of a finding; the detector's name alone where it is too long, or several findings in one."""
        if len(found.text) > _LONGEST_VALUE or not found.whole:
            return f"[{found.detector}]"
        sealed = self._cipher.seal_equal(found.detector, found.text.encode("utf-8", "surrogatepass"))
        return f"[{found.detector}:{urlsafe_b64encode(sealed).decode().rstrip('=')}]"

    def open(self, detector: str, token: str) -> str | None:
        """The value behind a token; None where it is not one of this workspace and detector, or was changed."""
        try:
            plain = self._cipher.open(detector, urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        except ValueError:  # not base64
            return None
        return None if plain is None else plain.decode("utf-8", "surrogatepass")


class OpenedTokens:
    """Puts values in the place of the tokens in arguments, and remembers them.

    Args:
        tokens: those of the call's workspace.
        detectors: whose tokens are opened; all others are left as they are.
    """

    def __init__(self, tokens: Tokens, detectors: Iterable[str]) -> None:
        self._tokens = tokens
        self._detectors = frozenset(detectors)
        self.values: dict[str, str] = {}
        """What was opened, with its detector."""
        self.arguments: Mapping[str, object] = {}
        """What `open` made of the arguments."""

    def open(self, arguments: Mapping[str, object]) -> None:
        """Opens every token in them, in keys too.

        Raises:
            InvalidInput: a token does not open, or stands where its value would not be recognised.
        """
        may_hold = self._detectors and any("[" in text for text in texts_in(arguments))
        self.arguments = {name: self._value(value, name) for name, value in arguments.items()} if may_hold else arguments

    def _value(self, value: object, key: str = "") -> object:
        if isinstance(value, str):
            return self._text(value, key) if "[" in value else value
        if isinstance(value, Mapping):
            return {self._value(name): self._value(inner, str(name)) for name, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)([self._value(inner, key) for inner in value])
        return value

    def _text(self, text: str, key: str) -> str:
        pieces, position, length = [], 0, 0
        places: list[Found] = []
        for match in _TOKEN.finditer(text):
            if match[1] not in self._detectors or len(places) > _MOST_OPENED:
                continue
            opened = self._tokens.open(match[1], match[2])
            if opened is None:
                raise InvalidInput(
                    f"A token that begins with {match[0][: len(match[1]) + 8]} does not open: it was changed, or is of another"
                    " workspace.",
                    hint="Copy tokens whole, from [ to ], as an answer of this workspace gave them.",
                )
            pieces += [text[position : match.start()], opened]
            length += len(pieces[-2])
            places.append(Found(match[1], length, length + len(opened), opened))
            length += len(opened)
            position = match.end()
        if not places:
            return text
        whole = "".join(pieces) + text[position:]
        self._require_recognised(whole, places, key)
        self.values |= {place.text: place.detector for place in places}
        if len(self.values) > _MOST_OPENED:
            raise InvalidInput(f"There are more than {_MOST_OPENED} tokens in one call.", hint="Send fewer at a time.")
        return whole

    def _require_recognised(self, text: str, places: list[Found], key: str) -> None:
        for place in places:
            start, end = max(0, place.start - _AROUND), place.end + _AROUND
            found = find_personal_data(text[start:end], [place.detector], key if len(text) <= _AROUND else "")
            if not any(item.start <= place.start - start and place.end - start <= item.end for item in found):
                raise InvalidInput(
                    f"A token of {place.detector} stands where its value would not be recognised as one.",
                    hint="Let blanks stand around it, and before a number what it is:"
                    ' "Tel. [phone:…]", or {"phone": "[phone:…]"}.',
                )
