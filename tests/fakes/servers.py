"""Real servers on loopback that misbehave exactly as a test says."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Exchange:
    """One request as it arrived, and the connection to answer on."""

    head: str
    body: bytes
    wire: socket.socket
    closing: threading.Event

    @property
    def first_line(self) -> str:
        return self.head.split("\r\n", 1)[0]

    @property
    def headers(self) -> dict[str, str]:
        lines = (line.partition(":") for line in self.head.split("\r\n")[1:] if line)
        return {name.strip().lower(): value.strip() for name, _, value in lines}

    def send(self, data: bytes) -> None:
        self.wire.sendall(data)

    def answer(self, body: bytes = b"{}", *, status: str = "200 OK", headers: str = "Content-Type: application/json") -> None:
        self.send(f"HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


type Script = Callable[[Exchange], object]


@dataclass
class Server:
    """A listening socket and what arrived on it."""

    port: int
    exchanges: list[Exchange] = field(default_factory=list)
    connections: int = 0
    names: list[str | None] = field(default_factory=list)
    """The server names of the TLS handshakes."""


class _Listener:
    """Accepts connections, one thread for each."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None, *, silent: bool) -> None:
        self._script, self._tls, self._silent = script, tls, silent
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._closing = threading.Event()
        self._wires: list[socket.socket] = []
        self.server = Server(self._listening.getsockname()[1])
        if tls is not None:
            tls.sni_callback = lambda wire, name, context: self.server.names.append(name)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        for wire in (self._listening, *self._wires):
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)  # a close alone would leave a thread that reads from it, and its answers
            with contextlib.suppress(OSError):
                wire.close()
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                wire, _ = self._listening.accept()
            except OSError:
                return
            self.server.connections += 1
            self._wires.append(wire)
            if not self._silent:
                threading.Thread(target=self._converse, args=(wire,), daemon=True).start()

    def _converse(self, wire: socket.socket) -> None:
        with contextlib.suppress(OSError):
            encrypted = self._tls.wrap_socket(wire, server_side=True) if self._tls is not None else wire
            self._wires.append(encrypted)
            with encrypted, encrypted.makefile("rb") as reader:
                while (exchange := _read(reader, encrypted, self._closing)) is not None:
                    self.server.exchanges.append(exchange)
                    if self._script(exchange):
                        return


@contextlib.contextmanager
def serving(script: Script, *, tls: ssl.SSLContext | None = None, silent: bool = False) -> Iterator[Server]:
    """A server whose script answers each request; the connection ends when the script returns True.

    Args:
        script: what to do with each request.
        tls: how to encrypt; None: plain.
        silent: accepts connections and never says anything, not even a handshake.
    """
    listener = _Listener(script, tls, silent=silent)
    try:
        yield listener.server
    finally:
        listener.close()


def _read(reader, wire, closing) -> Exchange | None:
    lines = []
    while (line := reader.readline()) not in (b"", b"\r\n"):
        lines.append(line.decode("latin-1"))
    if not lines:
        return None
    length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length:")), 0)
    return Exchange("".join(lines), reader.read(length), wire, closing)


@dataclass(frozen=True)
class Certificates:
    """A certificate authority made for one test run, and a server certificate of it."""

    authority: str
    """PEM."""
    chain: Path
    """PEM file with the server's key and certificate."""

    def context(self, *, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """For a server that speaks at most this version."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        context.maximum_version = newest
        return context


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Certificates for the given host names and addresses."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: str, key) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        made = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named("Test authority"))
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return made.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=1))

    def subject_name(text: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(text))
        except ValueError:
            return x509.DNSName(text)

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    authority = builder("Test authority", root).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    authority = authority.add_extension(usage, critical=True)
    authority = authority.add_extension(x509.SubjectKeyIdentifier.from_public_key(root.public_key()), critical=False)
    issued = builder("Test server", leaf).add_extension(
        x509.SubjectAlternativeName([subject_name(n) for n in names]), critical=False
    )
    issued = issued.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
    pem = serialization.Encoding.PEM
    key_text = leaf.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = folder / "chain.pem"
    chain.write_bytes(key_text + issued.sign(root, hashes.SHA256()).public_bytes(pem))
    return Certificates(authority.sign(root, hashes.SHA256()).public_bytes(pem).decode(), chain)
