"""How a workspace's data is sealed before it rests anywhere: AES-256-GCM, one key for each purpose. Loaded on first use.

Which keys there are, and how they are exchanged: docs/encryption.md.
"""

import hmac
import os
from dataclasses import field

from cachetools import LRUCache
from cryptography.exceptions import InvalidTag  # noqa: TID253 - this module is loaded on first use
from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: TID253 - same
from cryptography.hazmat.primitives.hashes import SHA256  # noqa: TID253 - same
from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: TID253 - same

from faas_toolkit.core.call import NamedKey, Workspace
from faas_toolkit.core.immutable import immutable

_FORMAT = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
"""Random; NIST SP 800-38D §8.3 allows 2^32 seals under one key: a hundred each second for 16 months."""
KEY_HEADER_BYTES = 1 + _KEY_ID_BYTES
"""How much of an envelope tells with which key it was sealed."""
_HEADER_BYTES = KEY_HEADER_BYTES + _NONCE_BYTES


@immutable
class _Key:
    """One key of a workspace for one purpose."""

    id: str
    """As its administrator calls it."""
    header: bytes
    """How its envelopes begin."""
    values: AESGCM = field(repr=False)


@immutable(eq=False)
class Cipher:
    """Seals values of one workspace for one purpose. Immutable, so native threads may share it.

    An envelope is `format (1) | key id (4) | nonce (12) | ciphertext and tag`. The key id is computed from the key, so that no
    envelope can name another key than the one that sealed it, whatever an administrator calls it (decision 0016).
    """

    _bound_to: bytes
    """Purpose and workspace, as every value's associated data begins."""
    _keys: tuple[_Key, ...]
    """The first seals, all open."""
    _names: tuple[bytes, ...] = field(repr=False)
    """The first makes names; under the others earlier versions made them."""

    def seal(self, name: str, plain: bytes) -> bytes:
        """The envelope; it opens only under the same name."""
        key, nonce = self._keys[0], os.urandom(_NONCE_BYTES)
        return key.header + nonce + key.values.encrypt(nonce, plain, self._associated(name))

    def seal_equal(self, name: str, plain: bytes) -> bytes:
        """An envelope that is equal for equal values: who sees two can tell that, and no more. Opens as any other.

        The nonce is an HMAC of name and value; that two of 2^32 values share one has a chance of 2^-33.
        """
        key, associated = self._keys[0], self._associated(name)
        nonce = hmac.digest(self._names[0], b"equal\0" + associated + b"\0" + plain, "sha256")[:_NONCE_BYTES]
        return key.header + nonce + key.values.encrypt(nonce, plain, associated)

    def open(self, name: str, sealed: bytes) -> bytes | None:
        """What was sealed under this name; None where it was changed, moved, cut, or its key is not there any more."""
        for key in self._keys:
            if sealed[:KEY_HEADER_BYTES] == key.header:
                try:
                    return key.values.decrypt(
                        sealed[KEY_HEADER_BYTES:_HEADER_BYTES], sealed[_HEADER_BYTES:], self._associated(name)
                    )
                except (InvalidTag, ValueError):  # ValueError: the nonce was cut short
                    continue
        return None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the envelope names the key that seals now; any other one is to be sealed anew when it is used."""
        return sealed[:KEY_HEADER_BYTES] == self._keys[0].header

    def key_of(self, header: bytes) -> str | None:
        """The id of the key that the first `KEY_HEADER_BYTES` of an envelope name; None: it is none of these."""
        return next((key.id for key in self._keys if key.header == header), None)

    def blind(self, name: str) -> str:
        """A name that can lie in the open: 64 hexadecimal digits, equal for equal names, telling nothing without the key.

        It outlives every rotation of keys.
        """
        return _blinded(self._names[0], name)

    def blinds(self, name: str) -> tuple[str, ...]:
        """The name as `blind` makes it, and as versions did that made names from the key which sealed."""
        return tuple(_blinded(key, name) for key in self._names)

    def _associated(self, name: str) -> bytes:
        return self._bound_to + _encoded(name)


class Keyring:
    """The ciphers of one purpose, by workspace. Used on the hub only; a `Cipher` may then be handed to another thread."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._ciphers: LRUCache[Workspace, Cipher] = LRUCache(256)
        self._last: tuple[Workspace, Cipher] | None = None
        """The one that was asked for last, as a call asks several times."""

    def cipher(self, workspace: Workspace) -> Cipher:
        """The cipher of a workspace, derived from its keys."""
        last = self._last
        if last is not None and (last[0] is workspace or last[0] == workspace):
            return last[1]
        cipher = self._ciphers.get(workspace)
        if cipher is None:
            cipher = self._ciphers[workspace] = _derive(workspace, self._purpose)
        self._last = workspace, cipher
        return cipher


def _derive(workspace: Workspace, purpose: str) -> Cipher:
    own = NamedKey(workspace.key_id, workspace.key)
    materials = {named.id: _material(workspace.id, purpose, named.key) for named in (own, *workspace.older)}
    keys = tuple(_Key(key_id, _FORMAT + material[64:], AESGCM(material[:32])) for key_id, material in materials.items())
    root = _material(workspace.id, purpose, workspace.naming_key)[32:64]
    names = dict.fromkeys((root, *(material[32:64] for material in materials.values())))
    bound_to = b"".join(len(part).to_bytes(2) + part for part in (_encoded(purpose), _encoded(workspace.id)))
    return Cipher(bound_to, keys, tuple(names))


def _material(workspace_id: str, purpose: str, key: bytes) -> bytes:
    """32 bytes for values, 32 for names, 4 of the key id."""
    info = b"faas_toolkit/1/" + _encoded(purpose)
    return HKDF(algorithm=SHA256(), length=64 + _KEY_ID_BYTES, salt=_encoded(workspace_id), info=info).derive(key)


def _blinded(key: bytes, name: str) -> str:
    return hmac.digest(key, _encoded(name), "sha256").hex()


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
