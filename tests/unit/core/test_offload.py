"""Long work gives way to other calls, portion by portion."""

from faas_toolkit.core.offload import InlineOffload, Pace


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
