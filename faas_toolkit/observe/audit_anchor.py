"""Heads of chains kept elsewhere, so that a cut tail, a chain removed whole or a database set back to a backup shows.

One document for each workspace and key: the last known head of each writer. It is sealed with the workspace's key and kept in two
places: a file in the data directory (each second), and Dify's storage, which neither the disk nor the database holds (each
minute, by a call). Places have no compare-and-set, so what a writer loses to another one at the same moment it says again
with its next head.
"""

import json
from collections.abc import Mapping

from faas_toolkit.core.host import KeyValueStorage
from faas_toolkit.core.immutable import immutable
from faas_toolkit.observe.audit_chain import Head, key_id
from faas_toolkit.state.cipher import Cipher

MAX_HEADS = 500
"""The ones written last; each chain begins by naming the ones before it, so the others stand in the chains themselves."""

_NAME = "heads"


@immutable
class AnchoredHead:
    """A head and when it stood there."""

    head: Head
    time: float
    """Epoch seconds."""


type Heads = Mapping[str, AnchoredHead]
"""By writer."""


class AnchorDamaged(Exception):
    """What stands in the place was changed, or sealed with another key."""


def place_of(cipher: Cipher) -> str:
    """The document's name in a place."""
    return f"faas_toolkit_audit_{key_id(cipher)}_{cipher.blind(_NAME)[:32]}"


def load(place: KeyValueStorage, cipher: Cipher) -> Heads:
    """The heads that the place holds.

    Raises:
        Unavailable: it does not answer.
        AnchorDamaged: its document cannot be opened.
    """
    sealed = place.get(place_of(cipher))
    if sealed is None:
        return {}
    plain = cipher.open(_NAME, sealed)
    if plain is None:
        raise AnchorDamaged
    return {writer: AnchoredHead(Head(sequence, hashed), time) for writer, (sequence, hashed, time) in json.loads(plain).items()}


def store(place: KeyValueStorage, cipher: Cipher, heads: Heads, *, oldest: float) -> None:
    """Adds heads to what the place holds; those from before `oldest` (epoch seconds) go, as their rows do.

    A document that cannot be opened stays as it is: it is evidence.

    Raises:
        Unavailable: it does not answer.
        AnchorDamaged: as `load`.
    """
    merged = dict(load(place, cipher))
    for writer, anchored in heads.items():
        if writer not in merged or merged[writer].head.sequence < anchored.head.sequence:
            merged[writer] = anchored
    kept = sorted((item for item in merged.items() if item[1].time >= oldest), key=lambda item: -item[1].time)[:MAX_HEADS]
    document = {writer: (each.head.sequence, each.head.hash, each.time) for writer, each in kept}
    place.set(place_of(cipher), cipher.seal(_NAME, json.dumps(document).encode()))
