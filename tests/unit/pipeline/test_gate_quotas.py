"""A caller's quotas of tokens and cost where a model is asked: reserved, settled, refused, and nobody else's business."""

import itertools

import pytest

from faas_toolkit.core.call import Call
from faas_toolkit.core.errors import BadResponse, QuotaSpent, Throttled, TimeoutUnknown, Unavailable
from faas_toolkit.core.outbound import BreakerRules, CallerLine, LimitLine, Target
from faas_toolkit.pipeline.gate import Gate
from faas_toolkit.pipeline.outbound import build_outbound
from faas_toolkit.state.memory import MemoryCells
from tests.fakes.attempts import Script, StreamingSource, a_call, an_attempt
from tests.fakes.clock import FakeClock
from tests.fakes.simulated_time import SimulatedTime

TOKENS = LimitLine("tokens", 1_000, 60.0)
CNY = LimitLine("cost", 2_000_000, 60.0, currency="CNY")


def own(line: LimitLine, name: str = "alice", *, by_model: bool = False) -> CallerLine:
    return CallerLine(key=f"w1:quota:{name}:{line.unit}", line=line, whose="each user", by_model=by_model)


class House:
    def __init__(self, *quotas: CallerLine, **target) -> None:
        self.clock = FakeClock()
        self.cells = MemoryCells(self.clock)
        self.gate = Gate(cells=self.cells, clock=self.clock)
        self.target = Target(id="model:main", **target)
        self.quotas = quotas

    def call(self, quotas=None) -> Call:
        call = a_call(self.clock)
        object.__setattr__(call, "quotas", self.quotas if quotas is None else quotas)
        return call

    def ask(self, send=None, *, tokens=100, quotas=None, model="chat.main", number=1, **more):
        more.setdefault("cost", {"tokens": tokens})
        attempt = an_attempt(self.call(quotas), self.target, send or Script("a"), model=model, **more)
        return self.gate.send(attempt, self.gate.enter(attempt, number))

    def used(self, key: str) -> int:
        held = self.cells._cells.get(key)
        if held is None:
            return 0
        limits = getattr(held[0], "limits", held[0])
        return sum(ring.used for ring in limits.rings)


def test_what_was_reserved_is_settled_with_what_was_really_used():
    house = House(own(TOKENS))
    house.ask(tokens=600, usage=lambda _: {"tokens": 50})
    assert house.used("w1:quota:alice:tokens") == 50
    house.ask(tokens=600, usage=lambda _: {"tokens": 1_200})
    with pytest.raises(QuotaSpent) as refused:
        house.ask(tokens=1)
    assert refused.value.message == "The quota of each user is used up: 1000 tokens in any 60 s."
    assert 60 < refused.value.retry_after <= 62
    assert refused.value.not_executed
    house.clock.advance(refused.value.retry_after)
    assert house.ask(tokens=1) == "a"


def test_a_stream_is_settled_at_its_end():
    house = House(own(TOKENS), own(CNY))
    stream = house.ask(
        StreamingSource(["one", "two"], usage={"tokens": 42, "cost:CNY": 7}), cost={"tokens": 900, "cost:CNY": 800}
    )
    assert (house.used("w1:quota:alice:tokens"), house.used("w1:quota:alice:cost:CNY")) == (900, 800)
    list(stream)
    assert (house.used("w1:quota:alice:tokens"), house.used("w1:quota:alice:cost:CNY")) == (42, 7)


def test_calls_at_the_same_time_cannot_spend_the_same_tokens():
    house = House(own(TOKENS))
    streams = [house.ask(StreamingSource(["one", "two"]), tokens=400) for _ in range(2)]
    with pytest.raises(QuotaSpent):
        house.ask(tokens=400)
    for stream in streams:
        stream.close()


@pytest.mark.parametrize(
    ("failure", "kept"),
    [
        (Throttled("429", not_executed=True), 0),
        (Unavailable("refused", not_executed=True), 0),
        (TimeoutUnknown("no answer"), 100),
        (BadResponse("garbage"), 100),
    ],
)
def test_a_failure_gives_back_to_the_caller_what_it_gives_back_to_the_target(failure, kept):
    house = House(own(TOKENS), limits=(LimitLine("tokens", 5_000, 60.0),))
    with pytest.raises(type(failure)):
        house.ask(Script(failure))
    assert house.used("w1:quota:alice:tokens") == house.used("w1:model:main") == kept


def test_one_step_decides_on_the_target_and_all_quotas_and_one_settles():
    house = House(own(TOKENS), own(CNY), own(TOKENS, "app"))
    steps = []
    apply = house.cells.apply
    house.cells.apply = lambda keys, step: (steps.append((step.name, len(keys))), apply(keys, step))[1]
    house.ask()
    assert steps == [("gate.enter", 4), ("gate.settle", 4)]


