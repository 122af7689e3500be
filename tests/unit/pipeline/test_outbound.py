"""The whole outbound chain with streaming sources: retry > gate > send."""

import pytest

from faas_toolkit.core.errors import BadResponse, TimeoutUnknown, Unavailable
from faas_toolkit.core.outbound import BreakerRules, LimitLine, Target
from faas_toolkit.core.stream import End
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import Script, StreamingSource, a_call, an_attempt
from tests.fakes.clock import FakeClock

TARGET = Target(
    id="model:main",
    limits=(LimitLine("requests", 100, 60.0), LimitLine("tokens", 1_000, 60.0), LimitLine("concurrency", 2)),
    breaker=BreakerRules(minimum=2, open_for=15.0),
    max_wait=0.0,
)


class House:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cells = MemoryCells(self.clock)
        self.outbound = build_outbound(cells=self.cells, clock=self.clock, random=lambda: 0.0)
        self.call = a_call(self.clock)

    def ask(self, send, target=TARGET, **more):
        return self.outbound(an_attempt(self.call, target, send, **more))

    @property
    def outcomes(self):
        return [(attempt.number, attempt.outcome) for attempt in self.call.record.attempts]

    @property
    def limits(self):
        return self.cells._cells["w1:model:main"][0].limits


def test_a_stream_that_fails_before_its_first_chunk_is_retried_and_counted():
    house = House()
    source = StreamingSource([Unavailable("reset")], ["an ", "answer"])
    stream = house.ask(source)
    assert source.started == 2
    assert list(stream) == ["an ", "answer", End()]
    assert house.outcomes == [(1, "unavailable"), (2, "ok")]


def test_streams_that_always_fail_before_their_first_chunk_open_the_breaker():
    house = House()
    source = StreamingSource([TimeoutUnknown("no first chunk")])
    with pytest.raises(Unavailable) as refused:
        house.ask(source)
    assert source.started == 2  # the third attempt met the open breaker
    assert refused.value.retry_after == pytest.approx(15.0)
    assert house.outcomes == [(1, "timeout_unknown"), (2, "timeout_unknown"), (3, "unavailable")]


def test_a_stream_that_fails_later_ends_visibly_is_not_retried_and_counts():
    house = House()
    broken = BadResponse("The stream was cut.", retryable=True)
    source = StreamingSource(["half an ans", broken])
    assert list(house.ask(source)) == ["half an ans", End(failure=broken)]
    assert source.started == 1
    assert list(house.ask(source))[-1] == End(failure=broken)
    with pytest.raises(Unavailable):
        house.ask(source)
    assert source.started == 2


def test_a_stream_that_is_never_read_leaks_no_reservation():
    house = House()
    for _ in range(10):
        house.ask(StreamingSource(["never ", "read"], usage={"tokens": 3}), cost={"tokens": 90})
    assert len(house.limits.pending) == 0
    assert house.limits.rings[1].used == 30
    assert house.outcomes == [(1, "cancelled")] * 10


def test_streams_that_are_held_stay_in_flight_until_they_are_closed():
    house = House()
    held = [house.ask(StreamingSource(["one", "two"])) for _ in range(2)]
    assert len(house.limits.pending) == 2
    for stream in held:
        stream.close()
    assert len(house.limits.pending) == 0


def test_a_plain_result_passes_through_as_it_is():
    house = House()
    answer = {"score": 0.7}
    assert house.ask(Script(answer)) is answer


def test_who_shares_a_target_shares_its_gate_and_workspaces_share_nothing():
    house = House()
    narrow = Target(id="function:x", limits=(LimitLine("requests", 1, 60.0),), max_wait=0.0)
    house.ask(Script("by the CRM"), narrow)
    with pytest.raises(Exception, match="1 requests in any 60 s"):
        house.ask(Script("by function_call"), narrow)
    house.call = a_call(house.clock, workspace="w2")
    assert house.ask(Script("elsewhere"), narrow) == "elsewhere"
