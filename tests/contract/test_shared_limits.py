"""Limits over processes of their own on one real Redis; `bench/limiter.py` is the long form."""

import itertools

import pytest

from bench.limiter_processes import Load, Run, run
from tests.fakes.data_servers import RedisServer, running

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(RedisServer, tmp_path_factory.mktemp("redis")) as redis:
        yield redis


def loaded(server, **said) -> Run:
    return run(Load(url=server.url, key=f"run{next(NUMBERS)}", **said))


def test_eight_processes_whose_clocks_differ_keep_one_limit_use_it_and_wait_in_order(server):
    done = loaded(server, limit=30, per=3.0, seconds=7, skew=2.5)
    assert done.most_in_a_period(3.0) <= 30
    assert len(done.starts) >= 90  # three times the limit in a little more than two periods
    assert done.inversions() == 0
    assert done.jain(3) >= 0.95


def test_tokens_that_are_settled_for_less_than_was_reserved_are_used_by_others(server):
    load = {"of": "tokens", "limit": 2_000, "per": 2.0, "seconds": 5, "estimate": 100, "used": (30, 90), "patience": 0.5}
    done = loaded(server, processes=4, **load)
    assert done.most_in_a_period(2.0) <= 2_000
    assert len(done.starts) > 60  # what was reserved alone would let no more through
    assert done.inversions() == 0


def test_what_is_judged_is_judged_right():
    burst = Run(starts=[(0.0, 0.001, 1, 0)] * 3 + [(1.5, 1.501, 2, 0)])
    assert (burst.most_in_a_period(1.0), burst.most_in_a_period(2.0)) == (3, 5)
    assert Run(bookings=[(0.0, 0.1, 5.0), (0.2, 0.3, 1.0)]).inversions() == 1
    assert Run(bookings=[(0.0, 0.1, 1.0), (0.05, 0.3, 0.5), (0.4, 0.5, 9.0)]).inversions() == 0
    assert Run(starts=[(0, 0, 1, caller) for caller in (0, 0, 0, 1)]).jain(2) == 0.8
