"""Long work gives way to other calls, portion by portion."""

import pytest

from faas_toolkit.core.offload import Background, InlineOffload, Pace


def test_each_portion_of_work_gives_way_once():
    turns = []
    pace = Pace(lambda: turns.append(1))
    for _ in range(10):
        pace(Pace.PORTION // 2)
    assert len(turns) == 5
    pace(Pace.PORTION * 100)
    assert len(turns) == 6


def test_small_work_does_not_give_way():
    turns = []
    Pace(lambda: turns.append(1))(Pace.PORTION - 1)
    assert turns == []


def test_where_nothing_waits_work_goes_on():
    Pace(InlineOffload().give_way)(Pace.PORTION)
    Pace()(Pace.PORTION)


def test_what_closes_waits_for_what_runs_in_the_background():
    later, done = [], []
    background = Background(later.append)
    background.spawn(lambda: done.append("one"))
    background.spawn(lambda: done.append("two"))
    background.end_with(lambda: done.append("closed"))
    assert done == []
    for work in later:
        work()
    assert done == ["one", "two", "closed"]
    background.spawn(lambda: done.append("three"))
    later[-1]()
    assert done == ["one", "two", "closed", "three"]


def test_what_closes_does_so_at_once_where_nothing_runs():
    done = []
    background = Background(InlineOffload().spawn)
    background.spawn(lambda: done.append("one"))
    background.end_with(lambda: done.append("closed"))
    assert done == ["one", "closed"]


def test_what_closes_does_so_after_work_that_failed():
    later, done = [], []
    background = Background(later.append)
    background.spawn(lambda: done.append(1 / 0))
    background.end_with(lambda: done.append("closed"))
    with pytest.raises(ZeroDivisionError):
        later[0]()
    assert done == ["closed"]
