"""Real Redis, PostgreSQL and MariaDB servers on spare ports of loopback, each with an empty folder of its own.

They are Debian's packages (`make services`); where one is not installed, its tests skip and say so, but for CI, where that fails.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

_STARTS_WITHIN = 60.0


class DataServer(ABC):
    """One server; it can be killed and started again on the same port with the same data."""

    executable: ClassVar[str]
    package: ClassVar[str]

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.options = options
        self.port = _spare_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """As a workspace's setting names it."""

    @abstractmethod
    def prepare(self) -> None:
        """Lays out the empty folder."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts the server in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it serves."""

    def start(self) -> None:
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **_as(self.folder)
            )
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until and self._process.poll() is None:
            if self.answers():
                return
            time.sleep(0.05)
        raise RuntimeError(
            f"{self.executable} does not serve: {(self.folder / 'server.log').read_text(errors='replace')[-2000:]}"
        )

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGINT if isinstance(self, PostgresServer) else signal.SIGTERM)

    def pause(self) -> None:
        """Lets it hang: connections stay, nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        """PostgreSQL's children are in groups of their own."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in (self._process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _end(self, by: int) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        if by == signal.SIGKILL:
            os.killpg(process.pid, by)  # PostgreSQL's children too
        else:
            process.send_signal(by)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


class RedisServer(DataServer):
    """Redis 7."""

    executable = "redis-server"
    package = "redis-server"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        pass

    def command(self) -> Sequence[str]:
        return [
            *(self.executable, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", "--daemonize", "no"),
            *self.options,
        ]

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as wire:
            wire.sendall(b"PING\r\n")
            return wire.recv(16).startswith((b"+PONG", b"-NOAUTH", b"-NOPERM"))
        return False


class PostgresServer(DataServer):
    """PostgreSQL 15 or newer."""

    executable = "initdb"
    package = "postgresql"

    @property
    def url(self) -> str:
        return self.url_of("toolkit")

    def url_of(self, database: str, user: str = "toolkit", password: str = "pass%20word") -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple]:
        """As the server's administrator."""
        import psycopg

        with psycopg.connect(self.url_of(database), connect_timeout=10, autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def make_database(self, name: str) -> str:
        """A new one; its address."""
        self.execute(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def prepare(self) -> None:
        secret = self.folder / "password"
        secret.write_text("pass word")
        options = ["--username=toolkit", f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        _give_away(self.folder)
        _run([_found("initdb"), "-D", str(self.folder / "data"), "--no-sync", *options], self.folder)

    def command(self) -> Sequence[str]:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(self.folder), "max_connections": "200"}
        given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [_found("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *given, *self.options]

    def answers(self) -> bool:
        import psycopg

        address = f"postgresql://toolkit:pass%20word@127.0.0.1:{self.port}/"
        try:
            with psycopg.connect(address + "toolkit", connect_timeout=5):
                return True
        except psycopg.OperationalError as error:
            if 'database "toolkit" does not exist' not in str(error):
                return False
        with psycopg.connect(address + "postgres", connect_timeout=5, autocommit=True) as connection:
            connection.execute("CREATE DATABASE toolkit")
        return True


class MariadbServer(DataServer):
    """MariaDB 10.11 or newer."""

    executable = "mariadbd"
    package = "mariadb-server"

    @property
    def url(self) -> str:
        return self.url_of("toolkit")

    def url_of(self, database: str, user: str = "toolkit", password: str = "pass%20word") -> str:
        return f"mysql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str | None = None) -> list[tuple]:
        """As the server's administrator."""
        import pymysql

        connection = pymysql.connect(unix_socket=str(self.folder / "socket"), user="root", database=database, autocommit=True)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def make_database(self, name: str) -> str:
        """A new one; its address."""
        self.execute(f"CREATE DATABASE {name} CHARACTER SET latin1")  # the tables must not depend on it
        self.execute(f"GRANT ALL ON {name}.* TO 'toolkit'@'127.0.0.1'")
        return self.url_of(name)

    def prepare(self) -> None:
        _give_away(self.folder)
        options = [
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        _run([_found("mariadb-install-db"), *options], self.folder)

    def command(self) -> Sequence[str]:
        first = self.folder / "first.sql"
        first.write_text(
            "CREATE DATABASE IF NOT EXISTS toolkit CHARACTER SET utf8mb4;\n"
            "CREATE USER IF NOT EXISTS 'toolkit'@'127.0.0.1' IDENTIFIED BY 'pass word';\n"
            "GRANT ALL ON toolkit.* TO 'toolkit'@'127.0.0.1';\n"
        )
        return [
            *(_found("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}", f"--port={self.port}"),
            *("--bind-address=127.0.0.1", f"--socket={self.folder / 'socket'}", f"--init-file={first}", "--skip-name-resolve"),
            *("--innodb-buffer-pool-size=64M", "--max-connections=200", f"--pid-file={self.folder / 'pid'}"),
            *self.options,
        ]

    def answers(self) -> bool:
        import pymysql

        with contextlib.suppress(pymysql.err.MySQLError, OSError):
            pymysql.connect(
                host="127.0.0.1", port=self.port, user="toolkit", password="pass word", database="toolkit", connect_timeout=5
            ).close()
            return True
        return False


@contextlib.contextmanager
def running[S: DataServer](make: Callable[[Path], S], folder: Path) -> Iterator[S]:
    """The server until the block ends; skips the test, or fails it in CI, where it is not installed.

    As root it gets a folder of its own: pytest closes its own to other users anew with each run, and the server is another user.
    """
    with tempfile.TemporaryDirectory(prefix="faas-toolkit-") if os.getuid() == 0 else contextlib.nullcontext(folder) as place:
        server = make(Path(place))
        yield from _running(server)


def _running[S: DataServer](server: S) -> Iterator[S]:
    if not _is_installed(type(server)):
        reason = f"{server.package} is not installed; `make services` installs it"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    server.prepare()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _is_installed(server: type[DataServer]) -> bool:
    try:
        _found(server.executable)
    except FileNotFoundError:
        return False
    return True


def _found(name: str) -> str:
    """The executable's path; Debian keeps PostgreSQL's beside the versions."""
    places = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))
    if found is None:
        raise FileNotFoundError(name)
    return found


def _spare_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _as(folder: Path) -> dict[str, str]:
    """PostgreSQL and MariaDB refuse to serve as root."""
    return {"user": "nobody"} if os.getuid() == 0 and folder.owner() == "nobody" else {}


def _give_away(folder: Path) -> None:
    if os.getuid() != 0:
        return
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    for parent in folder.parents:  # pytest's folders are open to their owner only
        if parent != Path("/") and parent.owner() == "root" and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **_as(folder))
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stdout + done.stderr)[-2000:]}")
