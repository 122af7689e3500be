"""An OpenAI-compatible server for benchmarks, as a process of its own: `python -m bench.model_server` prints its port.

Below `/small` and `/large` it is a function that answers with data.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gevent.server import StreamServer
from gevent.socket import socket

PIECES = 12
TOKENS = {"prompt_tokens": 20, "completion_tokens": PIECES, "total_tokens": 20 + PIECES}


def answer() -> bytes:
    """One streamed answer, chunked as servers send it."""
    events = [{"model": "bench", "choices": [{"index": 0, "delta": {"content": f"word{n} "}}]} for n in range(PIECES)]
    events.append({"model": "bench", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    events.append({"model": "bench", "choices": [], "usage": TOKENS})
    lines = [*(json.dumps(event) for event in events), "[DONE]"]
    chunks = [f"data: {line}\n\n".encode() for line in lines]
    body = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + body


RECORD = {"name": "Zhang Wei", "email": "zhang.wei@example.com", "phone": "138-1234-5678", "note": "met at the fair"}


def data(records: int) -> bytes:
    """What a function answers."""
    body = json.dumps({"records": [RECORD | {"id": number} for number in range(records)]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def converse(wire: socket, _: object) -> None:
    """Answers one request after the other on a connection."""
    said, functions, waiting = answer(), {b"/small": data(1), b"/large": data(6_000)}, b""
    while True:
        while b"\r\n\r\n" not in waiting:
            received = wire.recv(65_536)
            if not received:
                return
            waiting += received
        head, _, rest = waiting.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].split(b":")[1]) if lengths else 0
        while len(rest) < length:
            rest += wire.recv(65_536)
        waiting = rest[length:]
        wire.sendall(functions.get(head.split(b" ", 2)[1], said))


@contextmanager
def serving() -> Iterator[str]:
    """Runs it as a process of its own until the block ends; its address."""
    server = subprocess.Popen([sys.executable, "-m", "bench.model_server"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None  # noqa: S101 - it was asked for
    try:
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Serves until it is ended."""
    server = StreamServer(("127.0.0.1", 0), converse)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
