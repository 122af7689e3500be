"""The provider's settings: from what an administrator typed into Dify's form to what a runtime is built from.

Each failure names its field, because the administrator sees exactly this text under the form.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache

from faas_toolkit.core.call import STORED_KEY, NamedKey
from faas_toolkit.core.errors import Failure, InvalidInput
from faas_toolkit.core.untrusted import require_clean_text
from faas_toolkit.wiring import RuntimeSettings

FIELDS = ("catalog", "secrets", "encryption_key", "identity_keys", "default_role", "database_url", "redis_url")
MAX_CATALOG_CHARS = 1_000_000
_KEY_BYTES = 32
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_ONLY_KEY = "key"
"""The id of a key that is written without one."""
_KEYS_EXAMPLE = "Example: new:<44 characters>,old:<44 characters>: the first seals, every one opens (docs/encryption.md)."
_SECRETS_EXAMPLE = 'Example: {"hubspot": "the token", "erp_url": "…"}'


class SettingInvalid(InvalidInput):
    """A setting of the provider cannot be used; the text names it."""


def parse_settings(credentials: Mapping[str, object]) -> RuntimeSettings:
    """The settings of one workspace; every field is optional. Equal credentials give the same object.

    Raises:
        SettingInvalid: naming the field and what would be right.
    """
    given = {name: value for name, value in credentials.items() if name in FIELDS and value not in (None, "")}
    for name, value in given.items():
        if not isinstance(value, str):
            raise SettingInvalid(f"Setting {name!r} must be a text, got {type(value).__name__}.")
    return _parse(tuple(sorted((name, str(value)) for name, value in given.items())))


@lru_cache(maxsize=64)
def _parse(given: tuple[tuple[str, str], ...]) -> RuntimeSettings:
    credentials = dict(given)
    return RuntimeSettings(
        catalog=_text(credentials, "catalog", MAX_CATALOG_CHARS),
        secrets=_secrets(_text(credentials, "secrets", MAX_CATALOG_CHARS)),
        encryption_key=_encryption_key(_text(credentials, "encryption_key", 10_000)),
        identity_keys=_text(credentials, "identity_keys", 100_000),
        default_role=_text(credentials, "default_role", 200) or "member",
        database_url=_text(credentials, "database_url", 2_000),
        redis_url=_text(credentials, "redis_url", 8_000),
    )


def _text(credentials: Mapping[str, str], name: str, max_chars: int) -> str:
    try:
        return require_clean_text(credentials.get(name, ""), f"Setting {name!r}", max_chars).strip()
    except Failure as failure:
        raise SettingInvalid(failure.message, hint=failure.hint) from failure


def _secrets(text: str) -> tuple[tuple[str, str], ...]:
    """One mapping of texts, as JSON or flow YAML; an unquoted number in YAML means its digits."""
    if not text:
        return ()
    from faas_toolkit.catalog.document import read_document
    from faas_toolkit.catalog.syntax import SyntaxProblem

    try:
        document = read_document(text)
    except SyntaxProblem:
        # from None: the parser's message may quote the text, and the text is secrets
        raise SettingInvalid("Setting 'secrets' is neither JSON nor flow YAML.", hint=_SECRETS_EXAMPLE) from None
    value = document.value
    if not isinstance(value, dict) or document.problems:
        raise SettingInvalid("Setting 'secrets' must be one JSON object of texts, each name once.", hint=_SECRETS_EXAMPLE)
    secrets = {name: document.written.get((name,), secret) for name, secret in value.items()}
    if not all(isinstance(secret, str) for secret in secrets.values()):
        raise SettingInvalid("Setting 'secrets' must be one JSON object of texts.", hint=_SECRETS_EXAMPLE)
    return tuple(sorted((name, str(secret)) for name, secret in secrets.items()))


def _encryption_key(text: str) -> tuple[NamedKey, ...]:
    """The keys in their order: the first seals. One alone needs no id; `stored` stands for the key in Dify's storage."""
    written = [item.strip() for item in text.split(",")] if text else []
    keys = tuple(_named_key(item, alone=len(written) == 1) for item in written)
    for number, named in enumerate(keys):
        for earlier in keys[:number]:
            if named.id == earlier.id:
                raise _key_invalid(f"names the id {named.id!r} twice; each key has an id of its own")
            if named.key == earlier.key:
                raise _key_invalid(f"holds one key under two ids, {earlier.id!r} and {named.id!r}; leave one of them out")
    return keys


def _named_key(written: str, *, alone: bool) -> NamedKey:
    if written == STORED_KEY:
        return NamedKey(STORED_KEY, b"")
    key_id, colon, encoded = written.rpartition(":")
    key_id = key_id.strip()
    if not colon and not alone:
        raise _key_invalid("holds several keys, and one of them has no id")
    if colon and (not _KEY_ID.fullmatch(key_id) or key_id == STORED_KEY):
        raise _key_invalid("has an id that cannot be used: an id is 1 to 32 letters, digits, - and _, and not `stored`")
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingInvalid(
            "Setting 'encryption_key' must be 32 bytes in base64 (44 characters)"
            + (f"; the key with the id {key_id!r} is not." if colon else "."),
            hint="Make one with: openssl rand -base64 32",
        )
    return NamedKey(key_id or _ONLY_KEY, key)


def _key_invalid(what: str) -> SettingInvalid:
    return SettingInvalid(f"Setting 'encryption_key' {what}.", hint=_KEYS_EXAMPLE)


def validate(credentials: Mapping[str, object]) -> None:
    """Checks the settings as the provider form does on saving: every field, and the catalog whole.

    Raises:
        CredentialsValidateFailedError: of the SDK, the one class whose text reaches the administrator unchanged.
    """
    from dify_plugin.errors.model import CredentialsValidateFailedError

    from faas_toolkit.dify import node

    try:
        configured = parse_settings(credentials)
        node.current().service.check(configured)
    except Failure as failure:
        raise CredentialsValidateFailedError(failure.as_text()) from None
