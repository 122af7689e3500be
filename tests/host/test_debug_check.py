"""The preflight of remote debug, against real servers on loopback: what it says of each mistake that people make."""

import datetime as dt
import http.server
import shutil
import socket
import socketserver
import ssl
import threading
import uuid
from contextlib import contextmanager
from itertools import islice

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.host.conftest import PROBE
from workbench import cli, debug_connection, sdk_view
from workbench.debug_check import file_finding, findings
from workbench.debug_connection import connection_findings
from workbench.debug_server import DebugServer
from workbench.debug_settings import settings_findings

KEY = str(uuid.uuid5(uuid.NAMESPACE_URL, "a key of this test"))
PATIENCE = 0.5
SETTINGS = ("INSTALL_METHOD", "REMOTE_INSTALL_URL", "REMOTE_INSTALL_HOST", "REMOTE_INSTALL_PORT", "REMOTE_INSTALL_KEY")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def check(tmp_path):
    """The findings for a settings file of this text, by what was looked at."""

    def run(text, root=PROBE):
        file = tmp_path / "settings.env"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = {finding.check: finding for finding in findings(root, file, PATIENCE)}
        assert KEY not in str(found), "a key is never shown whole"
        assert all(finding.right for finding in found.values() if finding.status == "wrong"), "what is wrong says what is right"
        return found

    return run


@pytest.fixture
def debug_server():
    with DebugServer(KEY) as server:
        yield server


