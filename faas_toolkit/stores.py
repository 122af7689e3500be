"""What calls keep and share: counters, rows, kept answers; in this process and beside it, or on the servers a workspace names.

Everything in them carries the workspace's id, so workspaces with equal settings share connections and nothing else.
"""

import random
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload, Spawn
from faas_toolkit.core.outbound import Outbound

if TYPE_CHECKING:
    from faas_toolkit.net.egress import EgressGuard
    from faas_toolkit.net.http import HardLimit, HttpClient
    from faas_toolkit.observe.audit_spool import Spool
    from faas_toolkit.observe.metrics import Metrics
    from faas_toolkit.state.base import Cells
    from faas_toolkit.state.cache.config import CacheConfig
    from faas_toolkit.state.cache.epoch import EpochCache
    from faas_toolkit.state.cache.outcomes import Outcomes
    from faas_toolkit.state.cache.port import CacheStore
    from faas_toolkit.state.cache.redis import RedisCache
    from faas_toolkit.state.cache.tiers import TieredCache
    from faas_toolkit.state.config import RedisGone
    from faas_toolkit.state.data_keys import DataKeys
    from faas_toolkit.state.redis.connection import RedisConnection
    from faas_toolkit.state.server_address import ServerAddress
    from faas_toolkit.state.sql import Database
    from faas_toolkit.state.sqlite_database import SqliteDatabase


@immutable(kw_only=True)
class StoreSettings:
    """Which servers a configuration names; equal settings share connections."""

    database_url: str = field(default="", repr=False)
    """Of PostgreSQL or MySQL; empty: SQLite in the data directory."""
    redis_url: str = field(default="", repr=False)
    """Empty: counters are kept in this process."""
    allow: tuple[str, ...] = ()
    """The catalog's `network.allow`: the servers' hosts pass the same guard as every other target."""
    redis_gone: "RedisGone" = "local_share"
    """The catalog's `state.redis_gone`."""


