"""How a workspace's settings reach its endpoints, which Dify does not give them.

A tool call that sees them new or changed seals them into Dify's storage, which the workspace's tools and endpoints share; an
endpoint with the same `encryption_key` opens them (tools.md §3). Where several sets of credentials are used in one workspace, the
one used last stands.
"""

import json
import logging
import zlib
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from faas_toolkit.core.call import STORED_KEY, NamedKey, Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.wiring import RuntimeSettings

if TYPE_CHECKING:
    from faas_toolkit.core.host import KeyValueStorage
    from faas_toolkit.state.cipher import Cipher

STORAGE_KEY = "faas_toolkit_settings"
MAX_SEALED_BYTES = 1_000_000
RETRY_SECONDS = 60.0
_REMEMBERED = 256
"""Workspaces; a catalog may have a million characters, and another look at storage takes a millisecond."""
_TOO_LARGE = b"too large"
_HOW_ELSE = "Or fill in the endpoint's own settings `catalog` and `secrets`."
_log = logging.getLogger(__name__)


class Handover:
    """Seals and opens, and remembers per workspace what it did last, so that storage is written only on a change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[RuntimeSettings, float]] = OrderedDict()
        self._opened: OrderedDict[str, tuple[bytes, RuntimeSettings]] = OrderedDict()

    def leave(self, settings: RuntimeSettings, workspace: Workspace, storage: "KeyValueStorage") -> None:
        """Seals the settings of a tool call for the workspace's endpoints; without an `encryption_key` nothing is left.

        A tool call never fails by it: what could not be stored is logged and tried again a minute later.
        """
        if not _keys(settings):
            return
        left, until = self._left.get(workspace.id, (None, 0.0))
        if left == settings and self._clock.monotonic() < until:
            return
        # said before it is done: calls at the same time would each write a catalog of up to a megabyte
        _remember(self._left, workspace.id, (settings, self._clock.monotonic() + RETRY_SECONDS))
        try:
            self._store(settings, workspace, storage)
            _remember(self._left, workspace.id, (settings, float("inf")))
        except Failure as failure:
            _log.warning("The catalog could not be left for endpoints: %s", failure.as_text())

    def take(self, own: RuntimeSettings, workspace: Workspace, storage: "KeyValueStorage") -> RuntimeSettings:
        """What an endpoint with these settings of its own works with.

        Its own catalog goes first, then what a tool call left; with neither a catalog nor a key, the shipped default.

        Raises:
            Unavailable: nothing was left yet, or it does not open with this key.
        """
        if own.catalog or not _keys(own):
            return own
        sealed = storage.get(STORAGE_KEY)
        if sealed is None:
            raise Unavailable(
                "No tool call has left this workspace's catalog for endpoints yet.",
                hint="Enter this encryption_key in the plugin's own settings too, and call any of its tools once. " + _HOW_ELSE,
                retryable=False,
            )
        known, opened = self._opened.get(workspace.id, (None, None))
        if known != sealed or opened is None or opened.encryption_key != own.encryption_key:
            opened = replace(_opened(sealed, workspace, own), encryption_key=own.encryption_key)
            _remember(self._opened, workspace.id, (sealed, opened))
        return opened

    def _store(self, settings: RuntimeSettings, workspace: Workspace, storage: "KeyValueStorage") -> None:
        cipher, plain = _cipher(workspace, settings), _packed(settings)
        stored = storage.get(STORAGE_KEY)
        if stored is None or not cipher.is_current(stored) or cipher.open(STORAGE_KEY, stored) != plain:
            storage.set(STORAGE_KEY, cipher.seal(STORAGE_KEY, plain))


def _packed(settings: RuntimeSettings) -> bytes:
    document = {
        "catalog": settings.catalog,
        "secrets": dict(settings.secrets),
        "identity_keys": settings.identity_keys,
        "default_role": settings.default_role,
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
    }
    packed = zlib.compress(json.dumps(document, ensure_ascii=False).encode())
    if len(packed) > MAX_SEALED_BYTES:
        _log.warning("The catalog is too large to be left for endpoints: %d bytes, compressed.", len(packed))
        return _TOO_LARGE
    return packed


def _opened(sealed: bytes, workspace: Workspace, own: RuntimeSettings) -> RuntimeSettings:
    packed = _cipher(workspace, own).open(STORAGE_KEY, sealed)
    if packed is None:
        raise Unavailable(
            "The catalog that a tool call left for this endpoint does not open with the endpoint's encryption_key.",
            hint="Enter the same encryption_key in the plugin's settings and in the endpoint's, then call any tool once. "
            + _HOW_ELSE,
            retryable=False,
        )
    if packed == _TOO_LARGE:
        raise Unavailable("The workspace's catalog is too large to be left for endpoints.", hint=_HOW_ELSE, retryable=False)
    document = json.loads(zlib.decompress(packed))
    try:
        secrets = tuple(sorted(document.pop("secrets").items()))
        return RuntimeSettings(secrets=secrets, **document)
    except (KeyError, TypeError) as error:
        raise Unavailable(
            "The catalog that a tool call left for this endpoint is one of another version of this plugin.",
            hint="Call any of the plugin's tools once. " + _HOW_ELSE,
            retryable=False,
        ) from error


def _keys(settings: RuntimeSettings) -> tuple[NamedKey, ...]:
    """The keys that an administrator entered: the stored one lies beside what it would seal."""
    return tuple(named for named in settings.encryption_key if named.id != STORED_KEY)


def _cipher(workspace: Workspace, settings: RuntimeSettings) -> "Cipher":
    from faas_toolkit.state.cipher import Keyring

    first, *older = _keys(settings)
    return Keyring("settings for endpoints").cipher(Workspace(workspace.id, first.key, first.id, tuple(older)))


def _remember[T](kept: OrderedDict[str, T], name: str, value: T) -> None:
    kept[name] = value
    kept.move_to_end(name)
    if len(kept) > _REMEMBERED:
        kept.popitem(last=False)