def settings(port, key=KEY, **more):
    lines = {"INSTALL_METHOD": "remote", "REMOTE_INSTALL_URL": f"127.0.0.1:{port}", "REMOTE_INSTALL_KEY": key, **more}
    return "".join(f"{name}={value}\n" for name, value in lines.items() if value is not None)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def served(handler, wrap=None):
    """A server on loopback whose connections are handled by this function."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            handler(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self):
            request, address = super().get_request()
            return (wrap(request) if wrap else request), address

        def handle_error(self, request, client_address):
            pass  # a client of the wrong kind is the point

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def judged(port, key=KEY):
    *_, last = connection_findings("127.0.0.1", port, key, PATIENCE)
    assert KEY not in str(last)
    return last


def test_a_right_setup_is_right_in_every_line(check, debug_server):
    found = check(settings(debug_server.port))
    assert {finding.status for finding in found.values()} == {"ok"}, found
    assert list(found) == [
        "Python",
        "SDK",
        "settings file",
        "package",
        "INSTALL_METHOD",
        "address",
        "key",
        "host",
        "port",
        "key accepted",
    ]
    assert KEY[:4] in found["key"].text


def test_the_plugin_itself_can_be_loaded_and_its_requirements_are_met(check, debug_server):
    found = check(settings(debug_server.port), root=cli.PROJECT)
    assert {finding.status for finding in found.values()} == {"ok"}, found


def test_host_and_port_as_two_settings_are_read_too(check, debug_server):
    two = settings(None, REMOTE_INSTALL_URL=None, REMOTE_INSTALL_HOST="127.0.0.1", REMOTE_INSTALL_PORT=debug_server.port)
    found = check(two)
    assert found["key accepted"].status == "ok"
    assert "REMOTE_INSTALL_HOST and REMOTE_INSTALL_PORT" in found["address"].text


def test_a_wrong_key_is_told_in_plain_words(check, debug_server):
    found = check(settings(debug_server.port, key="0" * 36))
    assert found["key accepted"].status == "wrong"
    assert "handshake failed, invalid key" in found["key accepted"].text
    assert "An error occurred while parsing the data" in found["key accepted"].text
    assert "two hours" in found["key accepted"].right


def test_the_environment_wins_over_the_file_and_that_is_said(check, debug_server, monkeypatch):
    monkeypatch.setenv("REMOTE_INSTALL_KEY", "1" * 36)
    found = check(settings(debug_server.port))
    assert "set in the environment" in found["key"].text
    assert "set in the environment" not in found["address"].text
    assert found["key accepted"].status == "wrong"


@pytest.mark.parametrize(
    ("text", "check_name", "says"),
    [
        (settings(1, INSTALL_METHOD="local"), "INSTALL_METHOD", "wait on its stdin"),
        (settings(1, INSTALL_METHOD="remotely"), "settings", "INSTALL_METHOD"),
        (settings(1, REMOTE_INSTALL_URL="https://dify.invalid"), "address", "web pages"),
        (settings(1, REMOTE_INSTALL_URL="dify.invalid"), "address", "not host:port"),
        (settings(1, REMOTE_INSTALL_URL="dify.invalid:port"), "address", "not host:port"),
        (settings(1, REMOTE_INSTALL_URL=KEY), "address", "not host:port"),
        (settings(1, REMOTE_INSTALL_URL=""), "address", "not host:port"),
        (settings(1, REMOTE_INSTALL_URL="dify.invalid:65536"), "address", "no port 65536"),
        (settings(1, REMOTE_INSTALL_URL="dify.invalid:0"), "address", "no port 0"),
        (settings(1).encode() + b"# caf\xe9", "settings file", "not UTF-8"),
        (settings(1, REMOTE_INSTALL_URL=":5003"), "address", "The host is ''"),
        (settings(1, REMOTE_INSTALL_URL=None, REMOTE_INSTALL_PORT=KEY), "settings", "REMOTE_INSTALL_PORT"),
        (settings(1, key=""), "key", "empty"),
        (settings(1, key=f'"{KEY}\\n"'), "key", "line end"),
        (settings(1, key=f"‘{KEY}’"), "key", "quote"),
        (settings(1, key=f'"{KEY}'), "settings file", "line 3"),
        (b"\xef\xbb\xbf" + settings(1).encode(), "settings file", "byte order mark"),
        (settings(1).encode("utf-16"), "settings file", "byte order mark"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(tmp_path, text, check_name, says):
    file = tmp_path / "settings.env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    read_by_the_sdk = dict(sdk_view.settings(str(file)))
    found = [file_finding(file, needed=True), *settings_findings(read_by_the_sdk)]
    (finding,) = [finding for finding in found if finding.check == check_name]
    assert finding.status == "wrong"
    assert says in finding.text
    assert finding.right
    assert KEY not in str(found)


def test_a_file_that_is_not_there_is_named(tmp_path):
    finding = file_finding(tmp_path / "nowhere.env", needed=True)
    assert (finding.status, "nowhere.env" in finding.text) == ("wrong", True)
    assert file_finding(tmp_path / "nowhere.env", needed=False).status == "ok"


def test_a_name_that_nobody_knows_is_told():
    (finding,) = connection_findings("no-such-host.invalid", 5003, KEY, PATIENCE)
    assert (finding.check, finding.status) == ("host", "wrong")


def test_a_closed_port_says_what_opens_it(monkeypatch, tmp_path):
    monkeypatch.setattr(debug_connection, "_IN_A_CONTAINER", (tmp_path / "no-container",))
    finding = judged(closed_port())
    assert (finding.check, finding.status) == ("port", "wrong")
    assert "PLUGIN_REMOTE_INSTALLING_ENABLED" in finding.right


def test_in_a_container_localhost_is_the_container(monkeypatch, tmp_path):
    monkeypatch.setattr(debug_connection, "_IN_A_CONTAINER", (tmp_path,))
    finding = judged(closed_port())
    assert "host.docker.internal" in finding.right


def test_a_plain_http_server_is_recognised():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.RequestHandlerClass.log_message = lambda *_: None
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        finding = judged(server.server_address[1])
        server.shutdown()
    assert (finding.status, "HTTP server" in finding.text) == ("wrong", True)
    assert "5003" in finding.right


def test_a_port_that_speaks_tls_is_recognised(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "dify.invalid")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with served(lambda connection: connection.recv(1), wrap=lambda plain: context.wrap_socket(plain, server_side=True)) as port:
        finding = judged(port)
    assert (finding.status, "speaks TLS" in finding.text) == ("wrong", True)


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (lambda connection: connection.close(), "hangs up"),
        (lambda connection: threading.Event().wait(3), "says nothing"),
        (lambda connection: connection.sendall(b"-ERR unknown command\r\n"), "-ERR unknown command"),
        (lambda connection: connection.sendall(connection.recv(4096)), "<the key>"),
        (lambda connection: connection.sendall(b"failed to get connection info: redis is away\n"), "trouble of its own"),
        (lambda connection: connection.sendall(b"\xff\xfe\x00[/red]"), "Something else"),
    ],
)
def test_whatever_else_answers_is_told_from_a_debug_server(handler, says):
    with served(handler) as port:
        finding = judged(port)
    assert (finding.status, says in finding.text) == ("wrong", True), finding


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(PROBE, tmp_path / "probe", ignore=shutil.ignore_patterns("__pycache__"))


@pytest.mark.parametrize(
    ("text", "check_name", "says"),
    [
        (settings(1, INSTALL_METHOD="Remote").encode(), "settings", "INSTALL_METHOD"),
        (settings(1).encode() + b"# caf\xe9", "settings file", "not UTF-8"),
    ],
)
def test_a_wrong_setting_in_the_plugin_s_own_file_is_not_taken_for_a_broken_sdk(copy, text, check_name, says):
    (copy / ".env").write_bytes(text)
    found = {finding.check: finding for finding in findings(copy, patience=PATIENCE)}
    assert found["SDK"].status == "ok"
    assert found[check_name].status == "wrong"
    assert says in found[check_name].text


def test_a_wrong_setting_in_the_environment_is_not_taken_for_a_broken_sdk(copy, monkeypatch):
    monkeypatch.setenv("INSTALL_METHOD", "debug")
    found = {finding.check: finding for finding in findings(copy, patience=PATIENCE)}
    assert found["SDK"].status == "ok"
    assert "INSTALL_METHOD" in found["settings"].text


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("manifest.yaml", "version: [", "while parsing"),
        ("manifest.yaml", "version: 1.0.0\n", "meta"),
        ("tools/answer.py", "import nothing_like_it\n", "nothing_like_it"),
        ("tools/answer.py", "def broken(:\n", "SyntaxError"),
        ("provider/probe.yaml", "identity: {name: probe}\n", "5 validation errors"),
        ("tools/wait.py", "raise SystemExit('no such luck')\n", "no such luck"),
        ("tools/wait.py", "import os; os._exit(7)\n", "ended the process"),
    ],
)
def test_a_package_that_cannot_be_loaded_says_why_and_the_rest_is_checked_all_the_same(
    check, debug_server, copy, path, content, says
):
    (copy / path).write_text(content)
    found = check(settings(debug_server.port), root=copy)
    assert found["package"].status == "wrong"
    assert says in found["package"].text
    assert found["key accepted"].status == "ok"


def test_what_a_package_prints_while_it_is_loaded_is_not_taken_for_an_answer(check, debug_server, copy):
    tool = copy / "tools" / "wait.py"
    tool.write_text(f'print("{{}}")\n{tool.read_text()}')
    assert check(settings(debug_server.port), root=copy)["package"].status == "ok"


@pytest.mark.parametrize(
    ("line", "says"),
    [("dify_plugin==0.0.1", "not ==0.0.1"), ("nothing-like-it==1.0", "nothing-like-it is not installed"), ("# a comment", "")],
)
def test_requirements_are_compared_with_what_is_installed(copy, line, says):
    (copy / "requirements.txt").write_text(f"{line}\n")
    _, finding = islice(findings(copy), 2)
    assert finding.status == ("wrong" if says else "ok")
    assert says in finding.text


def test_a_python_that_does_not_fit_is_told(copy):
    (copy / "pyproject.toml").write_text('[project]\nname = "x"\nrequires-python = ">=3.99"\n')
    finding = next(findings(copy))
    assert (finding.check, finding.status, ">=3.99" in finding.text) == ("Python", "wrong", True)


def test_the_command_ends_with_0_when_all_is_right_and_with_1_when_something_is_wrong(capsys, tmp_path, debug_server):
    file = tmp_path / "settings.env"
    for key, status, last in ((KEY, 0, "Ready"), ("0" * 36, 1, "1 to repair")):
        file.write_text(settings(debug_server.port, key=key))
        assert cli.main(["debug-check", "--env", str(file), "--plugin", str(PROBE)]) == status
        shown = capsys.readouterr().out
        assert last in shown
        assert KEY not in shown
