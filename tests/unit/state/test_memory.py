"""Cells in the memory of one process."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.clock import FakeClock


@dataclass
class Count:
    """Counts its runs; the cell lives for `lifetime` seconds."""

    name: ClassVar[str] = "test.count"
    lifetime: float = 10.0

    def __call__(self, state: int | None, now: float) -> tuple[int | None, int, float]:
        return (state or 0) + 1, (state or 0) + 1, self.lifetime


class Empty:
    name = "test.empty"

    def __call__(self, state: int | None, now: float) -> tuple[int | None, int | None, float]:
        return None, state, 0.0


class Broken:
    name = "test.broken"

    def __call__(self, state: int | None, now: float) -> tuple[int | None, int, float]:
        raise RuntimeError("a step that fails")


def test_a_cell_keeps_what_its_step_returned_and_keys_do_not_meet():
    cells = MemoryCells(FakeClock())
    assert [cells.apply("w1:a", Count()), cells.apply("w1:a", Count()), cells.apply("w2:a", Count())] == [1, 2, 1]


def test_a_step_sees_nothing_of_an_expired_cell():
    clock = FakeClock()
    cells = MemoryCells(clock)
    cells.apply("k", Count(lifetime=10))
    clock.advance(9.9)
    assert cells.apply("k", Count(lifetime=10)) == 2
    clock.advance(10)
    assert cells.apply("k", Count()) == 1


def test_a_step_that_returns_no_state_empties_the_cell():
    cells = MemoryCells(FakeClock())
    cells.apply("k", Count())
    assert cells.apply("k", Empty()) == 1
    assert len(cells) == 0
    assert cells.apply("k", Empty()) is None


def test_a_failing_step_changes_nothing():
    cells = MemoryCells(FakeClock())
    cells.apply("k", Count())
    with pytest.raises(RuntimeError):
        cells.apply("k", Broken())
    assert cells.apply("k", Count()) == 2


def test_expired_cells_are_dropped_when_new_ones_come():
    clock = FakeClock()
    cells = MemoryCells(clock)
    for number in range(20_000):
        cells.apply(f"k{number}", Count(lifetime=1))
        clock.advance(0.01)
    assert len(cells) < 3_000


def test_a_full_store_refuses_a_new_key_and_forgets_no_live_one():
    clock = FakeClock()
    cells = MemoryCells(clock, max_cells=10)
    for number in range(10):
        cells.apply(f"k{number}", Count(lifetime=60))
    for number in range(100):
        with pytest.raises(Unavailable) as refused:
            cells.apply(f"new{number}", Count())
        assert refused.value.not_executed
    assert [cells.apply(f"k{number}", Count(lifetime=60)) for number in range(10)] == [2] * 10
    clock.advance(61)
    assert cells.apply("new", Count()) == 1


def test_a_full_store_takes_the_room_of_one_that_expired():
    clock = FakeClock()
    cells = MemoryCells(clock, max_cells=10)
    cells.apply("short", Count(lifetime=1))
    for number in range(9):
        cells.apply(f"k{number}", Count(lifetime=60))
    with pytest.raises(Unavailable):
        cells.apply("new", Count())
    clock.advance(1)
    assert cells.apply("new", Count()) == 1
