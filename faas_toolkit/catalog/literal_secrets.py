"""Secrets that someone wrote into the catalog itself.

A catalog is shown, compared, copied and hashed; a secret belongs into the setting `secrets`. Refused are any literal where only a
secret can stand, and anywhere else what has the shape of a known kind of token. Long random-looking texts are refused only where
nothing ordinary looks like them: mixed case with digits, dense, without separators.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

from faas_toolkit.catalog.findings import FoundAt, Path
from faas_toolkit.catalog.secret_references import REFERENCE

_SECRET_KEYS = frozenset(
    "bearer password passwd secret token api_key apikey access_key secret_key secret_access_key access_key_secret session_token"
    " client_secret private_key standard_webhook signing_secret function_key security_token".split()
)
_PROSE = frozenset({"describe", "description", "arguments", "result", "pattern", "words", "ca"})
"""Texts in which an example or a certificate may look random; known kinds of tokens are found there all the same."""

_KINDS = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")),
    ("a webhook secret", re.compile(r"\bwhsec_[A-Za-z0-9+/]{24,}")),
    ("an API key", re.compile(r"\b(?:sk|rk|pk)[-_](?:[A-Za-z0-9]{1,20}[-_]){0,3}[A-Za-z0-9]{20,}")),
    ("a GitHub token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})")),
    ("a GitLab token", re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}")),
    ("a Slack token", re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}")),
    ("a Google key", re.compile(r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{20,}")),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a HubSpot token", re.compile(r"\bpat-(?:na|eu|ap)\d-[0-9a-f-]{30,}")),
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{30,}")),
    ("a signed token (JWT)", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.")),
    ("an address with a password in it", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:[^\s/@]{1,200}@", re.IGNORECASE)),
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{32,512}")


def find_literal_secrets(value: object) -> Iterator[FoundAt]:
    """A finding for each text that should be a `${secret:name}`; the text itself is never in it."""
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
                yield FoundAt(path, f"{kind} stands here as a literal ({len(item)} characters).", _instead(path))


def _kind(text: str, path: Path) -> str | None:
    if not text:
        return None
    for kind, pattern in _KINDS:
        if pattern.search(text):
            return kind
    if _only_secrets_stand_at(path) and text.strip() and text.lower().strip() not in ("bearer", "basic", "token"):
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
    switches = sum(_class(a) != _class(b) for a, b in zip(text, text[1:], strict=False))
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
