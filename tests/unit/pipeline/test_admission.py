"""The caller's own quota: whose it is, when it refuses, what it tells."""

from dataclasses import replace

import pytest

from faas_toolkit.core.call import Answer, Caller
from faas_toolkit.core.errors import Failure, QuotaSpent, Throttled, Unavailable
from faas_toolkit.core.stream import Stream
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


class TestConcurrency:
    def house(self, limit=2, by=("user",)):
        return House(Quota(of="concurrency", limit=limit, by=by))

    def test_calls_under_way_are_counted_and_their_end_makes_room(self):
        house = self.house()
        inner = []

        def nested(call):
            inner.append(len(inner))
            return house.admission(a_call(house.clock, caller=call.caller), nested) if len(inner) < 5 else ANSWER

        house.proceed = nested
        with pytest.raises(QuotaSpent) as refused:
            house.ask()
        assert len(inner) == 2
        assert refused.value.message == "The quota of each user is used up: 2 calls at the same time."
        assert refused.value.retry_after == 1.0
        inner.clear()
        house.proceed = lambda call: ANSWER
        assert [house.ask() for _ in range(5)] == [ANSWER] * 5

    def test_a_stream_is_under_way_until_its_end_however_it_ends(self):
        house = self.house(limit=1)
        house.proceed = lambda call: Stream.primed(iter(["one", "two"]))
        stream = house.ask()
        with pytest.raises(QuotaSpent):
            house.ask()
        stream.close()
        second = house.ask()
        list(second)
        third = house.ask()
        del third
        assert isinstance(house.ask(), Stream)

    def test_a_failure_makes_room(self):
        house = self.house(limit=1)

        def failing(call):
            raise Unavailable("down")

        house.proceed = failing
        for _ in range(3):
            with pytest.raises(Unavailable):
                house.ask()

    def test_a_place_of_one_that_died_comes_back_with_its_lease(self):
        house = self.house(limit=1)
        house.proceed = lambda call: Stream.primed(iter(["one", "two"]))
        lost = house.ask()
        house.clock.advance(230 + 6)
        second = house.ask()
        lost.close()
        with pytest.raises(QuotaSpent):
            house.ask()
        second.close()

    def test_an_answer_is_given_also_where_the_store_is_gone_by_then(self):
        house = self.house()

        class Gone:
            def apply(self, keys, step):
                raise Unavailable("the store is gone")

        def losing(call):
            house.admission._cells = Gone()
            return ANSWER

        house.proceed = losing
        assert house.ask() is ANSWER


class TestAllAtOnce:
    def test_one_step_decides_on_all_quotas_of_a_call(self):
        house = House(user(5), Quota(limit=9, per=60.0, by=("app",)), Quota(of="concurrency", limit=3, by=("role",)))
        steps = []
        apply = house.cells.apply
        house.cells.apply = lambda keys, step: (steps.append((step.name, len(keys))), apply(keys, step))[1]
        house.ask(roles=("a", "b"))
        assert steps == [("quota.spend", 4), ("quota.release", 2)]

    def test_a_role_named_twice_spends_once(self):
        house = House(Quota(limit=2, per=60.0, by=("role",)))
        assert house.allowed(3, roles=("sales", "sales")) == 2

    def test_requests_and_calls_under_way_are_taken_together_or_not_at_all(self):
        house = House(Quota(limit=2, per=60.0, by=("user",)), Quota(of="concurrency", limit=1, by=("workspace",)))
        house.proceed = lambda call: Stream.primed(iter(["one", "two"]))
        held = house.ask()
        for _ in range(5):
            with pytest.raises(QuotaSpent, match="this workspace"):
                house.ask()
        held.close()
        assert isinstance(house.ask(), Stream)


class TestWhatGoesOn:
    """Quotas that are spent where a model is asked."""

    def lines(self, *quotas: Quota, **who):
        house = House(*quotas)
        house.proceed = lambda call: (setattr(house, "inner", call), ANSWER)[1]
        house.ask(**who)
        return house.inner.quotas

    def test_tokens_cost_and_whatever_is_by_model_go_on_with_the_call_the_general_ones_first(self):
        lines = self.lines(
            Quota(limit=3, per=60.0, by=("user", "model")),
            Quota(of="tokens", limit=1_000, per=60.0),
            Quota(of="cost", limit=2_500_000, per=60.0, currency="CNY", by=("workspace",)),
            Quota(of="concurrency", limit=1, by=("model",)),
            Quota(limit=9, per=60.0),
        )
        assert [(line.line.unit, line.whose, line.by_model) for line in lines] == [
            ("cost:CNY", "this workspace", False),
            ("tokens", "each user", False),
            ("requests", "each user and model", True),
            ("concurrency", "each model", True),
        ]
        assert len({line.key for line in lines}) == 4
        assert all(line.key.startswith("w1:quota:") for line in lines)

    def test_they_are_those_of_the_caller(self):
        quota = Quota(of="tokens", limit=1_000, per=60.0, by=("role", "app"))
        assert len(self.lines(quota, roles=("a", "b"))) == 2
        assert self.lines(quota, roles=("a",)) == self.lines(quota, roles=("a",), subject="dify:other")
        assert self.lines(quota, roles=("a",)) != self.lines(quota, roles=("a",), app_id="other")

    def test_currencies_are_counted_apart(self):
        quotas = [Quota(of="cost", limit=5, per=60.0, currency=currency) for currency in ("CNY", "USD")]
        assert len({line.key for line in self.lines(*quotas)}) == 2

    def test_a_caller_who_falls_to_the_workspace_is_told_so(self):
        (line,) = self.lines(Quota(of="tokens", limit=1_000, per=60.0, by=("user", "model")), app_id=None)
        assert line.whose == "each user and model, shared in this workspace because this call does not say whose it is"


def test_the_names_of_counters_tell_nobody_s_name():
    house = House(user(2), Quota(limit=9, per=60.0, by=("role", "app")))
    house.ask(subject="dify:alice", roles=("accountants",), app_id="app-payroll")
    keys = " ".join(house.cells._cells)
    assert keys.count("w1:quota:") == 2
    assert not any(word in keys for word in ("alice", "accountants", "payroll"))
