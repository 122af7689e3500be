"""When rows go to the spool, and how they come back out of it: by this process, or after a crash by the next one."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.core.offload import Offload
from faas_toolkit.observe.audit_spool import Spool, SpoolFile, SpoolFull
from faas_toolkit.observe.audit_store import Chain, Chains, Entry
from faas_toolkit.observe.metrics import Metrics

_PORTION = 500
_LOOK_EVERY_SECONDS = 60.0
_LONGEST_LEFT_ALONE = 30.0
"""How long the database is left alone after it was away, doubled from 1 s."""
_log = logging.getLogger("faas_toolkit.audit")


class Spooling:
    """The spool as one writer uses it.

    Args:
        spool: the files.
        chains: of the writer.
        writer: who writes.
        clock: says when to look for files that a crash left.
        offload: what blocks runs on its pools.
        metrics: is told of lines that were torn.
        sync: whether a row must have reached the disk.
    """

    def __init__(
        self, *, spool: Spool, chains: Chains, writer: str, clock: Clock, offload: Offload, metrics: Metrics, sync: bool
    ) -> None:
        self._spool = spool
        self._chains = chains
        self._writer = writer
        self._clock = clock
        self._offload = offload
        self._metrics = metrics
        self._sync = sync
        self._looked: dict[str, float] = {}
        self._left: deque[tuple[Chain, SpoolFile]] = deque()
        self._pause = 0.0
        self._next_look = 0.0
        self.leaves_database_alone = False
        """Whether the database was away when it was asked last, so that rows go to disk without asking it."""
        self.usable = True
        """Whether the disk took the last rows."""

    def database_is_away(self) -> None:
        """It did not answer: it is left alone for a while, longer each time."""
        self.leaves_database_alone = True
        self._pause = min(max(2 * self._pause, 1.0), _LONGEST_LEFT_ALONE)
        self._next_look = self._clock.monotonic() + self._pause

    def database_is_back(self) -> None:
        """It answered."""
        self.leaves_database_alone = False
        self._pause = 0.0

    def must_look(self) -> bool:
        """Whether it is time that somebody looks whether the database is back; true once, then the asker says what it found."""
        due = self.leaves_database_alone and self._clock.monotonic() >= self._next_look
        if due:
            self._next_look = float("inf")
        return due

    def write(
        self, group: Sequence[Entry], *, commit: Callable[[Sequence[Entry]], Failure | None], drained: Callable[[], bool]
    ) -> tuple[Sequence[Entry], Failure | None]:
        """Writes a group into the database, or to disk; those that could not be kept, and why.

        Args:
            group: rows in their order.
            commit: writes rows into the database; what went wrong.
            drained: writes a portion of what waits on disk into the database; whether it did.
        """
        for chain in {entry.chain.workspace: entry.chain for entry in group}.values():
            self.look_for_left_behind(chain)
        while not self.usable and drained():
            pass  # the disk takes no more: only when it is empty do rows that follow go into the database
        alone = self.leaves_database_alone
        # Rows of a chain follow each other: where earlier ones wait on disk, so do these.
        direct = [entry for entry in group if not alone and not entry.chain.spool]
        behind = [entry for entry in group if alone or entry.chain.spool]
        failure = commit(direct) if direct else None
        if isinstance(failure, Unavailable):
            behind = list(group)
        elif failure is not None:
            for entry in direct:
                entry.failure = failure
        return self.keep(behind)

    def keep(self, entries: Sequence[Entry]) -> tuple[list[Entry], Failure | None]:
        """Writes the entries to disk; those for which that could not be done, and why."""
        if not entries:
            return [], None
        left: list[Entry] = []
        for chain, of_chain in _by_chain(entries):
            contents = [content for entry in of_chain if (content := self._chains.seal(entry)) is not None]
            try:
                self._offload.run("sqlite", partial(self._append, chain, contents))
            except (OSError, SpoolFull) as error:
                _log.error("Audit rows could not be spooled: %s", type(error).__name__)
                left += of_chain
            else:
                chain.safe = chain.end
        self.usable = not left
        if self.usable:
            return [], None
        return left, Unavailable(
            "The audit log's database is away, and its spool on disk is full or cannot be written.",
            hint="Bring the database back, or free space in the plugin's data directory.",
        )

    def look_for_left_behind(self, chain: Chain) -> None:
        """Takes over what a process that died left of this workspace, looked for once a minute."""
        now = self._clock.monotonic()
        if now < self._looked.get(chain.workspace, 0.0):
            return
        self._looked[chain.workspace] = now + _LOOK_EVERY_SECONDS
        found = self._offload.run("sqlite", lambda: list(self._spool.left_behind(chain.cipher)))
        self._left.extend((chain, file) for file in found)

    @property
    def waiting(self) -> bool:
        """Whether rows wait on disk."""
        return bool(self._left) or any(chain.spool for chain in self._chains.all())

    def drain(self) -> None:
        """Writes one portion of what waits on disk into the database; raises as `Database.write` does.

        Raises:
            OSError: a file cannot be read; one that was left behind is passed over.
        """
        own = next(((chain, chain.spool) for chain in self._chains.all() if chain.spool), None)
        chain, file = self._left[0] if self._left else own or (None, None)
        if chain is None or file is None:
            return
        try:
            contents = self._offload.run("sqlite", lambda: file.portion(_PORTION))
        except OSError:
            if self._left:
                self._left.popleft()
                file.close()
            raise
        if contents:
            try:
                self._chains.insert_spooled(contents, chain.workspace, file.writer)
            except BaseException:
                file.give_again()  # what is in the database already is passed over
                raise
        else:
            self._emptied(chain, file)

    def close(self) -> None:
        """Leaves the files to whoever comes next."""
        for _, file in self._left:
            file.close()
        for chain in self._chains.all():
            if chain.spool is not None:
                chain.spool.close()
                chain.spool = None
        self._left.clear()

    def _append(self, chain: Chain, contents: Sequence[str]) -> None:
        if chain.spool is None:
            chain.spool = self._spool.open(chain.cipher, self._writer)
        chain.spool.append(contents, sync=self._sync)

    def _emptied(self, chain: Chain, file: SpoolFile) -> None:
        if file.torn:
            _log.error("%d torn lines of spooled audit rows were dropped.", file.torn)
            self._metrics.audit_rows_lost(file.torn)
        self._offload.run("sqlite", file.remove)
        if self._left and self._left[0][1] is file:
            self._left.popleft()
        else:
            chain.spool, chain.committed, chain.unsure = None, chain.safe, True


def _by_chain(entries: Sequence[Entry]) -> list[tuple[Chain, list[Entry]]]:
    ordered = sorted(entries, key=lambda entry: entry.chain.workspace)  # stable: rows of a chain stay in order
    return [
        (of_chain[0].chain, of_chain) for _, each in groupby(ordered, lambda e: e.chain.workspace) if (of_chain := list(each))
    ]
