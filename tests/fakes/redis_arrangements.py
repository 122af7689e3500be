"""Real Redis servers in other arrangements than one alone: behind TLS, watched by a Sentinel, as a Cluster."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.data_servers import RedisServer, _spare_port, running
from tests.fakes.servers import make_certificates


class TlsRedisServer(RedisServer):
    """A server that also listens behind TLS; its certificate is for `localhost`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.tls_port = _spare_port()
        super().__init__(folder, *options)

    def prepare(self) -> None:
        certificates = make_certificates(self.folder, "localhost")
        self.ca = certificates.authority
        (self.folder / "ca.pem").write_text(self.ca)

    def command(self):
        tls = ("--tls-port", str(self.tls_port), "--tls-cert-file", "chain.pem", "--tls-key-file", "chain.pem")
        return [*super().command(), *tls, "--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"]


class SentinelServer(RedisServer):
    """A Sentinel alone, which is enough to replace the server that it watches."""

    def __init__(self, folder: Path, watched: int) -> None:
        super().__init__(folder)
        self._watched = watched

    def prepare(self) -> None:
        (self.folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {self._watched} 1\n"
            "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 3000\n"
        )

    def command(self):
        return [self.executable, "sentinel.conf", "--sentinel"]


@contextlib.contextmanager
def running_cluster(folder: Path, nodes: int = 3) -> Iterator[list[RedisServer]]:
    """A Cluster of servers that have no replicas."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    with contextlib.ExitStack() as stack:
        servers = []
        for number in range(nodes):
            home = folder / str(number)
            home.mkdir()
            servers.append(stack.enter_context(running(lambda path: ClusterNodeServer(path, *options), home)))
        addresses = [f"127.0.0.1:{server.port}" for server in servers]
        subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"], check=True, capture_output=True)
        for server in servers:
            _await_cluster(server.port)
        yield servers


class ClusterNodeServer(RedisServer):
    """One node of a Cluster."""

    def command(self):
        return [*super().command(), "--cluster-port", str(self.talk_port)]

    def prepare(self) -> None:
        self.talk_port = _spare_port()  # its default, the port and 10,000, may lie beyond the last one


def _await_cluster(port: int) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if "cluster_state:ok" in redis_cli(port, "CLUSTER", "INFO"):
            return
        time.sleep(0.1)
    raise RuntimeError("the cluster does not come up")


def redis_cli(port: int, *words: str) -> str:
    done = subprocess.run(["redis-cli", "-p", str(port), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()
