"""Deadlines, the machine's clock, and work done in place."""

import time

import pytest

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import FIRST_CONTENT_SECONDS, IDLE_SECONDS, TOTAL_SECONDS, Deadline, Deadlines, StreamPace
from faas_toolkit.core.errors import TimeoutUnknown, Unavailable
from faas_toolkit.core.offload import POOL_SIZES, InlineOffload


def test_what_remains_shrinks_and_is_never_negative(clock):
    deadline = Deadline.after(clock, 10)
    clock.advance(4)
    assert deadline.remaining() == 6
    assert not deadline.expired()
    clock.advance(6)
    assert deadline.expired()
    clock.advance(100)
    assert deadline.remaining() == 0


def test_the_earlier_of_two_holds(clock):
    deadline = Deadline.after(clock, 10)
    assert deadline.earlier(3).remaining() == 3
    assert deadline.earlier(30).remaining() == 10
    assert deadline.remaining() == 10


def test_time_left_raises_nothing(clock):
    Deadline.after(clock, 0.1).require("the store", sent=True)


def test_time_up_before_sending_is_safe_to_repeat(clock):
    with pytest.raises(Unavailable, match="No time was left to ask the store") as caught:
        Deadline.after(clock, 0).require("the store", sent=False)
    assert caught.value.not_executed


def test_time_up_after_sending_may_have_run(clock):
    with pytest.raises(TimeoutUnknown, match="No answer from the store") as caught:
        Deadline.after(clock, 0).require("the store", sent=True)
    assert not caught.value.not_executed


def test_a_call_has_the_three_bounds_of_the_design(clock):
    deadlines = Deadlines.start(clock)
    assert (deadlines.first_content.remaining(), deadlines.idle, deadlines.total.remaining()) == (50, 60, 230)
    assert (FIRST_CONTENT_SECONDS, IDLE_SECONDS, TOTAL_SECONDS) == (50, 60, 230)


def test_the_machine_s_clock_measures_stamps_and_waits():
    clock = SystemClock()
    started = clock.monotonic()
    clock.sleep(0.002)
    assert clock.monotonic() - started >= 0.002
    assert abs(clock.epoch() - time.time()) < 5  # noqa: TID251 - compared with the real one


def test_work_done_in_place_answers_and_raises_in_place():
    offload, done = InlineOffload(), []
    assert [offload.run(pool, lambda: 7) for pool in POOL_SIZES] == [7, 7, 7]
    offload.spawn(lambda: done.append(1))
    assert done == [1]
    with pytest.raises(KeyError):
        offload.run("parse", lambda: {}["x"])


def a_pace(clock, *, first=10.0, total=100.0, idle=5.0):
    first_content = Deadline.after(clock, first)
    return StreamPace(first_content, Deadlines(first_content, Deadline.after(clock, total), idle))


def test_until_the_first_content_time_only_shrinks(clock):
    pace = a_pace(clock)
    clock.advance(4)
    assert pace.remaining() == 6
    clock.advance(7)
    assert pace.remaining() == 0


def test_once_content_flows_each_piece_has_the_idle_time_within_the_total(clock):
    pace = a_pace(clock)
    pace.flow()
    clock.advance(50)
    assert pace.remaining() == 5
    clock.advance(47)
    assert pace.remaining() == 3


def test_after_the_last_content_little_is_waited(clock):
    pace = a_pace(clock)
    pace.flow()
    pace.wind_down(2.0)
    pace.wind_down(0.1)
    assert pace.remaining() == pytest.approx(0.1)
    pace.wind_down(2.0)
    clock.advance(0.06)
    assert pace.remaining() == pytest.approx(0.04), "it is one time for all pieces"
    clock.advance(1)
    assert pace.remaining() == 0
