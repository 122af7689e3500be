"""Answers that are read while they arrive."""

import time

import httpx
import pytest

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline, Deadlines, StreamPace
from faas_toolkit.core.errors import BadResponse, Blocked, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from tests.fakes.openai_server import HEAD, chunk
from tests.fakes.servers import serving

CLOCK = SystemClock()


def a_pace(first=5.0, total=5.0, idle=5.0):
    return StreamPace(Deadline.after(CLOCK, first), Deadlines(Deadline.after(CLOCK, first), Deadline.after(CLOCK, total), idle))


@pytest.fixture
def opened():
    clients = []

    def open_stream(server, pace=None, *, max_bytes=1_000_000, client=None):
        allowed = {"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://127.0.0.1:{server.port}"}
        client = client or HttpClient(guard=EgressGuard(environment=allowed))
        clients.append(client)
        request = httpx.Request("POST", f"http://127.0.0.1:{server.port}/x", content=b"{}")
        return client.stream(request, pace or a_pace(), what="Model 'm'", max_bytes=max_bytes), client

    yield open_stream
    for client in clients:
        client.close()


def two(exchange):
    exchange.send(HEAD + chunk(b"one"))
    exchange.closing.wait(0.2)
    exchange.send(chunk(b"two") + b"0\r\n\r\n")


def test_pieces_come_when_they_arrive(opened):
    with serving(two) as server:
        response, _ = opened(server)
        assert response.status == 200
        assert list(response.pieces()) == [b"one", b"two"]


def test_a_connection_read_to_its_end_is_used_again_and_one_that_was_closed_is_not(opened):
    with serving(two) as server:
        response, client = opened(server)
        list(response.pieces())
        response.close()
        response, _ = opened(server, client=client)
        assert server.connections == 1
        next(response.pieces())
        response.close()
        response.close()
        opened(server, client=client)
        assert server.connections == 2


def test_silence_before_the_headers_ends_at_the_first_deadline(opened):
    started = time.monotonic()
    with serving(lambda exchange: exchange.closing.wait(5)) as server, pytest.raises(TimeoutUnknown):
        opened(server, a_pace(first=0.3))
    assert time.monotonic() - started < 3


def test_a_body_of_which_there_is_always_more_to_read_ends_with_the_time_too(opened):
    def flood(exchange):
        exchange.send(HEAD)
        for _ in range(60):
            exchange.send(chunk(b"x") * 20_000)
        exchange.send(b"0\r\n\r\n")

    with serving(flood) as server:
        response, _ = opened(server, a_pace(first=0.2))
        with pytest.raises(TimeoutUnknown):
            for _ in response.pieces():
                pass
        response.close()


def test_other_calls_run_while_there_is_always_more_to_read(opened):
    ways = []

    def pieces_of(exchange):
        exchange.send(HEAD + chunk(b"x") * 1_000 + b"0\r\n\r\n")

    with serving(pieces_of) as server:
        allowed = {"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://127.0.0.1:{server.port}"}
        client = HttpClient(guard=EgressGuard(environment=allowed), give_way=lambda: ways.append(1))
        response, _ = opened(server, client=client)
        assert len(list(response.pieces())) == 1_000
        streamed = len(ways)
        request = httpx.Request("POST", f"http://127.0.0.1:{server.port}/x", content=b"{}")
        client.send(request, Deadline.after(CLOCK, 5), what="Model 'm'", max_bytes=10_000)
        assert min(streamed, len(ways) - streamed) >= 10


def test_nothing_but_interim_responses_is_no_answer(opened):
    def script(exchange):
        exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 200)
        exchange.answer(b"{}")

    with serving(script) as server, pytest.raises(BadResponse):
        opened(server)


def test_an_interim_response_is_passed_over(opened):
    def script(exchange):
        exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        exchange.answer(b"fine")

    with serving(script) as server:
        assert opened(server)[0].read().content == b"fine"


def test_silence_between_pieces_ends_at_the_idle_time_once_content_flows(opened):
    def stall(exchange):
        exchange.send(HEAD + chunk(b"one"))
        exchange.closing.wait(5)

    pace = a_pace(idle=0.3)
    with serving(stall) as server:
        response, _ = opened(server, pace)
        pieces = response.pieces()
        assert next(pieces) == b"one"
        pace.flow()
        with pytest.raises(TimeoutUnknown):
            next(pieces)


def test_nothing_is_sent_when_no_time_is_left(opened):
    with serving(two) as server, pytest.raises(Unavailable) as caught:
        opened(server, a_pace(first=0.0))
    assert caught.value.not_executed
    assert server.connections == 0


def test_a_body_above_the_bound_is_given_up(opened):
    with serving(lambda exchange: exchange.send(HEAD + chunk(b"x" * 2_000))) as server:
        response, _ = opened(server, max_bytes=1_000)
        with pytest.raises(TooLarge):
            list(response.pieces())


def test_malformed_framing_in_the_middle_is_a_bad_response(opened):
    with serving(lambda exchange: exchange.send(HEAD + chunk(b"one") + b"zz\r\n")) as server:
        response, _ = opened(server)
        pieces = response.pieces()
        assert next(pieces) == b"one"
        with pytest.raises(BadResponse):
            next(pieces)


def test_the_guard_stands_in_front_of_streams_too():
    client = HttpClient(guard=EgressGuard(environment={}))
    with serving(two) as server, pytest.raises(Blocked):
        client.stream(httpx.Request("POST", f"http://127.0.0.1:{server.port}/"), a_pace(), what="m", max_bytes=1)
    assert server.connections == 0


def test_an_error_s_body_can_be_read_whole(opened):
    with serving(lambda exchange: exchange.answer(b'{"error": 1}', status="400 Bad Request")) as server:
        response, _ = opened(server)
        assert response.read().json() == {"error": 1}
