"""Cells in the memory of one process."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.base import Change
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.clock import FakeClock


@dataclass
class Count:
    """Counts its runs in each of its cells; they live for `lifetime` seconds."""

    name: ClassVar[str] = "test.count"
    lifetime: float = 10.0

    def __call__(self, states: Sequence[int | None], now: int) -> Change[int]:
        counted = [(state or 0) + 1 for state in states]
        return Change(counted, [int(self.lifetime * 1_000_000)] * len(counted), counted[0])


class Empty:
    name = "test.empty"

    def __call__(self, states: Sequence[int | None], now: int) -> Change[int | None]:
        return Change([None] * len(states), [0] * len(states), states[0])


class Broken:
    name = "test.broken"

    def __call__(self, states: Sequence[int | None], now: int) -> Change[int]:
        raise RuntimeError("a step that fails")


def test_a_cell_keeps_what_its_step_returned_and_keys_do_not_meet():
    cells = MemoryCells(FakeClock())
    assert [cells.apply(("w1:a",), Count()), cells.apply(("w1:a",), Count()), cells.apply(("w2:a",), Count())] == [1, 2, 1]


def test_a_step_sees_nothing_of_an_expired_cell():
    clock = FakeClock()
    cells = MemoryCells(clock)
    cells.apply(("k",), Count(lifetime=10))
    clock.advance(9.9)
    assert cells.apply(("k",), Count(lifetime=10)) == 2
    clock.advance(10)
    assert cells.apply(("k",), Count()) == 1


def test_a_step_that_returns_no_state_empties_the_cell():
    cells = MemoryCells(FakeClock())
    cells.apply(("k",), Count())
    assert cells.apply(("k",), Empty()) == 1
    assert len(cells) == 0
    assert cells.apply(("k",), Empty()) is None


def test_a_failing_step_changes_nothing():
    cells = MemoryCells(FakeClock())
    cells.apply(("k",), Count())
    with pytest.raises(RuntimeError):
        cells.apply(("k",), Broken())
    assert cells.apply(("k",), Count()) == 2


def test_expired_cells_are_dropped_when_new_ones_come():
    clock = FakeClock()
    cells = MemoryCells(clock)
    for number in range(20_000):
        cells.apply((f"k{number}",), Count(lifetime=1))
        clock.advance(0.01)
    assert len(cells) < 3_000


def test_a_full_store_refuses_a_new_key_and_forgets_no_live_one():
    clock = FakeClock()
    cells = MemoryCells(clock, max_cells=10)
    for number in range(10):
        cells.apply((f"k{number}",), Count(lifetime=60))
    for number in range(100):
        with pytest.raises(Unavailable) as refused:
            cells.apply((f"new{number}",), Count())
        assert refused.value.not_executed
    assert [cells.apply((f"k{number}",), Count(lifetime=60)) for number in range(10)] == [2] * 10
    clock.advance(61)
    assert cells.apply(("new",), Count()) == 1


def test_a_full_store_takes_the_room_of_one_that_expired():
    clock = FakeClock()
    cells = MemoryCells(clock, max_cells=10)
    cells.apply(("short",), Count(lifetime=1))
    for number in range(9):
        cells.apply((f"k{number}",), Count(lifetime=60))
    with pytest.raises(Unavailable):
        cells.apply(("new",), Count())
    clock.advance(1)
    assert cells.apply(("new",), Count()) == 1


def test_several_cells_are_changed_together():
    cells = MemoryCells(FakeClock())
    cells.apply(("w1:a",), Count())
    assert cells.apply(("w1:b", "w1:a"), Count()) == 1
    assert [cells.apply((key,), Count()) for key in ("w1:a", "w1:b")] == [3, 2]


def test_a_step_over_several_cells_runs_only_where_there_is_room_for_all_of_them():
    cells = MemoryCells(FakeClock(), max_cells=3)
    cells.apply(("a", "b"), Count(lifetime=60))
    with pytest.raises(Unavailable):
        cells.apply(("a", "c", "d"), Count(lifetime=60))
    assert cells.apply(("a", "c"), Count(lifetime=60)) == 2
    assert len(cells) == 3


def test_time_is_handed_to_steps_in_whole_microseconds():
    clock = FakeClock(monotonic=12.3456789)
    seen = []

    class Look:
        name = "test.look"

        def __call__(self, states, now):
            seen.append(now)
            return Change([None], [0], None)

    MemoryCells(clock).apply(("k",), Look())
    assert seen == [12_345_679]
