"""Reading the wire on the hub: nothing is lost, nobody is held up, the end does not spin."""

import contextlib
import os

import gevent
import pytest
from gevent.monkey import get_original

from faas_toolkit.dify import stdin
from faas_toolkit.dify.stdin import IN_A_ROW, PIECE_BYTES, StandardInput

close = get_original("os", "close")  # gevent's own waits for the hub


@pytest.fixture
def pipe():
    inside, outside = os.pipe()
    yield inside, outside
    close(inside)
    with contextlib.suppress(OSError):
        close(outside)


def test_what_has_come_is_read_at_once(pipe):
    inside, outside = pipe
    os.write(outside, b"one line\n")
    assert StandardInput(inside).read() == b"one line\n"


def test_others_run_while_nothing_has_come(pipe):
    inside, outside = pipe
    reader = gevent.spawn(StandardInput(inside).read)
    gevent.spawn(lambda: os.write(outside, b"late\n"))
    assert reader.get(timeout=5) == b"late\n"


def test_others_come_in_between_however_much_is_waiting(pipe):
    inside, outside = pipe
    source, order = StandardInput(inside), []

    def read():
        for _ in range(2 * IN_A_ROW + 1):
            os.write(outside, b"more\n")  # whenever it looks, there is something
            source.read()
            order.append("read")

    reader = gevent.spawn(read)
    gevent.spawn(lambda: order.append("other"))
    reader.get(timeout=5)
    assert order[: IN_A_ROW + 1] == ["read"] * IN_A_ROW + ["other"]


def test_large_input_comes_in_pieces_and_whole(pipe):
    inside, outside = pipe
    sent = bytes(range(256)) * 4_096
    writer = gevent.spawn(lambda: gevent.get_hub().threadpool.apply(os.write, (outside, sent)))
    source, received = StandardInput(inside), b""
    while len(received) < len(sent):
        piece = source.read()
        assert 0 < len(piece) <= PIECE_BYTES
        received += piece
    assert writer.get(timeout=5) == len(sent)
    assert received == sent


def test_at_the_end_it_waits_a_moment_each_time(pipe, monkeypatch):
    inside, outside = pipe
    close(outside)
    slept = []
    monkeypatch.setattr(stdin.gevent, "sleep", slept.append)
    source = StandardInput(inside)
    assert [source.read() for _ in range(3)] == [b""] * 3
    assert slept == [0.05] * 3


def test_a_file_is_read_to_its_end(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"x" * (PIECE_BYTES * IN_A_ROW) + b"end")
    with path.open("rb") as file:
        source = StandardInput(file.fileno())
        assert b"".join(source.read() for _ in range(IN_A_ROW + 1)).endswith(b"xend")
