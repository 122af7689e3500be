"""What calls keep and share: counters, rows, kept answers; in this process and beside it, or on the servers a workspace names.

Everything in them carries the workspace's id, so workspaces with equal settings share connections and nothing else.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.offload import Offload
from faas_toolkit.core.outbound import Outbound

if TYPE_CHECKING:
    from faas_toolkit.state.base import Cells
    from faas_toolkit.state.cache.outcomes import Outcomes
    from faas_toolkit.state.cache.port import CacheStore
    from faas_toolkit.state.data_keys import DataKeys
    from faas_toolkit.state.sql import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Which servers a configuration names; equal settings share connections."""

    database_url: str = field(default="", repr=False)
    """Of PostgreSQL or MySQL; empty: SQLite in the data directory."""
    redis_url: str = field(default="", repr=False)
    """Empty: counters are kept in this process."""
    allow: tuple[str, ...] = ()
    """The catalog's `network.allow`: the servers' hosts pass the same guard as every other target."""


class Stores:
    """One set of stores, each part made on first use.

    Args:
        clock, offload, environment: of the process.
        directory: of the embedded stores.
        chosen: the servers in their place.
        embedded: whose parts stand in where no server is named; None: this is the embedded set itself.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        offload: Offload,
        environment: Mapping[str, str],
        directory: Path,
        chosen: StoreSettings | None = None,
        embedded: "Stores | None" = None,
    ) -> None:
        self._clock = clock
        self._offload = offload
        self._environment = environment
        self._directory = directory
        self._embedded = embedded
        self.chosen = chosen or StoreSettings()
        self.leases = 0
        """How many configurations use it; kept by who hands it out."""

    def with_servers(self, chosen: StoreSettings) -> "Stores":
        """Stores on these servers, with parts of this set where none is named."""
        return Stores(
            clock=self._clock,
            offload=self._offload,
            environment=self._environment,
            directory=self._directory,
            chosen=chosen,
            embedded=self,
        )

    @cached_property
    def cells(self) -> "Cells":
        """Limits, breakers and leases."""
        from faas_toolkit.state.memory import MemoryCells

        return MemoryCells(self._clock)

    @cached_property
    def database(self) -> "Database":
        """Records, audit rows and outcomes."""
        from faas_toolkit.state.sql import Database

        return Database(path=self._directory / "toolkit.sqlite", offload=self._offload)

    @cached_property
    def data_keys(self) -> "DataKeys":
        """Keys that are destroyed to erase what they sealed."""
        from faas_toolkit.state.data_keys import DataKeys

        return DataKeys(database=self.database, clock=self._clock, offload=self._offload)

    def of_epoch(self, store: "CacheStore") -> "CacheStore":
        """The store of kept answers, bound to the age of each workspace's cache: an erasure ends it."""
        from faas_toolkit.state.cache.epoch import EpochCache

        return EpochCache(store=store, keys=self.data_keys)

    @cached_property
    def memory_cache(self) -> "CacheStore":
        """Kept answers, in memory alone."""
        if self._embedded is not None:
            return self._embedded.memory_cache
        from faas_toolkit.state.cache.memory import MemoryCache

        return MemoryCache(clock=self._clock)

    @cached_property
    def cache_store(self) -> "CacheStore":
        """Kept answers: in memory, then sealed on disk."""
        from faas_toolkit.state.cache.disk import DiskCache
        from faas_toolkit.state.cache.tiers import TieredCache

        disk = DiskCache(path=self._directory / "cache.sqlite", clock=self._clock, offload=self._offload)
        return TieredCache(near=self.memory_cache, far=disk, offload=self._offload)

    @cached_property
    def outcomes(self) -> "Outcomes":
        """What effects under an idempotency key came to."""
        from faas_toolkit.state.cache.outcomes import Outcomes

        return Outcomes(database=self.database, clock=self._clock)

    @cached_property
    def outbound(self) -> Outbound:
        """The one outbound chain: targets that several runtimes ask pass the same gate."""
        from faas_toolkit.pipeline.outbound import build_outbound

        return build_outbound(cells=self.cells, clock=self._clock, random=random.random)

    def close(self) -> None:
        """Disconnects from the servers."""