def test_a_refusal_by_a_quota_takes_nothing_from_the_target_and_one_by_the_target_nothing_from_the_quota():
    house = House(own(TOKENS), limits=(LimitLine("tokens", 2_500, 60.0),), max_wait=0)
    house.ask(tokens=900)
    with pytest.raises(QuotaSpent):
        house.ask(tokens=200)
    assert house.used("w1:model:main") == 900
    house.ask(tokens=1_600, quotas=())
    with pytest.raises(Throttled, match="model:main allows"):
        house.ask(tokens=50)
    assert house.used("w1:quota:alice:tokens") == 900


def test_a_callers_quota_never_delays_anybody():
    house = House(own(TOKENS), limits=(LimitLine("tokens", 1_000_000, 60.0),), max_wait=100)
    house.ask(tokens=1_000)
    with pytest.raises(QuotaSpent):
        house.ask(tokens=1)
    assert house.clock.slept == []
    assert house.ask(tokens=1, quotas=()) == "a"
    assert house.clock.slept == []


def test_one_who_waits_for_a_target_can_ask_another_meanwhile():
    house = House(own(TOKENS), limits=(LimitLine("requests", 1, 30.0),), max_wait=100)
    other = Target(id="model:other")
    house.ask(tokens=100)
    entered = []

    def meanwhile(seconds):
        if not entered:
            attempt = an_attempt(house.call(), other, Script("b"), model="chat.other", cost={"tokens": 100})
            entered.append(house.gate.send(attempt, house.gate.enter(attempt, 1)))
        type(house.clock).sleep(house.clock, seconds)

    house.clock.sleep = meanwhile
    assert house.ask(tokens=100) == "a"
    assert entered == ["b"]


def test_the_refusals_of_a_quota_say_nothing_against_the_target():
    house = House(own(TOKENS), breaker=BreakerRules(minimum=1))
    house.ask(tokens=1_000)
    for _ in range(20):
        with pytest.raises(QuotaSpent):
            house.ask()
    assert house.cells._cells["w1:model:main"][0].breaker.open_until is None
    assert house.ask(quotas=()) == "a"


def test_one_of_a_gate_further_in_leaves_the_outer_target_alone():
    house = House(own(TOKENS))
    outer = Target(id="app:a1", limits=(LimitLine("tokens", 5_000, 60.0),))
    house.ask(tokens=1_000)

    def through_both(quotas):
        attempt = an_attempt(house.call(quotas), outer, lambda _: house.ask(quotas=quotas), cost={"tokens": 100})
        return house.gate.send(attempt, house.gate.enter(attempt, 1))

    with pytest.raises(QuotaSpent):
        through_both(None)
    assert house.used("w1:app:a1") == 0
    assert through_both(()) == "a"
    assert house.clock.slept == []


def test_a_limit_further_in_leaves_the_outer_target_alone_too():
    house = House(limits=(LimitLine("requests", 1, 60.0),), max_wait=0)
    outer = Target(id="app:a1", limits=(LimitLine("requests", 5, 60.0, adapt_to=9),), max_wait=0)

    def through_both():
        attempt = an_attempt(house.call(), outer, lambda _: house.ask())
        return house.gate.send(attempt, house.gate.enter(attempt, 1))

    assert through_both() == "a"
    for _ in range(3):
        with pytest.raises(Throttled, match="model:main allows 1 requests"):
            through_both()
    assert house.used("w1:app:a1") == 1
    assert house.cells._cells["w1:app:a1"][0].not_before == 0


def test_a_quota_by_model_counts_each_deployment_on_its_own_and_lets_another_be_asked():
    house = House(own(TOKENS, by_model=True))
    house.ask(tokens=1_000, model="chat.main")
    with pytest.raises(QuotaSpent) as refused:
        house.ask(model="chat.main")
    assert refused.value.by_model
    assert house.ask(model="chat.other") == "a"


def test_requests_and_calls_under_way_by_model_are_counted_where_the_model_is_asked():
    house = House(own(LimitLine("requests", 2, 60.0), by_model=True), own(LimitLine("concurrency", 1), by_model=True))
    stream = house.ask(StreamingSource(["one", "two"]))
    with pytest.raises(QuotaSpent, match="1 calls at the same time"):
        house.ask()
    stream.close()
    house.ask()
    with pytest.raises(QuotaSpent, match="2 requests"):
        house.ask()