class Stores:
    """One set of stores, each part made on first use.

    Args:
        clock, offload, environment: of the process.
        directory: of the embedded stores.
        chosen: the servers in their place.
        embedded: whose parts stand in where no server is named; None: this is the embedded set itself.
        metrics: of the process; None: nothing is counted.
        hard_limit: of the process (`net.http.HardLimit`).
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
        metrics: "Metrics | None" = None,
        hard_limit: "HardLimit" = nullcontext,
    ) -> None:
        self._clock = clock
        self._offload = offload
        self._environment = environment
        self._directory = directory
        self._embedded = embedded
        self._metrics = metrics
        self._hard_limit = hard_limit
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
            metrics=self._metrics,
            hard_limit=self._hard_limit,
        )

    @property
    def databases(self) -> "tuple[tuple[Database, DataKeys], ...]":
        """Where rows are kept, with the keys beside them: the server and, as it may hold rows from before, the node's file."""
        mine = (self.database, self.data_keys)
        if self._embedded is None or self._embedded.database is self.database:
            return (mine,)
        return (mine, (self._embedded.database, self._embedded.data_keys))

    @cached_property
    def cells(self) -> "Cells":
        """Limits, breakers and leases; raises `InvalidInput` where the address of Redis is none."""
        if self.redis is not None:
            return self._shared_cells(self.redis)
        if self._embedded is not None:
            return self._embedded.cells
        from faas_toolkit.state.memory import MemoryCells

        return MemoryCells(self._clock)

    def _shared_cells(self, connection: "RedisConnection") -> "Cells":
        from faas_toolkit.observe.metrics import Metrics
        from faas_toolkit.pipeline.script_forms import script_forms
        from faas_toolkit.state.memory import MemoryCells
        from faas_toolkit.state.redis.cells import RedisCells
        from faas_toolkit.state.redis.members import Members
        from faas_toolkit.state.redis.shared import SharedCells

        forms, metrics = script_forms(), self._metrics or Metrics()
        return SharedCells(
            shared=RedisCells(connection, forms),
            local=MemoryCells(self._clock),
            members=Members(connection, self._clock),
            forms=forms,
            gone=self.chosen.redis_gone,
            count=metrics.decided_without_redis,
        )

    @cached_property
    def database(self) -> "Database":
        """Documents, audit rows, outcomes: on the server that was chosen, else in the file; raises `Unavailable` as `_server`."""
        address = self._server
        if address is None:
            return self.file
        from faas_toolkit.state.server_database import ServerDatabase, driver_of

        self._offload.run("parse", partial(driver_of, address.dialect))  # loads for a tenth of a second; other calls go on
        meanwhile: Database | None = self.__dict__.get("database")
        return meanwhile or ServerDatabase(
            address=address,
            guard=self._guard,
            environment=self._environment,
            clock=self._clock,
            hard_limit=self._hard_limit,
        )

    @cached_property
    def file(self) -> "SqliteDatabase":
        """The file of this node: every row, or beside a server what is the same on each node (the samples)."""
        if self._embedded is not None:
            return self._embedded.file
        from faas_toolkit.state.sqlite_database import SqliteDatabase

        return SqliteDatabase(path=self._directory / "toolkit.sqlite", offload=self._offload)

    @cached_property
    def replica(self) -> "SqliteDatabase | None":
        """This node's copy of what is searched of the server's rows; None where the rows are in a file anyway."""
        if self._server is None:
            return None
        from faas_toolkit.state.sqlite_database import SqliteDatabase

        return SqliteDatabase(path=self._directory / "replicas" / f"{self._server.fingerprint}.sqlite", offload=self._offload)

    @cached_property
    def audit_spool(self) -> "Spool | None":
        """Where audit rows wait on this node while the server is away; None where the rows are in a file anyway."""
        if self._server is None:
            return None
        from faas_toolkit.observe.audit_spool import Spool

        return Spool(self._directory / "audit_spool" / self._server.fingerprint)

    @cached_property
    def redis(self) -> "RedisConnection | None":
        """The Redis that is named, if one is; raises `InvalidInput` where its address is none."""
        if not self.chosen.redis_url:
            return None
        from faas_toolkit.state.redis.address import RedisAddress
        from faas_toolkit.state.redis.connection import RedisConnection

        return RedisConnection(address=RedisAddress.parse(self.chosen.redis_url), guard=self._guard, clock=self._clock)

    @cached_property
    def _server(self) -> "ServerAddress | None":
        """The database that is named, if one is; raises `Unavailable` where the setting says what is not taken."""
        if not self.chosen.database_url:
            return None
        from faas_toolkit.state.server_address import parse_address

        return parse_address(self.chosen.database_url)

    @cached_property
    def _guard(self) -> "EgressGuard":
        """Which hosts the servers may be on."""
        from faas_toolkit.net.egress import EgressGuard

        return EgressGuard(allow=self.chosen.allow, environment=self._environment)

    @cached_property
    def data_keys(self) -> "DataKeys":
        """Keys that are destroyed to erase what they sealed."""
        from faas_toolkit.state.data_keys import DataKeys

        return DataKeys(database=self.database, clock=self._clock, offload=self._offload)

    def of_epoch(self, store: "TieredCache") -> "EpochCache":
        """The store of kept answers, bound to the age of each workspace's cache: an erasure ends it."""
        from faas_toolkit.state.cache.epoch import EpochCache

        return EpochCache(store=store, keys=self.data_keys)

    @cached_property
    def memory_cache(self) -> "CacheStore":
        """Kept answers, in memory alone."""
        if self._embedded is not None:
            return self._embedded.memory_cache
        from faas_toolkit.state.cache.memory import BYTES_PER_ENTRY, MemoryCache, entries_of

        entries = entries_of(self._environment)
        return MemoryCache(clock=self._clock, max_entries=entries, max_bytes=entries * BYTES_PER_ENTRY)

    @cached_property
    def disk_cache(self) -> "CacheStore":
        """Kept answers, sealed on disk."""
        if self._embedded is not None:
            return self._embedded.disk_cache
        from faas_toolkit.state.cache.disk import DiskCache

        return DiskCache(path=self._directory / "cache.sqlite", clock=self._clock, offload=self._offload)

    @cached_property
    def redis_cache(self) -> "RedisCache | None":
        """Kept answers that other processes share."""
        if self.redis is None:
            return None
        from faas_toolkit.state.cache.redis import RedisCache

        return RedisCache(connection=self.redis, clock=self._clock)

    def local_answers(self) -> "TieredCache":
        """Kept answers of sources beside us: in memory alone."""
        from faas_toolkit.state.cache.tiers import TieredCache

        return TieredCache(near=self.memory_cache, spawn=self._offload.spawn)

    def answers(self, config: "CacheConfig", client: "Callable[[], HttpClient]", spawn: Spawn) -> "TieredCache":
        """Kept answers: in memory, in Redis where one is named, then where the catalog says for what those have lost.

        Args:
            config: the catalog's section `cache`.
            client: the HTTP client of this catalog, for an object store.
            spawn: runs work in the background; it keeps the configuration open meanwhile.
        """
        from faas_toolkit.state.cache.tiers import TieredCache

        cold: CacheStore | None = None
        if config.cold.kind == "disk":
            cold = self.disk_cache
        elif config.cold.kind == "s3":
            from faas_toolkit.state.cache.s3 import S3Cache

            cold = S3Cache(config=config.cold, client=client(), clock=self._clock, spawn=spawn)
        return TieredCache(
            near=self.memory_cache,
            shared=self.redis_cache,
            cold=cold,
            spawn=spawn,
            near_seconds=config.memory.seconds,
        )

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
        ours = ("redis", "database", "replica") if self.chosen.database_url else ("redis",)
        for opened in (self.__dict__.get(name) for name in ours):
            if opened is not None:
                opened.close()
