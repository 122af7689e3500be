"""The client is cooperative: under gevent's patch, waiting calls do not wait for each other."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import gevent.monkey
gevent.monkey.patch_all(sys=True)
import contextlib, time, gevent, httpx
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import TimeoutUnknown
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from tests.fakes.servers import serving

@contextlib.contextmanager
def hard_limit(seconds):
    with gevent.Timeout(seconds, TimeoutError):
        yield

def answer(exchange):
    time.sleep(0.3)
    exchange.answer(b"1")

def drip_headers(exchange):
    exchange.send(b"HTTP/1.1 200 OK\\r\\n")
    while not exchange.closing.wait(0.05):
        exchange.send(b"x")

def client(port):
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://127.0.0.1:{port}"})
    return HttpClient(guard=guard, hard_limit=hard_limit)

def ask(sender, port, seconds):
    request = httpx.Request("POST", f"http://127.0.0.1:{port}/", json={})
    return sender.send(request, Deadline.after(SystemClock(), seconds), what="f", max_bytes=1000).json()

with serving(answer) as server:
    sender = client(server.port)
    for _ in range(2):
        started = time.monotonic()
        asked = [gevent.spawn(ask, sender, server.port, 5) for _ in range(32)]
        assert [each.get() for each in asked] == [1] * 32
        assert time.monotonic() - started < 5.0, time.monotonic() - started
    assert server.connections == 32, server.connections

with serving(drip_headers) as server:
    started = time.monotonic()
    try:
        ask(client(server.port), server.port, 0.4)
    except TimeoutUnknown:
        pass
    else:
        raise AssertionError("no timeout")
    assert time.monotonic() - started < 2.0
print("cooperative")
"""


def test_32_greenlets_wait_together_and_a_drip_inside_the_headers_ends_at_the_deadline():
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "cooperative", done.stderr[-2000:]
