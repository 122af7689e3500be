"""Secrets that someone wrote into the catalog itself.

A catalog is shown, compared, copied and hashed; a secret belongs into the setting `secrets`. Refused are any literal where only a
secret can stand, and anywhere else what has the shape of a known kind of token. Long random-looking texts are refused only where
nothing ordinary looks like them: mixed case with digits, dense, without separators.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from faas_toolkit.catalog.findings import FoundAt, Path
from faas_toolkit.catalog.secret_references import REFERENCE

_SECRET_KEYS = frozenset(
    {
        "access_key",
        "access_key_secret",
        "api_key",
        "bearer",
        "client_secret",
        "function_key",
        "password",
        "private_key",
        "secret",
        "secret_access_key",
        "secret_key",
        "security_token",
        "session_token",
        "signing_secret",
        "standard_webhook",
        "token",
    }
)
_PROSE = frozenset({"describe", "description", "arguments", "result", "pattern", "words", "ca"})
"""Texts in which an example or a certificate may look random; known kinds of tokens are found there all the same."""

_KINDS = {  # counts are bounded, so that no text makes a pattern slow
    "a private key": r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----",
    "a webhook secret": r"\bwhsec_[A-Za-z0-9+/]{24}",
    "an API key": r"\b(?:sk|rk|pk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,3}[A-Za-z0-9]{20}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30}|github_pat_[A-Za-z0-9_]{30})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{20}",
    "a Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10}",
    "a Google key": r"\b(?:AIza[A-Za-z0-9_-]{30}|ya29\.[A-Za-z0-9_-]{20})",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a HubSpot token": r"\bpat-(?:na|eu|ap)\d-[0-9a-f-]{30}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30}",
    "a signed token (JWT)": r"\beyJ[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8}",
    "an address with a password in it": r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]{0,100}:[^\s/@]{1,200}@",
}
_KIND = re.compile("|".join(f"({pattern})" for pattern in _KINDS.values()))
_KIND_NAMES = tuple(_KINDS)
_SCANNED = 20_000
"""Characters at the start of each text in which known kinds of tokens are looked for."""
_SCHEMES = frozenset({"bearer", "basic", "token"})
"""What may stand beside a reference in the value of a header."""
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{32,512}")


def find_literal_secrets(value: object) -> Iterator[tuple[FoundAt, str]]:
    """A finding for each text that should be a `${secret:name}`, and that text, which is never in the finding."""
    pending: list[tuple[object, Path]] = [(value, ())]
    while pending:
        item, path = pending.pop()
        if isinstance(item, Mapping):
            pending += [(inner, (*path, key)) for key, inner in item.items()]
        elif isinstance(item, list):
            pending += [(inner, (*path, index)) for index, inner in enumerate(item)]
        elif isinstance(item, str) and item:
            kind = _kind(REFERENCE.sub("", item), path)
            if kind:
                yield FoundAt(path, f"{kind} stands here as a literal ({len(item)} characters).", _instead(path)), item


def _kind(text: str, path: Path) -> str | None:
    if not text.strip():
        return None
    match = _KIND.search(text, 0, _SCANNED)
    if match:
        return _KIND_NAMES[(match.lastindex or 1) - 1]
    if _only_secrets_stand_at(path) and text.strip().lower() not in _SCHEMES:
        return "a secret"
    if not _PROSE.intersection(path) and _TOKEN.fullmatch(text) and _looks_random(text):
        return "a text that looks like a secret"
    return None


def _only_secrets_stand_at(path: Path) -> bool:
    """Under `auth` at a key that can only hold a secret; a schema that has a property called `token` is none."""
    if "auth" not in path or _PROSE.intersection(path):
        return False
    return path[-1] in _SECRET_KEYS or path[-2:] == ("header", "value") or (len(path) > 1 and path[-2] == "keys")


def _looks_random(text: str) -> bool:
    classes = (str.islower, str.isupper, str.isdigit)
    if not all(any(check(character) for character in text) for check in classes):
        return False
    switches = sum(_class(a) != _class(b) for a, b in pairwise(text))
    if len(re.findall(r"\d+", text)) < 3:  # a long name in camel case ends in one number at most
        return False
    return _bits_per_character(text) >= 4.0 and switches >= len(text) * 0.4 and text.count("-") + text.count("_") <= 2


def _class(character: str) -> int:
    return 0 if character.islower() else 1 if character.isupper() else 2 if character.isdigit() else 3


def _bits_per_character(text: str) -> float:
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def _instead(path: Path) -> str:
    words = [str(part) for part in path if isinstance(part, str)]
    named = words[1] if len(words) > 2 and words[0] in ("functions", "crm") else words[-1] if words else "name"
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", named)[:60] or "name"
    return f'Write "${{secret:{name}}}" and put the value into the setting `secrets`: {{"{name}": "…"}}.'
