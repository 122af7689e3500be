"""The caller's own quota: whose it is, when it refuses, what it tells."""

from dataclasses import replace

import pytest

from faas_toolkit.core.call import Answer, Caller
from faas_toolkit.core.errors import Failure, Throttled, Unavailable
from faas_toolkit.pipeline.admission import Admission, Quota
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import a_call
from tests.fakes.clock import FakeClock

ANSWER = Answer(variables={}, source="test")


class House:
    def __init__(self, *quotas: Quota, max_cells: int = 1_000) -> None:
        self.clock = FakeClock()
        self.cells = MemoryCells(self.clock, max_cells=max_cells)
        self.admission = Admission(quotas=quotas, cells=self.cells, clock=self.clock)
        self.proceeded = 0

    def proceed(self, call):
        self.proceeded += 1
        return ANSWER

    def ask(self, subject="dify:u1", *, verified=False, roles=("member",), app_id="app-1", workspace="w1"):
        caller = Caller(subject=subject, verified=verified, roles=roles)
        self.call = a_call(self.clock, caller=caller, app_id=app_id, workspace=workspace)
        return self.admission(self.call, self.proceed)

    def allowed(self, times: int, **who) -> int:
        """How many of so many are allowed."""
        count = 0
        for _ in range(times):
            try:
                self.ask(**who)
            except Throttled:
                continue
            count += 1
        return count


def user(limit=3, per=60.0):
    return Quota(limit=limit, per=per, by=("user",))


def test_without_quotas_everything_passes_and_nothing_is_said():
    house = House()
    assert house.ask() is ANSWER
    assert house.call.record.decisions == []


def test_a_quota_is_spent_and_comes_back_after_its_period():
    house = House(user(3))
    assert house.allowed(5) == 3
    assert house.proceeded == 3
    house.clock.advance(61)
    assert house.allowed(5) == 3


def test_the_refusal_says_which_quota_and_when_and_nothing_about_others():
    house = House(user(1))
    house.ask(subject="dify:alice")
    with pytest.raises(Throttled) as refused:
        house.ask(subject="dify:alice")
    failure = refused.value
    assert failure.message == "The quota of each user is used up: 1 requests in any 60 s."
    assert 60 < failure.retry_after <= 61
    assert "alice" not in failure.as_text()
    assert failure.not_executed
    assert [(decision.policy, decision.outcome) for decision in house.call.record.decisions] == [("admission", "refused")]
    house.clock.advance(failure.retry_after)
    assert house.ask(subject="dify:alice") is ANSWER


def test_users_and_workspaces_have_their_own():
    house = House(user(2))
    assert house.allowed(3, subject="dify:a") == 2
    assert house.allowed(3, subject="dify:b") == 2
    assert house.allowed(3, subject="dify:a", workspace="w2") == 2


def test_an_unverified_caller_without_an_app_falls_to_the_workspace():
    house = House(user(3))
    refused = [house.allowed(1, subject=f"dify:{number}", app_id=None) for number in range(5)]
    assert refused == [1, 1, 1, 0, 0]
    with pytest.raises(Throttled) as raised:
        house.ask(subject="dify:new", app_id=None)
    assert "shared in this workspace" in raised.value.message
    assert "does not say whose it is" in raised.value.message
    assert house.allowed(1, subject="dify:0", app_id="app-1") == 1


def test_a_verified_caller_keeps_their_own_without_an_app():
    house = House(user(2))
    assert house.allowed(3, subject="alice", verified=True, app_id=None) == 2
    assert house.allowed(3, subject="bob", verified=True, app_id=None) == 2


def test_each_role_of_a_caller_spends():
    house = House(Quota(limit=3, per=60.0, by=("role",)))
    assert house.allowed(2, roles=("sales", "support")) == 2
    assert house.allowed(2, subject="dify:u2", roles=("sales",)) == 1
    assert house.allowed(2, subject="dify:u3", roles=("support",)) == 1


def test_each_app_has_its_own():
    house = House(Quota(limit=2, per=60.0, by=("app",)))
    assert [house.allowed(3, app_id=app) for app in ("a", "b", None)] == [2, 2, 2]


def test_a_combination_counts_each_pair_on_its_own():
    house = House(Quota(limit=2, per=60.0, by=("user", "app")))
    assert [house.allowed(3, subject=s, app_id=a) for s in ("dify:a", "dify:b") for a in ("x", "y")] == [2] * 4


def test_names_that_look_like_a_combination_are_kept_apart():
    house = House(Quota(limit=1, per=60.0, by=("user", "app")))
    names = [("a", "b', 'c"), ("a', 'b", "c"), ("a|b", "c"), ("a", "b|c"), ("\ud800", "\x00"), ("a:b", "c"), ("a", "b:c")]
    assert [house.allowed(2, subject=s, app_id=a, verified=True) for s, a in names] == [1] * len(names)


def test_all_quotas_are_spent_or_none():
    house = House(Quota(limit=5, per=60.0, by=("workspace",)), Quota(limit=1, per=60.0, by=("user",)))
    assert house.allowed(20, subject="dify:greedy") == 1
    assert [house.allowed(1, subject=f"dify:{n}") for n in range(6)] == [1, 1, 1, 1, 0, 0]


def test_a_store_without_room_gives_back_what_was_spent():
    house = House(Quota(limit=2, per=60.0, by=("workspace",)), Quota(limit=5, per=60.0, by=("user",)), max_cells=2)
    house.ask(subject="dify:a")
    for _ in range(5):
        with pytest.raises(Unavailable):
            house.ask(subject="dify:b")
    assert house.ask(subject="dify:a") is ANSWER


def test_of_two_quotas_over_the_same_counter_the_tighter_holds():
    house = House(user(9), user(2), user(5))
    assert house.allowed(10) == 2


def test_a_failure_further_in_stays_spent():
    house = House(user(1))

    def failing(call):
        raise Unavailable("down")

    house.proceed = failing
    with pytest.raises(Unavailable):
        house.ask()
    with pytest.raises(Throttled):
        house.ask()


def test_a_quota_changed_in_the_catalog_keeps_what_was_spent():
    house = House(user(3))
    house.allowed(3)
    house.admission = Admission(quotas=(user(5),), cells=house.cells, clock=house.clock)
    assert house.allowed(5) == 2
    house.admission = Admission(quotas=(replace(user(5), limit=1),), cells=house.cells, clock=house.clock)
    with pytest.raises(Failure) as refused:
        house.ask()
    assert refused.value.retry_after > 0
