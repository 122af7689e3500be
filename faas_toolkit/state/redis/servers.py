"""Which server has a key, and connections to it: one server, one that Sentinels watch, or a Cluster.

Every host, also one that a Sentinel or a node announces, passes the egress guard, and a connection goes to a checked address
under the name of its host.
"""

import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from redis import Redis, RedisCluster  # noqa: TID253 - this module itself is loaded on first use
from redis.backoff import NoBackoff  # noqa: TID253 - same
from redis.cluster import ClusterNode  # noqa: TID253 - same
from redis.connection import BlockingConnectionPool, Connection  # noqa: TID253 - same
from redis.exceptions import AskError, ClusterDownError, MovedError  # noqa: TID253 - same
from redis.retry import Retry  # noqa: TID253 - same
from redis.sentinel import Sentinel  # noqa: TID253 - same

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.transport import make_context
from faas_toolkit.state.redis.address import RedisAddress

CONNECT_SECONDS = 1.0
"""For one address, TLS included."""
COMMAND_SECONDS = 1.0
"""Scripts and values take milliseconds; what takes longer hangs."""
_CONNECTIONS = 32
"""To one server. A command holds one for the length of a round trip, so this is enough for thousands of calls per second."""

type Where = Callable[[], tuple[str, int]]


@immutable(kw_only=True)
class Way:
    """How a socket is opened."""

    guard: EgressGuard
    context: ssl.SSLContext | None

    def open(self, host: str, port: int) -> socket.socket:
        """A connected socket; raises `OSError`, `Blocked` or `Unavailable`."""
        route = self.guard.service_route(host, port, encrypted=self.context is not None)
        failed: OSError = OSError("no address")
        for address in route.addresses:
            try:
                return self._open(address, host, port)
            except OSError as error:  # ssl.SSLError is one; the next address may be up
                failed = error
        raise failed

    def _open(self, address: str, host: str, port: int) -> socket.socket:
        wire = socket.create_connection((address, port), CONNECT_SECONDS)
        try:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return wire if self.context is None else self.context.wrap_socket(wire, server_hostname=host)
        except BaseException:
            wire.close()
            raise


class GuardedConnection(Connection):
    """A connection of redis-py that opens its socket our way; `where` is asked anew each time, as a Sentinel's answer changes."""

    def __init__(self, *, way: Way, where: Where | None = None, **options: Any) -> None:  # noqa: ANN401 - as redis-py has it
        self._way = way
        self._where = where
        super().__init__(**options)  # type: ignore[no-untyped-call]  # redis-py's own has no types

    def _connect(self) -> socket.socket:
        if self._where is not None:
            self.host, self.port = self._where()
        wire = self._way.open(self.host, self.port)
        wire.settimeout(self.socket_timeout)
        return wire


class Servers(Protocol):
    """Which server has a key."""

    def pool(self, key: str) -> BlockingConnectionPool:
        """Connections to the server of the key."""
        ...

    def redirect(self, error: MovedError | AskError) -> BlockingConnectionPool:
        """Connections to the server that this answer names."""
        ...

    def renew(self) -> None:
        """Forgets connections and what is known of the arrangement, after a failure."""
        ...


class OneServer:
    """A single server, or the one that Sentinels name."""

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self._pool = pool

    def pool(self, key: str) -> BlockingConnectionPool:
        """Its connections."""
        return self._pool

    def redirect(self, error: MovedError | AskError) -> BlockingConnectionPool:
        """A single address of a Cluster was given."""
        raise InvalidInput(
            "Setting 'redis_url' leads to a node of a Cluster.", hint="Begin it with redis+cluster:// or rediss+cluster://."
        ) from error

    def renew(self) -> None:
        """The next command connects anew, through the Sentinels where there are some."""
        self._pool.disconnect(inuse_connections=False)


