"""When the heads of chains are kept elsewhere, and what the places say when chains are verified."""

import logging
from collections.abc import Iterable
from typing import Literal

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.host import KeyValueStorage
from faas_toolkit.core.offload import Offload
from faas_toolkit.observe import audit_anchor
from faas_toolkit.observe.audit_anchor import AnchorDamaged, AnchoredHead
from faas_toolkit.observe.audit_chain import Head
from faas_toolkit.observe.audit_retention import Retention
from faas_toolkit.observe.audit_store import Chain
from faas_toolkit.observe.audit_verify import Evidence
from faas_toolkit.state.cipher import Cipher

type PlaceName = Literal["data directory", "Dify's storage"]

_EVERY_SECONDS: dict[PlaceName, float] = {"data directory": 1.0, "Dify's storage": 60.0}
_log = logging.getLogger("faas_toolkit.audit")


class Anchoring:
    """Keeps the heads of one writer.

    Args:
        writer: whose chains they are.
        clock: says when it is time again.
        offload: where the data directory is written.
        retention: says which heads are too old to be kept.
        directory: the place in the data directory; None: there is none.
    """

    def __init__(
        self, *, writer: str, clock: Clock, offload: Offload, retention: Retention, directory: KeyValueStorage | None
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._offload = offload
        self._retention = retention
        self._directory = directory
        self._complained: set[PlaceName] = set()

    def note(self, chains: Iterable[Chain], *, all_of_them: bool = False) -> None:
        """Keeps new heads in the data directory, each chain's at most once a second; `all_of_them`: without that bound."""
        place = self._directory
        due = [chain for chain in chains if place and self._due(chain, "data directory", at_once=all_of_them)]
        if place is not None and due:
            self._offload.run("sqlite", lambda: self._store_all(due, place))

    def anchor(self, chain: Chain, storage: KeyValueStorage) -> None:
        """Keeps the chain's head in the workspace's own storage, at most once a minute."""
        if self._due(chain, "Dify's storage"):
            self._store(chain, storage, "Dify's storage")

    def evidence(self, chain: Chain, storage: KeyValueStorage | None) -> Evidence:
        """What the places and this process know of the workspace's chains."""
        own = frozenset({(self._writer, chain.committed)} if chain.committed.sequence else ())
        known, directory, oldest = Evidence(own), self._directory, self._retention.oldest
        if directory is not None:
            known |= self._offload.run("sqlite", lambda: told_by(directory, "data directory", chain.cipher, oldest))
        if storage is not None:
            known |= told_by(storage, "Dify's storage", chain.cipher, oldest)
        return known

    def _due(self, chain: Chain, place: PlaceName, *, at_once: bool = False) -> bool:
        now = self._clock.monotonic()
        head, tried = chain.anchored.get(place, (Head(), float("-inf")))
        if head == chain.committed or (not at_once and now < tried + _EVERY_SECONDS[place]):
            return False
        chain.anchored[place] = (head, now)  # before anything yields, so that one call of many does it
        return True

    def _store_all(self, chains: Iterable[Chain], directory: KeyValueStorage) -> None:
        for chain in chains:
            self._store(chain, directory, "data directory")

    def _store(self, chain: Chain, place: KeyValueStorage, name: PlaceName) -> None:
        committed = chain.committed
        heads = {self._writer: AnchoredHead(committed, chain.time)}
        try:
            audit_anchor.store(place, chain.cipher, heads, oldest=self._retention.oldest)
        except (Unavailable, AnchorDamaged) as error:
            self._complain(name, error)
            return
        self._complained.discard(name)
        chain.anchored[name] = (committed, chain.anchored[name][1])

    def _complain(self, name: PlaceName, error: Exception) -> None:
        if name not in self._complained:
            self._complained.add(name)
            _log.warning("Heads of audit chains cannot be kept in %s: %s", name, type(error).__name__)


def told_by(place: KeyValueStorage, name: PlaceName, cipher: Cipher, oldest: float) -> Evidence:
    """What one place knows of a workspace's chains, without what is older than `oldest` (epoch seconds); never raises."""
    try:
        heads = audit_anchor.load(place, cipher)
    except Unavailable:
        return Evidence(problems=(f"the heads kept in {name} cannot be read now",))
    except AnchorDamaged:
        return Evidence(problems=(f"the heads kept in {name} were changed",))
    return Evidence(frozenset((writer, each.head) for writer, each in heads.items() if each.time >= oldest))
