"""Waiting for a place in flight, over processes."""

from faas_toolkit.pipeline.waiters import SEEN_WITHIN, Waiters

PATIENT = 10_000_000


def test_who_does_not_wait_comes_after_all_who_do():
    waiters = Waiters()
    assert waiters.ahead("a", 0) == 0
    waiters.note("a", 0, PATIENT)
    waiters.note("b", 1, PATIENT)
    assert [waiters.ahead(call, 2) for call in "abc"] == [0, 1, 2]


def test_asking_again_keeps_the_place_in_the_order():
    waiters = Waiters()
    for now, call in enumerate("aba"):
        waiters.note(call, now * 100_000, PATIENT)
    assert waiters.ahead("a", 300_000) == 0


def test_who_is_not_seen_for_a_while_has_gone():
    waiters = Waiters()
    waiters.note("a", 0, PATIENT)
    assert waiters.ahead("b", SEEN_WITHIN - 1) == 1
    assert waiters.ahead("b", SEEN_WITHIN) == 0


def test_who_has_no_patience_left_is_not_waited_for():
    waiters = Waiters()
    waiters.note("a", 0, 1_000)
    assert waiters.ahead("b", 1_000) == 0
    waiters.note("a", 2_000, PATIENT)
    waiters.note("a", 3_000, 0)
    assert waiters.ahead("b", 3_000) == 0


def test_one_s_own_place_outlives_one_s_absence():
    waiters = Waiters()
    waiters.note("a", 0, PATIENT)
    waiters.note("b", 0, PATIENT)
    assert waiters.ahead("a", 2 * SEEN_WITHIN) == 0
