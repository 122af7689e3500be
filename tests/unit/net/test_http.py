"""The HTTP client against real servers on loopback that misbehave."""

import gzip
import inspect
import json
import ssl
import time
import zlib

import httpx
import pytest

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, Blocked, Failure, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.net.config import Tls
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.http_failures import translate
from faas_toolkit.net.transport import PooledTransport
from tests.fakes.servers import make_certificates, serving

HOST = "service.test"


def client(port: int, *, scheme: str = "http", transport=None) -> HttpClient:
    entry = f"{scheme}://{HOST}:{port}".removeprefix("https://")
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": entry}, resolve=lambda host, port: ["127.0.0.1"])
    return HttpClient(guard=guard, transport=transport)


def ask(
    sender: HttpClient, port: int, *, seconds=5.0, scheme="http", path="/", max_bytes=1_000_000, tls=None, **request
) -> httpx.Response:
    repeatable = request.pop("repeatable", True)
    wanted = httpx.Request(request.pop("method", "POST"), f"{scheme}://{HOST}:{port}{path}", **{"json": {"a": 1}, **request})
    deadline = Deadline.after(SystemClock(), seconds)
    return sender.send(wanted, deadline, what="Function 'f'", max_bytes=max_bytes, tls=tls, repeatable=repeatable)


def outcome(script, *, seconds=5.0, **options):
    """The failure that one exchange with a misbehaving server ends in."""
    with serving(script) as server:
        sender = client(server.port)
        with pytest.raises(Failure) as caught:
            ask(sender, server.port, seconds=seconds, **options)
        sender.close()
    return caught.value


def test_a_request_arrives_as_it_was_written_under_the_name_of_its_host():
    with serving(lambda exchange: exchange.answer(b'{"ok": true}')) as server:
        sender = client(server.port)
        response = ask(sender, server.port, path="/a%2Fb?x=%20y&x=2", headers={"X-Key": "v"})
        sender.close()
    assert (response.status_code, response.json()) == (200, {"ok": True})
    exchange = server.exchanges[0]
    assert exchange.first_line == "POST /a%2Fb?x=%20y&x=2 HTTP/1.1"
    assert exchange.headers["host"] == f"{HOST}:{server.port}"
    assert exchange.headers["x-key"] == "v"
    assert json.loads(exchange.body) == {"a": 1}


def test_a_connection_is_used_again():
    with serving(lambda exchange: exchange.answer()) as server:
        sender = client(server.port)
        for _ in range(5):
            ask(sender, server.port)
        sender.close()
    assert (server.connections, len(server.exchanges)) == (1, 5)


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again():
    def answer_and_close(exchange):
        exchange.answer()
        return True

    with serving(answer_and_close) as server:
        sender = client(server.port)
        for _ in range(3):
            ask(sender, server.port)
            time.sleep(0.05)  # the FIN has to arrive
        sender.close()
    assert server.connections == 3


def test_a_request_that_must_not_be_sent_twice_gets_a_connection_of_its_own():
    asked = []

    def ends_when_asked_again(exchange):  # as a server that gives an idle connection up in the moment the next request arrives
        if exchange.wire in asked:
            return True
        asked.append(exchange.wire)
        exchange.answer()
        return False

    with serving(ends_when_asked_again) as server:
        sender = client(server.port)
        ask(sender, server.port, path="/first")
        assert ask(sender, server.port, path="/second", repeatable=False).status_code == 200
        assert server.exchanges[-1].headers["connection"] == "close"
        with pytest.raises(Failure):  # what may be sent twice takes the kept one, and whoever asked sends it again
            ask(sender, server.port, path="/second")
        sender.close()
    assert server.connections == 2


