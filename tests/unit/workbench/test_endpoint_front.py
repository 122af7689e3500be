"""What the front makes of a request is what Dify's daemon makes of it."""

import http.client
from types import SimpleNamespace

import h11
import pytest

from workbench.endpoint_front import Hook, raw_request, serving
from workbench.wire import RequestRefused


def read(raw):
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(raw)
    request = connection.next_event()
    return request, dict(request.headers)


def test_an_empty_post_arrives_as_five_bytes_and_an_empty_get_as_none():
    assert raw_request("POST", "/mcp", "", {}, b"").endswith(b"\r\n\r\n0\r\n\r\n")
    assert raw_request("GET", "/mcp", "", {}, b"").endswith(b"localhost\r\n\r\n")


def test_the_query_arrives_sorted_and_written_anew():
    request, _ = read(raw_request("GET", "/a b", "z=1&b=2&b=1&a=%2F+x", {}, b""))
    assert request.target == b"/a%20b?a=%2F+x&b=1&b=2&z=1"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "x-real-ip", "X-Original-Host", "Content-Length", "Connection"])
def test_no_address_of_a_caller_and_no_framing_is_handed_on(name):
    _, headers = read(raw_request("POST", "/mcp", "", {name: "7", "X-Kept": "yes"}, b"12"))
    assert headers[b"x-kept"] == b"yes"
    assert headers.get(name.lower().encode(), b"2") == b"2"


def test_the_body_is_framed_by_its_own_length():
    raw = raw_request("POST", "/mcp", "", {"Host": "dify.example"}, "ü".encode())
    request, headers = read(raw)
    assert (request.method, headers[b"content-length"], headers[b"host"]) == (b"POST", b"2", b"dify.example")
    assert raw.endswith(b"\r\n\r\n" + "ü".encode())


class EchoingPlugin:
    """`workbench.host.PluginHost` with an endpoint that answers with the body it was sent."""

    refuses = False

    def open_endpoint(self, raw, **_):
        if self.refuses:
            raise RequestRefused("too large")
        return raw.partition(b"\r\n\r\n")[2]

    def result(self, session):
        return SimpleNamespace(error=None, messages=[{"status": 200, "headers": {}, "result": session.hex()}])


def asked(plugin, body=None, **options):
    with serving(plugin, Hook(id="x")) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=10)
        connection.request("POST", "/e/x/mcp", body, **options)
        response = connection.getresponse()
        content = response.read()
        connection.close()
    return response.status, content


def test_a_body_in_chunks_arrives_whole():
    assert asked(EchoingPlugin(), iter([b"one ", b"two"]), encode_chunked=True) == (200, b"one two")


@pytest.mark.parametrize("headers", [{"Content-Length": "many"}, {"Transfer-Encoding": "chunked"}], ids=["length", "chunk"])
def test_a_length_that_is_none_is_a_bad_request(headers):
    assert asked(EchoingPlugin(), b"xyz\r\n", headers=headers)[0] == 400


def test_a_request_that_the_host_refuses_is_answered():
    plugin = EchoingPlugin()
    plugin.refuses = True
    status, content = asked(plugin, b"{}")
    assert (status, b"too large" in content) == (500, True)
