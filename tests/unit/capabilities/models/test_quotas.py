"""A caller's quotas on the way through a pool: what is spent where, and whom a refusal stops."""

from dataclasses import replace

import pytest

from faas_toolkit.capabilities.models.dify_fallback import DifyFallback
from faas_toolkit.capabilities.models.operations import FALLBACK
from faas_toolkit.core.call import Caller
from faas_toolkit.core.errors import QuotaSpent, Throttled
from faas_toolkit.core.host import Generated
from faas_toolkit.pipeline.admission import Admission, Quota
from tests.fakes.host import FakeHost, FakeModels
from tests.fakes.models import Models

PRICE = {"currency": "CNY", "per": "1k tokens", "input": 2, "output": 3}
PROMPT = "word " * 200
"""About 300 tokens, as the models below say, too."""
TOKENS = Quota(of="tokens", limit=2_100, per=3_600.0, by=("user",))
CNY = Quota(of="cost", limit=4_000_000, per=3_600.0, currency="CNY", by=("user",))


def dify(name, **more):
    return {"name": name, "kind": "dify", "provider": "vendor/x/x", "model": name, **more}


def says(text, prompt=300, completion=200, price=None, currency=""):
    end = Generated(finish_reason="stop", prompt_tokens=prompt, completion_tokens=completion, price=price, currency=currency)
    return [Generated(text=text, model="m"), end]


class House:
    """A pool behind the admission of a catalog with these quotas."""

    def __init__(self, *quotas: Quota, deployments=None, functions=None, **pieces) -> None:
        pools = {"chat": {"deployments": deployments or [dify("a", price=PRICE), dify("b", price=PRICE)]}}
        self.host = FakeHost(llm=FakeModels(**{"a": says("from a"), "b": says("from b"), **pieces}))
        self.models = Models(pools, functions=functions, host=self.host)
        self.admission = Admission(quotas=quotas, cells=self.models.cells, clock=self.models.clock)

    def call(self, user="dify:u1", arguments=None, **more):
        call = self.models.call({"prompt": PROMPT, "max_tokens": 200} if arguments is None else arguments, **more)
        return replace(call, caller=Caller(subject=user, roles=("member",)))

    def ask(self, user="dify:u1", **arguments):
        call = self.call(user, {"prompt": PROMPT, "max_tokens": 200, **arguments})
        stream = self.admission(call, self.models.capability)
        *_, end = stream
        return end.answer

    def used(self, unit: str) -> list[int]:
        """On each counter of the unit, in the order they were made; their names tell nobody's name."""
        cells = self.models.cells._cells
        return [
            sum(ring.used for ring in state.rings) for key, (state, _) in cells.items() if key.startswith(f"w1:quota:{unit}:")
        ]

    @property
    def asked(self) -> list[str]:
        return [model.name for model, _ in self.host.llm.asked]


def test_tokens_are_settled_with_what_the_model_says_it_used():
    house = House(TOKENS)
    assert house.ask().source == "chat.a"
    assert house.used("tokens") == [500]
    for _ in range(3):
        house.ask()
    with pytest.raises(QuotaSpent, match="The quota of each user is used up: 2100 tokens"):
        house.ask()
    assert house.ask("dify:u2").source == "chat.a"
    assert house.asked == ["a"] * 5, "no other deployment is asked for one whose quota is used up"


def test_cost_is_settled_in_millionths_of_the_price_s_currency():
    house = House(CNY)
    house.ask()
    assert house.used("cost:CNY") == [300 * 2_000 + 200 * 3_000]
    for _ in range(2):
        house.ask()
    with pytest.raises(QuotaSpent, match="4 CNY"):
        house.ask()


def test_cost_in_another_currency_is_not_counted():
    house = House(Quota(of="cost", limit=1, per=60.0, currency="USD"))
    assert [house.ask().source for _ in range(5)] == ["chat.a"] * 5


def test_a_price_that_dify_tells_is_charged_afterwards():
    house = House(CNY, deployments=[dify("a")], a=says("x", price=3.5, currency="CNY"))
    house.ask()
    assert house.used("cost:CNY") == [3_500_000]
    house.ask()
    with pytest.raises(QuotaSpent):
        house.ask()


def test_a_quota_by_model_moves_on_to_the_next_deployment():
    house = House(replace(TOKENS, limit=1_100, by=("user", "model")))
    assert [house.ask().source for _ in range(4)] == ["chat.a", "chat.a", "chat.b", "chat.b"]
    with pytest.raises(Throttled) as refused:
        house.ask()
    assert "None of 2 models answered" in refused.value.message
    assert "The quota of each user and model is used up" in refused.value.message


def test_requests_by_model_are_spent_where_the_model_is_asked():
    house = House(Quota(limit=1, per=60.0, by=("model",)))
    assert [house.ask().source for _ in range(2)] == ["chat.a", "chat.b"]


def test_a_long_answer_that_is_only_possible_is_no_reason_to_refuse():
    house = House(TOKENS, CNY)
    assert house.ask(max_tokens=50_000).source == "chat.a"


def test_a_prompt_that_is_larger_than_a_quota_is_refused_for_ever():
    house = House(TOKENS)
    with pytest.raises(QuotaSpent) as refused:
        house.ask(prompt="word " * 5_000)
    assert "tokens at once, but the quota of each user is 2100 tokens" in refused.value.message
    assert not refused.value.retryable


def test_a_function_that_serves_a_model_spends_them_too():
    whole = {"choices": [{"message": {"content": "own"}}], "usage": {"prompt_tokens": 900, "completion_tokens": 100}}
    own = {"name": "own", "kind": "function", "function": "f", "price": PRICE}
    house = House(TOKENS, CNY, deployments=[own], functions=lambda name, payload, call: whole)
    house.ask()
    assert (house.used("tokens"), house.used("cost:CNY")) == ([1_000], [900 * 2_000 + 100 * 3_000])
    house.ask()
    with pytest.raises(QuotaSpent):
        house.ask()
    free = House(deployments=[own], functions=lambda name, payload, call: whole)
    call = free.call()
    list(free.models.capability(call))
    assert call.record.attempts == [], "without quotas nothing stands around the function's own gate"


def test_two_models_of_dify_spend_once_each_however_many_gates_stand_around_them():
    house = House(TOKENS)
    fallback = DifyFallback(generation=house.models.generation, targets={})
    chosen = {"provider": "vendor/x/x", "model": "a"}
    arguments = {"prompt": PROMPT, "model": chosen, "fallback_model": {**chosen, "model": "b"}, "tokens_per_minute": 5_000}
    call = house.call(arguments=arguments, operation=FALLBACK)
    *_, end = house.admission(call, fallback)
    assert end.answer.source == "vendor/x/x/a"
    assert house.used("tokens") == [500]


def test_limits_of_cost_of_a_deployment_move_on_to_the_next():
    limited = dify("a", price=PRICE, limits=[{"cost": 3, "currency": "CNY", "per": "1h"}])
    house = House(deployments=[limited, dify("b")])
    assert [house.ask(max_wait=0).source for _ in range(3)] == ["chat.a", "chat.a", "chat.b"]
    assert house.models.booked("model:chat.a").used == {"cost:CNY": 2_400_000}
