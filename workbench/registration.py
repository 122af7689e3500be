"""What a plugin sends a debug server before it serves, checked and refused as the daemon does (its `debugging_runtime`)."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.declaration import Declaration, declared
from workbench.wire import event_of

MAX_ASSET_BYTES = 50 * 1024 * 1024


class RegistrationRefused(Exception):
    """The daemon says why, as plain text, and closes the connection."""


class Registration:
    """The messages of one connection, in the order in which they came.

    Args:
        key: the debugging key that is right.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self.handshaken = False
        self.complete = False
        self.documents: dict[str, Any] = {}
        """By kind of message: manifest_declaration, tool_declaration, endpoint_declaration …"""
        self.assets: dict[str, bytes] = {}

    @property
    def declaration(self) -> Declaration:
        """What Dify knows of the plugin now; the first tool provider, as the daemon takes it.

        Raises:
            LookupError: a manifest or a tool provider has not come.
        """
        provider = self.documents["tool_declaration"][0]
        return declared(self.documents["manifest_declaration"], provider, provider["tools"])

    def take(self, line: bytes) -> None:
        """Takes one message.

        Raises:
            RegistrationRefused: with the daemon's words.
        """
        message = event_of(line)
        if message is None or not isinstance(message.get("type"), str):
            raise RegistrationRefused("handshake failed, invalid handshake message")
        try:
            self._act_on(message)
        except (KeyError, TypeError, AttributeError) as error:
            raise RegistrationRefused(f"{message['type']} failed, invalid data: {error!r}") from error

    def _act_on(self, message: Mapping[str, Any]) -> None:
        kind, data = message["type"], message["data"]
        if kind == "handshake":
            self._shake_hands(data)
        elif not self.handshaken:
            raise RegistrationRefused("handshake failed, registration message before handshake")
        elif kind == "asset_chunk":
            self._add_asset(data)
        elif kind == "end":
            self._finish()
        elif kind in self.documents:
            raise RegistrationRefused(f"{kind.removesuffix('_declaration')} declaration already registered")
        else:
            self.documents[kind] = data

    def _shake_hands(self, data: object) -> None:
        if self.handshaken:
            raise RegistrationRefused("handshake already completed")
        if not isinstance(data, dict) or not data.get("key"):
            raise RegistrationRefused("handshake failed, invalid handshake message")
        if data["key"] != self._key:
            raise RegistrationRefused("handshake failed, invalid key")
        self.handshaken = True

    def _add_asset(self, data: Mapping[str, Any]) -> None:
        if sum(map(len, self.assets.values())) + len(data["data"]) > MAX_ASSET_BYTES:
            raise RegistrationRefused("assets too large, at most 50MB")
        try:
            chunk = base64.b64decode(data["data"], validate=True)
        except binascii.Error as error:
            raise RegistrationRefused(f"assets decode failed, error: {error}") from error
        self.assets[data["filename"]] = self.assets.get(data["filename"], b"") + chunk

    def _finish(self) -> None:
        if not self.documents.keys() - {"manifest_declaration"}:
            raise RegistrationRefused("no registration transferred, cannot initialize")
        for name in self._icons():
            if name not in self.assets:
                raise RegistrationRefused(f"assets remap failed, invalid assets data, cannot remap: file not found: {name}")
        self.complete = True

    def _icons(self) -> Iterator[str]:
        """The files that must have come: the icons of the manifest and of the tool provider."""
        identities = [provider["identity"] for provider in self.documents.get("tool_declaration", [])[:1]]
        for holder in (self.documents.get("manifest_declaration") or {}, *identities):
            yield from (holder[key] for key in ("icon", "icon_dark") if holder.get(key))
