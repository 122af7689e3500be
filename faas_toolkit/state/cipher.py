"""How a workspace's data is sealed before it rests anywhere: AES-256-GCM, one key for each purpose. Loaded on first use."""

import hashlib
import hmac
import os
from dataclasses import dataclass, field

from cachetools import LRUCache
from cryptography.exceptions import InvalidTag  # noqa: TID253 - this module is loaded on first use
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: TID253 - same
from cryptography.hazmat.primitives.hashes import SHA256  # noqa: TID253 - same
from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: TID253 - same

from faas_toolkit.core.call import Workspace

_FORMAT = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
"""Random; NIST SP 800-38D §8.3 allows 2^32 seals under one key: a hundred each second for 16 months."""
_HEADER_BYTES = 1 + _KEY_ID_BYTES + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Cipher:
    """Seals values of one workspace for one purpose. Immutable, so native threads may share it.

    An envelope is `format (1) | key id (4) | nonce (12) | ciphertext and tag`; the key id lets a later version hold several keys.
    """

    _bound_to: bytes
    """Purpose and workspace, as every value's associated data begins."""
    _key_id: bytes
    _names: bytes = field(repr=False)
    _values: AESGCM = field(repr=False)

    def seal(self, name: str, plain: bytes) -> bytes:
        """The envelope; it opens only under the same name."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + self._key_id + nonce + self._values.encrypt(nonce, plain, self._associated(name))

    def seal_equal(self, name: str, plain: bytes) -> bytes:
        """An envelope that is equal for equal values: who sees two can tell that, and no more. Opens as any other.

        The nonce is an HMAC of name and value; that two of 2^32 values share one has a chance of 2^-33.
        """
        nonce = hmac.digest(self._names, b"equal\0" + self._associated(name) + b"\0" + plain, "sha256")[:_NONCE_BYTES]
        return _FORMAT + self._key_id + nonce + self._values.encrypt(nonce, plain, self._associated(name))

    def open(self, name: str, sealed: bytes) -> bytes | None:
        """What was sealed under this name; None where it was changed, moved, cut, or sealed with another key."""
        if sealed[: 1 + _KEY_ID_BYTES] != _FORMAT + self._key_id:
            return None
        try:
            return self._values.decrypt(sealed[1 + _KEY_ID_BYTES : _HEADER_BYTES], sealed[_HEADER_BYTES:], self._associated(name))
        except (InvalidTag, ValueError):  # ValueError: the nonce was cut short
            return None

    def blind(self, name: str) -> str:
        """A name that can lie in the open: 64 hexadecimal digits, equal for equal names, telling nothing without the key."""
        return hmac.new(self._names, _encoded(name), hashlib.sha256).hexdigest()

    def _associated(self, name: str) -> bytes:
        return self._bound_to + _encoded(name)


class Keyring:
    """The ciphers of one purpose, by workspace. Used on the hub only; a `Cipher` may then be handed to another thread."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._ciphers: LRUCache[Workspace, Cipher] = LRUCache(256)

    def cipher(self, workspace: Workspace) -> Cipher:
        """The cipher of a workspace, derived from its key."""
        cipher = self._ciphers.get(workspace)
        if cipher is None:
            cipher = self._ciphers[workspace] = _derive(workspace, self._purpose)
        return cipher


def _derive(workspace: Workspace, purpose: str) -> Cipher:
    info = b"faas_toolkit/1/" + _encoded(purpose)
    material = HKDF(algorithm=SHA256(), length=64 + _KEY_ID_BYTES, salt=_encoded(workspace.id), info=info).derive(workspace.key)
    bound_to = b"".join(len(part).to_bytes(2) + part for part in (_encoded(purpose), _encoded(workspace.id)))
    return Cipher(bound_to, material[64:], material[32:64], AESGCM(material[:32]))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