class ClusterServers:
    """The servers of a Cluster; redis-py knows which one has a key, and nothing is sent through it."""

    def __init__(self, connect: Callable[[], RedisCluster]) -> None:
        self._connect = connect
        self._cluster: RedisCluster | None = None

    def pool(self, key: str) -> BlockingConnectionPool:
        """Connections to the server of the key's slot."""
        cluster = self._connected()
        return _pool_of(cluster, cluster.get_node_from_key(key))

    def redirect(self, error: MovedError | AskError) -> BlockingConnectionPool:
        """Connections to the server that has the slot by now, or has begun to take it over."""
        cluster = self._connected()
        if isinstance(error, MovedError):
            cluster.nodes_manager.move_slot(error)
        node = cluster.get_node(error.host, error.port)
        if node is None:
            cluster.nodes_manager.initialize(additional_startup_nodes_info=[(error.host, error.port)])
            node = cluster.get_node(error.host, error.port)
        return _pool_of(cluster, node)

    def renew(self) -> None:
        """The next command asks for the slots anew."""
        cluster, self._cluster = self._cluster, None
        for node in cluster.get_nodes() if cluster is not None else ():
            if node.redis_connection is not None:
                node.redis_connection.connection_pool.disconnect(inuse_connections=False)

    def _connected(self) -> RedisCluster:
        if self._cluster is None:
            self._cluster = self._connect()
        return self._cluster


def _pool_of(cluster: RedisCluster, node: ClusterNode | None) -> BlockingConnectionPool:
    if node is None:
        raise ClusterDownError("no server has the slot")
    if node.redis_connection is None:
        cluster.nodes_manager.create_redis_connections([node])
    pool: BlockingConnectionPool = node.redis_connection.connection_pool
    return pool


def servers_at(address: RedisAddress, guard: EgressGuard) -> Servers:
    """The servers of an address; nothing is opened before the first command.

    Raises:
        InvalidInput: the certificate of the authority in the address cannot be read.
    """
    make_pool = _Pools(address, Way(guard=guard, context=_context(address)))
    if address.arrangement == "cluster":
        return ClusterServers(lambda: _cluster(address, make_pool))
    if address.arrangement == "sentinel":
        sentinel = _sentinel(address, make_pool)
        return OneServer(make_pool(where=lambda: _first(sentinel, address.service), db=address.database))
    host, port = address.hosts[0]
    return OneServer(make_pool(host=host, port=port, db=address.database))


@immutable
class _Pools:
    """Makes pools whose connections are opened our way."""

    address: RedisAddress
    way: Way

    def __call__(self, **options: Any) -> BlockingConnectionPool:  # noqa: ANN401 - as redis-py has it
        defaults: dict[str, Any] = {
            "username": self.address.username or None,
            "password": self.address.password or None,
            "connection_class": GuardedConnection,
            "way": self.way,
            "max_connections": _CONNECTIONS,
            "timeout": COMMAND_SECONDS,
            "socket_timeout": COMMAND_SECONDS,
            "socket_connect_timeout": CONNECT_SECONDS,
            "protocol": 2,  # nothing that 3 adds is used, and it greets with round trips of its own
            "driver_info": None,
        }
        return BlockingConnectionPool(**{**defaults, **options})


def _sentinel(address: RedisAddress, make_pool: _Pools) -> Sentinel:
    login = {"username": address.sentinel_username or None, "password": address.sentinel_password or None}
    sentinel = Sentinel([])
    sentinel.sentinels = [Redis(connection_pool=make_pool(host=host, port=port, **login)) for host, port in address.hosts]
    return sentinel


def _first(sentinel: Sentinel, service: str) -> tuple[str, int]:
    host, port = sentinel.discover_master(service)
    return str(host), int(port)


def _cluster(address: RedisAddress, make_pool: _Pools) -> RedisCluster:
    (host, port), *others = address.hosts
    # Only with a URL does redis-py take the maker of the pools, and so the guard.
    return RedisCluster(
        url=f"redis://{f'[{host}]' if ':' in host else host}:{port}",
        startup_nodes=[ClusterNode(*other) for other in others],
        connection_pool_class=make_pool,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


def _context(address: RedisAddress) -> ssl.SSLContext | None:
    if address.tls is None:
        return None
    try:
        return make_context(address.tls)
    except ssl.SSLError as error:
        raise InvalidInput(
            "Setting 'redis_url' has a `ca` that is no certificate.", hint="Percent-encode the whole PEM text."
        ) from error
