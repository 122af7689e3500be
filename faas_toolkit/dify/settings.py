"""The provider's settings: from what an administrator typed into Dify's form to what a runtime is built from.

Each failure names its field, because the administrator sees exactly this text under the form.
"""

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache

from faas_toolkit.core.errors import Failure, InvalidInput
from faas_toolkit.core.untrusted import require_clean_text
from faas_toolkit.wiring import RuntimeSettings

FIELDS = ("catalog", "secrets", "encryption_key", "identity_keys", "default_role", "database_url", "redis_url")
MAX_CATALOG_CHARS = 1_000_000
_KEY_BYTES = 32
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


def _encryption_key(text: str) -> bytes | None:
    """The key that encrypts now: the first of `id:key,id:key`, or the only one."""
    if not text:
        return None
    first = text.split(",", maxsplit=1)[0].strip()
    encoded = first.split(":", 1)[1] if ":" in first else first
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_BYTES:
        raise SettingInvalid(
            "Setting 'encryption_key' must be 32 bytes in base64 (44 characters).",
            hint="Make one with: openssl rand -base64 32",
        )
    return key


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