def test_proxies_of_the_environment_are_not_asked(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(lambda exchange: exchange.answer()) as server:
        assert ask(client(server.port), server.port).status_code == 200


def test_a_redirect_is_handed_on_and_not_followed():
    with serving(lambda exchange: exchange.answer(status="302 Found", headers="Location: http://169.254.169.254/")) as server:
        assert ask(client(server.port), server.port).status_code == 302
    assert len(server.exchanges) == 1


def test_a_blocked_address_is_never_connected():
    with serving(lambda exchange: exchange.answer()) as server:
        sender = HttpClient(guard=EgressGuard(environment={}, resolve=lambda host, port: ["127.0.0.1"]))
        with pytest.raises(Blocked):
            ask(sender, server.port)
    assert server.connections == 0


def test_a_closed_port_is_unavailable_and_nothing_ran():
    with serving(lambda exchange: None) as server:
        port = server.port
    with pytest.raises(Unavailable) as caught:
        ask(client(port), port)
    assert caught.value.not_executed
    assert caught.value.retryable


def test_the_next_address_is_asked_when_one_is_down():
    with serving(lambda exchange: exchange.answer()) as server:
        environment = {"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://{HOST}:{server.port}"}
        guard = EgressGuard(environment=environment, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
        assert ask(HttpClient(guard=guard), server.port).status_code == 200


def test_a_server_that_never_answers_leaves_it_unknown_whether_it_ran():
    started = time.monotonic()
    failure = outcome(lambda exchange: exchange.closing.wait(5), seconds=0.3)
    assert isinstance(failure, TimeoutUnknown)
    assert time.monotonic() - started < 2


def drip(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    while not exchange.closing.wait(0.05):
        exchange.send(b" ")


def drip_chunks(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not exchange.closing.wait(0.05):
        exchange.send(b"1\r\n \r\n")


def drip_inside_one_chunk(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n")
    while not exchange.closing.wait(0.05):
        exchange.send(b" ")


def drip_until_close(exchange):
    exchange.send(b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n")
    while not exchange.closing.wait(0.05):
        exchange.send(b" ")


def pause_after_first_byte(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    exchange.closing.wait(0.25)
    exchange.send(b"1")
    exchange.closing.wait(5)


@pytest.mark.parametrize("script", [drip, drip_chunks, drip_inside_one_chunk, drip_until_close, pause_after_first_byte])
def test_a_slow_drip_ends_at_the_deadline(script):
    started = time.monotonic()
    assert isinstance(outcome(script, seconds=1.0), TimeoutUnknown)
    assert time.monotonic() - started < 1.8  # twice the deadline would be the fault


def cut_before_answer(exchange):
    return True


def cut_in_body(exchange):
    exchange.send(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a"')
    return True


def cut_in_chunk(exchange):
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
    return True


@pytest.mark.parametrize("script", [cut_before_answer, cut_in_body, cut_in_chunk])
def test_a_cut_connection_leaves_it_unknown_whether_it_ran(script):
    failure = outcome(script)
    assert isinstance(failure, TimeoutUnknown)
    assert not failure.not_executed


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x00\x00\x00\x00\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_a_bad_response(answer):
    def garbage(exchange):
        exchange.send(answer)
        return True

    assert isinstance(outcome(garbage), BadResponse)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n",
        CHUNKED + b"\r\n\r\n",
        CHUNKED + b"2\r\n{}\r\nzz\r\n",
        CHUNKED + b"1" * 70_000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nno header at all\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nX-Naïve: 1\r\nContent-Length: 2\r\n\r\n{}".encode(),
    ],
)
def test_malformed_framing_is_a_bad_response_at_once_and_may_have_run(answer):
    started = time.monotonic()
    failure = outcome(lambda exchange: exchange.send(answer))  # the connection stays open: nothing is waited for
    assert isinstance(failure, BadResponse)
    assert not failure.not_executed
    assert not failure.retryable
    assert "whether it did its work is not known" in failure.message
    assert time.monotonic() - started < 4


@pytest.mark.parametrize("value", ["café", "名前", "caf\udce9"])
def test_a_header_that_is_not_ascii_is_read(value):
    sent = value.encode("utf-8", "surrogateescape")
    head = b"HTTP/1.1 200 OK\r\nX-Name: " + sent + b"\r\nContent-Type: text/" + sent + b"\r\nContent-Length: 2\r\n\r\n{}"
    with serving(lambda exchange: exchange.send(head)) as server:
        sender = client(server.port)
        response = ask(sender, server.port)
        sender.close()
    assert (response.status_code, response.content) == (200, b"{}")
    assert dict(response.headers.raw)[b"X-Name"] == sent


def test_a_length_that_is_said_twice_alike_is_taken():
    with serving(lambda exchange: exchange.answer(b"{}", headers="Content-Length: 2")) as server:
        assert ask(client(server.port), server.port).content == b"{}"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_above_the_bound_is_given_up_while_it_arrives(framing):
    sent = []

    def flood(exchange):
        head = "Content-Length: 100000000" if framing == "length" else "Transfer-Encoding: chunked"
        exchange.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        piece = b"x" * 65_536 if framing == "length" else b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        for _ in range(1_500):
            exchange.send(piece)
            sent.append(1)
        return True

    assert isinstance(outcome(flood, max_bytes=100_000), TooLarge)
    assert len(sent) < 1_000


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_answer_is_unpacked(coding):
    packed = gzip.compress(b'{"a": 1}') if coding == "gzip" else zlib.compress(b'{"a": 1}')
    with serving(lambda exchange: exchange.answer(packed, headers=f"Content-Encoding: {coding}")) as server:
        response = ask(client(server.port), server.port)
    assert response.json() == {"a": 1}
    assert "content-encoding" not in response.headers


def test_a_compressed_bomb_is_too_large():
    bomb = gzip.compress(b"0" * 50_000_000)
    assert len(bomb) < 100_000
    assert isinstance(outcome(lambda exchange: exchange.answer(bomb, headers="Content-Encoding: gzip")), TooLarge)


def test_data_that_is_compressed_twice_is_refused_unread():
    bomb = gzip.compress(gzip.compress(b"0" * 50_000_000))
    assert isinstance(outcome(lambda exchange: exchange.answer(bomb, headers="Content-Encoding: gzip, gzip")), BadResponse)


def test_broken_compression_is_a_bad_response():
    assert isinstance(outcome(lambda exchange: exchange.answer(b"not gzip", headers="Content-Encoding: gzip")), BadResponse)


def test_an_early_refusal_of_a_large_body_is_read():
    def refuse(exchange):
        exchange.answer(status="413 Payload Too Large")
        return True

    with serving(refuse) as server:
        assert ask(client(server.port), server.port, json={"a": "x" * 3_000_000}).status_code == 413


def test_a_header_that_cannot_be_sent_is_refused_before_anything_is():
    with serving(lambda exchange: exchange.answer()) as server, pytest.raises(Failure) as caught:
        ask(client(server.port), server.port, headers={"X-Key": "a\r\nX-Other: b"})
    assert caught.value.kind in {"blocked", "internal"}
    assert server.exchanges == []


def test_an_expired_deadline_sends_nothing():
    with serving(lambda exchange: exchange.answer()) as server, pytest.raises(Unavailable) as caught:
        ask(client(server.port), server.port, seconds=0.0)
    assert caught.value.not_executed
    assert server.connections == 0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("tls"), HOST)


def test_tls_names_the_host_and_checks_its_certificate_while_connected_to_an_address(certificates):
    with serving(lambda exchange: exchange.answer(), tls=certificates.context()) as server:
        sender = client(server.port, scheme="https")
        response = ask(sender, server.port, scheme="https", tls=Tls(ca=certificates.authority))
        sender.close()
    assert response.status_code == 200
    assert server.names == [HOST]


def test_an_unknown_authority_is_refused_and_the_way_out_is_named(certificates):
    with serving(lambda exchange: exchange.answer(), tls=certificates.context()) as server, pytest.raises(Unavailable) as caught:
        ask(client(server.port, scheme="https"), server.port, scheme="https")
    assert caught.value.not_executed
    assert not caught.value.retryable
    assert "tls: {ca" in caught.value.hint
    assert server.exchanges == []


def test_a_certificate_for_another_name_is_refused(tmp_path):
    other = make_certificates(tmp_path, "other.test", "127.0.0.1")
    with serving(lambda exchange: exchange.answer(), tls=other.context()) as server, pytest.raises(Unavailable) as caught:
        ask(client(server.port, scheme="https"), server.port, scheme="https", tls=Tls(ca=other.authority))
    assert caught.value.not_executed
    assert server.exchanges == []


def test_a_server_of_tls_1_2_is_refused_by_name_and_taken_where_the_target_says_so(certificates):
    context = certificates.context(newest=ssl.TLSVersion.TLSv1_2)
    with serving(lambda exchange: exchange.answer(), tls=context) as server:
        sender = client(server.port, scheme="https")
        with pytest.raises(Unavailable) as caught:
            ask(sender, server.port, scheme="https", tls=Tls(ca=certificates.authority))
        lowered = Tls(ca=certificates.authority, minimum="1.2")
        assert ask(sender, server.port, scheme="https", tls=lowered).status_code == 200
        sender.close()
    assert 'tls: {minimum: "1.2"}' in caught.value.hint
    assert caught.value.not_executed
    assert not caught.value.retryable


def test_a_server_that_never_finishes_the_handshake_ran_nothing():
    with serving(lambda exchange: None, silent=True) as server, pytest.raises(Unavailable) as caught:
        ask(client(server.port, scheme="https"), server.port, scheme="https", seconds=0.3)
    assert caught.value.not_executed


def test_a_plain_server_behind_https_ran_nothing():
    def garbage(exchange):
        exchange.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        return True

    with serving(garbage) as server, pytest.raises(Unavailable) as caught:
        ask(client(server.port, scheme="https"), server.port, scheme="https", seconds=2)
    assert caught.value.not_executed


def test_connecting_sends_nothing(certificates):
    with serving(lambda exchange: exchange.answer(), tls=certificates.context()) as server:
        sender, url = client(server.port, scheme="https"), f"https://{HOST}:{server.port}/"
        sender.connect(url, Deadline.after(SystemClock(), 3), what="f", tls=Tls(ca=certificates.authority))
        assert server.connections == 1
        with pytest.raises(Unavailable):
            sender.connect(url, Deadline.after(SystemClock(), 3), what="f")
    assert server.exchanges == []
    with pytest.raises(Unavailable):
        sender.connect(url, Deadline.after(SystemClock(), 3), what="f", tls=Tls(ca=certificates.authority))
    with pytest.raises(Blocked):
        sender.connect("https://service.test/", Deadline.after(SystemClock(), 3), what="f")


def every_exception_of_httpx() -> list[type[Exception]]:
    found = {value for _, value in inspect.getmembers(httpx) if inspect.isclass(value) and issubclass(value, Exception)}
    assert len(found) >= 24
    return sorted(found, key=lambda each: each.__name__)


def an(exception: type[Exception]) -> Exception:
    request = httpx.Request("POST", "https://service.test/")
    if exception is httpx.HTTPStatusError:
        return exception("x", request=request, response=httpx.Response(500, request=request))
    try:
        return exception("x")
    except TypeError:
        return exception()


@pytest.mark.parametrize("exception", every_exception_of_httpx(), ids=lambda each: each.__name__)
def test_no_exception_of_httpx_gets_out(exception):
    def fail(request):
        raise an(exception)

    sender = client(443, scheme="https", transport=httpx.MockTransport(fail))
    with pytest.raises(Failure) as caught:
        ask(sender, 443, scheme="https")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("exception", "kind", "not_executed"),
    [
        (httpx.ConnectError, "unavailable", True),
        (httpx.ConnectTimeout, "unavailable", True),
        (httpx.PoolTimeout, "unavailable", True),
        (httpx.ProxyError, "unavailable", True),
        (httpx.ReadTimeout, "timeout_unknown", False),
        (httpx.WriteTimeout, "timeout_unknown", False),
        (httpx.ReadError, "timeout_unknown", False),
        (httpx.WriteError, "timeout_unknown", False),
        (httpx.RemoteProtocolError, "bad_response", False),
        (httpx.DecodingError, "bad_response", False),
        (httpx.LocalProtocolError, "blocked", False),
    ],
)
def test_what_is_known_about_execution_is_kept(exception, kind, not_executed):
    failure = translate(an(exception), "f")
    assert (failure.kind, failure.not_executed) == (kind, not_executed)


def test_pools_are_bounded():
    transport = PooledTransport()
    guard = EgressGuard(environment={}, resolve=lambda host, port: ["93.184.216.34"])
    for number in range(300):
        transport._pool(guard.route(f"https://h{number}.example/"), "93.184.216.34", Tls(minimum="1.2"))
    assert len(transport._pools) <= 128
    transport.close()
    assert transport._pools == {}


def test_a_mock_transport_serves_tests():
    transport = httpx.MockTransport(lambda request: httpx.Response(201, json={"path": request.url.path}))
    response = ask(client(443, scheme="https", transport=transport), 443, scheme="https", path="/x")
    assert (response.status_code, response.json()) == (201, {"path": "/x"})