def test_what_asks_no_model_spends_nothing():
    house = House(own(LimitLine("tokens", 1, 60.0)), own(LimitLine("requests", 1, 60.0), by_model=True))
    assert [house.ask(model=None, cost={}) for _ in range(5)] == ["a"] * 5
    assert house.used("w1:quota:alice:tokens") == 0


@pytest.mark.parametrize("real", [(100,), (20, 35, 100, 61)])
def test_no_rolling_period_holds_more_than_a_quota_under_load_whatever_calls_give_back(real):
    clock, used = SimulatedTime(), []
    house = House(own(LimitLine("tokens", 1_000, 10.0)), limits=(LimitLine("requests", 300, 10.0),))
    house.clock = clock
    house.cells = MemoryCells(clock)
    house.gate = Gate(cells=house.cells, clock=clock)
    until = clock.monotonic() + 100

    def keep_asking(number):
        amounts = itertools.cycle(real[number % len(real) :] + real[: number % len(real)])
        while clock.monotonic() < until:
            came, amount = clock.monotonic(), next(amounts)

            def send(deadline, amount=amount, came=came):
                used.append((came, amount))
                clock.sleep(0.05 * (number % 7))
                return amount

            try:
                house.ask(send, usage=lambda spent: {"tokens": spent})
            except QuotaSpent:
                clock.sleep(0.11)

    for greenlet in clock.run([lambda n=n: keep_asking(n) for n in range(12)]):
        greenlet.get()
    assert max(sum(amount for at, amount in used if came - 10 < at <= came) for came, _ in used) <= 1_000
    assert sum(amount for _, amount in used) >= 0.9 * 1_000 * 10


class TestMoreThanAWholeQuota:
    def test_what_may_be_needed_but_need_not_books_at_most_the_whole(self):
        house = House(own(TOKENS))
        assert house.ask(tokens=50_000, least={"tokens": 10}, usage=lambda _: {"tokens": 300}) == "a"
        assert house.used("w1:quota:alice:tokens") == 300
        with pytest.raises(QuotaSpent):
            house.ask(tokens=50_000, least={"tokens": 10})

    def test_what_is_needed_in_any_case_is_refused_for_ever_and_says_so(self):
        house = House(own(TOKENS))
        with pytest.raises(QuotaSpent) as refused:
            house.ask(tokens=50_000, least={"tokens": 2_000})
        assert "needs 2000 tokens at once, but the quota of each user is 1000 tokens" in refused.value.message
        assert not refused.value.retryable
        assert refused.value.retry_after is None


class TestCost:
    def test_it_is_said_in_its_currency(self):
        house = House(own(CNY))
        house.ask(cost={"tokens": 1, "cost:CNY": 2_000_000})
        with pytest.raises(QuotaSpent, match=r"2 CNY in any 60 s"):
            house.ask(cost={"tokens": 1, "cost:CNY": 1})

    def test_another_currency_and_no_price_count_nothing(self):
        house = House(own(CNY))
        for _ in range(5):
            house.ask(cost={"tokens": 1, "cost:USD": 5_000_000})
            house.ask(cost={"tokens": 1})
        assert house.used("w1:quota:alice:cost:CNY") == 0

    def test_a_cost_that_only_the_answer_tells_is_charged_afterwards(self):
        house = House(own(CNY))
        house.ask(usage=lambda _: {"tokens": 1, "cost:CNY": 2_500_000})
        with pytest.raises(QuotaSpent):
            house.ask()

    def test_lines_of_a_target_count_it_too(self):
        house = House(limits=(CNY,), max_wait=0)
        house.ask(cost={"cost:CNY": 1_500_000})
        with pytest.raises(Throttled, match="model:main allows 2 CNY in any 60 s"):
            house.ask(cost={"cost:CNY": 600_000})


@pytest.mark.parametrize("nonsense", [10**30, -(10**30)])
def test_nonsense_about_what_was_used_keeps_the_sums_whole_numbers(nonsense):
    house = House(own(TOKENS))
    house.ask(usage=lambda _: {"tokens": nonsense})
    assert 0 <= house.used("w1:quota:alice:tokens") <= 10**12


def test_repetitions_of_a_call_spend_too_and_a_quota_that_ends_them_is_final():
    clock = FakeClock()
    cells = MemoryCells(clock)
    outbound = build_outbound(cells=cells, clock=clock, random=lambda: 0.0)
    call = a_call(clock)
    object.__setattr__(call, "quotas", (own(LimitLine("tokens", 250, 60.0)),))
    send = Script(TimeoutUnknown("no answer"))
    target = Target(id="model:main", attempts=5)
    with pytest.raises(QuotaSpent):
        outbound(an_attempt(call, target, send, model="chat.main", cost={"tokens": 100}))
    assert send.sent == 2
